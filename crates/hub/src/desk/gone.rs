use watchfire_model::{
    Goodbye, IncidentState, Moment, Presence, ServerName, TimelineEntry, TimelineKind, Transition,
};
use watchfire_store::{Batch, StoreError, StoredLeaving};

use super::{Changes, Desk, without};

impl Desk {
    /// Writes down that a server is leaving, or is no more: a hub that is started
    /// meanwhile gives it the same time.
    pub(super) fn note_leaving(
        &self,
        batch: &Batch<'_>,
        transition: &Transition,
    ) -> Result<(), StoreError> {
        let noted = match (transition.from, transition.to) {
            (_, Presence::Leaving) => batch.put_leaving(&StoredLeaving {
                server: transition.server.clone(),
                goodbye: self.fleet.goodbye_of(&transition.server).unwrap_or(Goodbye::Reboot),
                unix_ms: transition.at.unix_ms,
            }),
            (Presence::Leaving, _) => batch.end_leaving(&transition.server),
            _ => Ok(()),
        };
        without(noted, "a goodbye cannot be stored").map(|_| ())
    }

    /// Closes the open incident of a server that left the fleet. Nobody is told:
    /// an operator took it out, and what was held about it falls. It blocks.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be stored; the next start closes it then.
    pub(crate) fn server_gone(&self, server: &ServerName, at: Moment) -> Result<(), StoreError> {
        let changes = self.transact(|batch, book| {
            book.flaps.remove_mut(server);
            batch.end_leaving(server)?;
            let Some(mut incident) = book.open.get(server).cloned() else {
                return Ok(Changes::new());
            };
            let text = "The server is no longer watched.".to_owned();
            let entry = TimelineEntry { at, kind: TimelineKind::Judged, text };
            batch.add_timeline(incident.id, &entry)?;
            batch.close_incident(incident.id, at)?;
            incident.state = IncidentState::Closed(at);
            book.note(&incident);
            Ok(Changes::from([(server.clone(), incident)]))
        })?;
        self.tell(changes);
        Ok(())
    }
}
