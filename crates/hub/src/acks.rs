//! Who looks after an incident, and what people write to it.
//!
//! What belongs together is looked after together: acknowledging one incident acknowledges all
//! of its family that go on and that nobody looks after yet.

use std::sync::Arc;

use watchfire_alert::clean;
use watchfire_model::{
    Acknowledged, Incident, IncidentId, IncidentState, Moment, TimelineEntry, TimelineKind,
};
use watchfire_store::{Batch, Store, StoreError};

/// The longest note, in bytes.
pub(crate) const MAX_NOTE_BYTES: usize = 4096;
/// How many notes an incident takes.
pub(crate) const MAX_NOTES: usize = 200;
/// How often an incident may be acknowledged and the like taken back.
const MAX_TURNS: usize = 100;

/// Tells whoever keeps incidents in memory, and the open pages.
type OnChange = Arc<dyn Fn(&Incident) + Send + Sync>;

/// Writes it down. Cheap to clone; every call blocks.
#[derive(Clone)]
pub(crate) struct Acks {
    store: Store,
    on_change: OnChange,
}

/// Who does something, when, and what is said of how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Actor<'a> {
    pub(crate) user: &'a str,
    pub(crate) at: Moment,
    /// The end of the line in the timeline: `, by the link in a letter`.
    pub(crate) how: &'static str,
}

