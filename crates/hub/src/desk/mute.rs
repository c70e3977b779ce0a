//! Trouble that nobody is told of for a while: it is told when that ends and it goes on.

use std::time::Duration;

use watchfire_alert::Tell;
use watchfire_model::{
    Incident, Moment, NotificationKind, ServerName, TimelineEntry, TimelineKind,
};
use watchfire_store::{Batch, StoreError};

use super::book::Book;
use super::letters::{Letters, News};
use super::{Changes, Desk, without};

/// How often it is looked whether something is muted still: windows and clocks are changed.
const LOOK: Duration = Duration::from_secs(60);

impl Desk {
    /// Looks at once whether what is muted still is: what mutes has changed.
    pub(super) fn look_at_muted(&self) -> Result<Changes, StoreError> {
        if self.book().muted.is_empty() {
            return Ok(Changes::new());
        }
        self.transact(|_, book| {
            book.muted_look = Some(self.fleet.now());
            Ok(Changes::new())
        })
    }
}

impl Letters {
    /// Notes in the book that this trouble is muted, if it is; its beginning is not told then.
    pub(super) fn is_muted(
        &self,
        batch: &Batch<'_>,
        book: &mut Book,
        incident: &Incident,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let Some(index) = self.fleet.index(&incident.server) else { return Ok(false) };
        let labels = &self.fleet.config(index).server.labels;
        let Some(mute) = self.muting.of_server(labels, now) else { return Ok(false) };
        if !book.muted.contains(&incident.server) {
            let text = format!("told to nobody: {}", mute.why);
            let line = TimelineEntry { at: now, kind: TimelineKind::Muted, text };
            without(batch.add_timeline(incident.id, &line), "a line of a timeline is lost")?;
            book.muted.insert_mut(incident.server.clone());
        }
        // What is told to nobody must not make the first trouble afterwards one of many.
        book.flaps.remove_mut(&incident.server);
        let left = mute.until_ms.map(|until| until.saturating_sub(now.unix_ms).max(0));
        let left = left.map_or(LOOK, |left| Duration::from_millis(left.unsigned_abs()).min(LOOK));
        let look = now.after(left);
        let is_sooner = |known: &Moment| known.monotonic <= look.monotonic;
        book.muted_look = book.muted_look.filter(is_sooner).or(Some(look));
        Ok(true)
    }

    /// Tells the trouble that is muted no more and goes on, all of it at once, and says in the
    /// book when to look again.
    pub(super) fn unmute(
        &self,
        batch: &Batch<'_>,
        book: &mut Book,
        now: Moment,
    ) -> Result<(), StoreError> {
        let Some(look) = book.muted_look.filter(|_| !book.muted.is_empty()) else { return Ok(()) };
        if look.monotonic > now.monotonic {
            book.wake_at(look);
            return Ok(());
        }
        book.muted_look = None;
        for server in book.muted.iter().cloned().collect::<Vec<ServerName>>() {
            let open = book.open.get(&server).cloned();
            if let Some(incident) = &open
                && self.is_muted(batch, book, incident, now)?
            {
                continue;
            }
            book.muted.remove_mut(&server);
            if let Some(incident) = &open {
                let (kind, tell) = (NotificationKind::Down, Tell::Now);
                self.write(batch, book, &News { kind, incident, at: now, lines: &[], tell })?;
            }
        }
        book.muted_look.into_iter().for_each(|look| book.wake_at(look));
        Ok(())
    }
}