/// Why nothing was written down.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AckError {
    #[error("there is no such incident")]
    NotFound,
    #[error("the incident is over")]
    Over,
    #[error("a note has 1 to {MAX_NOTE_BYTES} bytes that can be read")]
    BadNote,
    #[error("an incident takes {MAX_NOTES} notes, and this one has them")]
    Notes,
    #[error("this incident was acknowledged and taken back too often")]
    Turns,
    #[error("the timeline of this incident is full")]
    Timeline,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Acks {
    pub(crate) fn new(store: Store, on_change: OnChange) -> Self {
        Self { store, on_change }
    }

    /// Somebody looks after an incident from now on. Whoever did before goes on to.
    pub(crate) fn acknowledge(
        &self,
        id: IncidentId,
        actor: &Actor<'_>,
        note: Option<&str>,
    ) -> Result<Incident, AckError> {
        let note = note.map(readable).transpose()?;
        let by = Acknowledged { by: actor.user.to_owned(), at_unix_ms: actor.at.unix_ms };
        let acknowledged = self.change(id, |batch, family| {
            if !family.iter().any(is_open) {
                return Ok(Err(AckError::Over));
            }
            let untended = |one: &&Incident| is_open(one) && one.acknowledged.is_none();
            let untended: Vec<IncidentId> =
                family.iter().filter(untended).map(|one| one.id).collect();
            let room = room_for(batch, id, TimelineKind::Acknowledged, untended.is_empty())
                .and_then(|room| Ok(room.and(note_room(batch, id, note.is_some())?)))?;
            if room.is_err() {
                return Ok(room.map(|()| Vec::new()));
            }
            untended.iter().try_for_each(|one| batch.acknowledge(*one, Some(&by)))?;
            if !untended.is_empty() {
                let words = format!("{} looks after it{}", actor.user, actor.how);
                line(batch, id, actor, TimelineKind::Acknowledged, words)?;
            }
            if let Some(note) = &note {
                line(batch, id, actor, TimelineKind::Note, format!("{}: {note}", actor.user))?;
            }
            Ok(Ok(untended))
        })?;
        Ok(acknowledged)
    }

    /// Nobody looks after an incident any more; what is over stays as it was.
    pub(crate) fn take_back(
        &self,
        id: IncidentId,
        actor: &Actor<'_>,
    ) -> Result<Incident, AckError> {
        self.change(id, |batch, family| {
            let tended = |one: &&Incident| is_open(one) && one.acknowledged.is_some();
            let tended: Vec<IncidentId> = family.iter().filter(tended).map(|one| one.id).collect();
            let room = room_for(batch, id, TimelineKind::Acknowledged, tended.is_empty())?;
            if room.is_err() || tended.is_empty() {
                return Ok(room.map(|()| tended));
            }
            tended.iter().try_for_each(|one| batch.acknowledge(*one, None))?;
            let words = format!("{} takes the acknowledgement back", actor.user);
            line(batch, id, actor, TimelineKind::Acknowledged, words)?;
            Ok(Ok(tended))
        })
    }

    /// Somebody writes something to an incident, be it over or not.
    pub(crate) fn note(
        &self,
        id: IncidentId,
        actor: &Actor<'_>,
        text: &str,
    ) -> Result<Incident, AckError> {
        let text = readable(text)?;
        self.change(id, |batch, _| {
            let room = note_room(batch, id, true)?;
            if room.is_ok() {
                line(batch, id, actor, TimelineKind::Note, format!("{}: {text}", actor.user))?;
            }
            Ok(room.map(|()| vec![id]))
        })
    }

    /// Does `work` on the family of an incident in one transaction, tells of those that it
    /// changed, and gives the incident as it is then.
    fn change(
        &self,
        id: IncidentId,
        work: impl FnOnce(&Batch<'_>, &[Incident]) -> Result<Done, StoreError>,
    ) -> Result<Incident, AckError> {
        let written = self.store.write(|batch| {
            let family = batch.family(id)?;
            if !family.iter().any(|one| one.id == id) {
                return Ok(Err(AckError::NotFound));
            }
            match work(batch, &family)? {
                Ok(changed) => Ok(Ok((changed, batch.family(id)?))),
                Err(error) => Ok(Err(error)),
            }
        });
        let (changed, family) = written??;
        family.iter().filter(|one| changed.contains(&one.id)).for_each(|one| (self.on_change)(one));
        family.into_iter().find(|one| one.id == id).ok_or(AckError::NotFound)
    }
}

/// The incidents that changed, or why nothing was written.
type Done = Result<Vec<IncidentId>, AckError>;

fn is_open(incident: &Incident) -> bool {
    incident.state == IncidentState::Open
}

fn line(
    batch: &Batch<'_>,
    id: IncidentId,
    actor: &Actor<'_>,
    kind: TimelineKind,
    text: String,
) -> Result<(), StoreError> {
    batch.add_timeline(id, &TimelineEntry { at: actor.at, kind, text })
}

/// Whether there is room for one more line of a kind that people make, if one is `needed` at all.
fn room_for(
    batch: &Batch<'_>,
    id: IncidentId,
    kind: TimelineKind,
    is_needless: bool,
) -> Result<Result<(), AckError>, StoreError> {
    let (most, full) = match kind {
        TimelineKind::Note => (MAX_NOTES, AckError::Notes),
        _ => (MAX_TURNS, AckError::Turns),
    };
    if is_needless {
        Ok(Ok(()))
    } else if batch.lines_of(id, kind)? >= most {
        Ok(Err(full))
    } else if batch.timeline_is_full(id)? && kind == TimelineKind::Note {
        // Who looks after it counts even where there is no room to say so.
        Ok(Err(AckError::Timeline))
    } else {
        Ok(Ok(()))
    }
}

fn note_room(
    batch: &Batch<'_>,
    id: IncidentId,
    is_needed: bool,
) -> Result<Result<(), AckError>, StoreError> {
    room_for(batch, id, TimelineKind::Note, !is_needed)
}

/// A note as it is kept: its lines, and nothing in them that hides or turns others.
fn readable(text: &str) -> Result<String, AckError> {
    if text.len() > MAX_NOTE_BYTES {
        return Err(AckError::BadNote);
    }
    let lines: Vec<String> = text.lines().map(|line| clean(line, MAX_NOTE_BYTES)).collect();
    let text = lines.join("\n").trim().to_owned();
    if text.is_empty() { Err(AckError::BadNote) } else { Ok(text) }
}

#[cfg(test)]
mod tests;
