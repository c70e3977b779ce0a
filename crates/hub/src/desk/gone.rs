use watchfire_model::{IncidentState, Moment, ServerName, TimelineEntry, TimelineKind};
use watchfire_store::StoreError;

use super::{Changes, Desk};

impl Desk {
    /// Closes the open incident of a server that left the fleet. Nobody is told:
    /// an operator took it out, and what was held about it falls. It blocks.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be stored; the next start closes it then.
    pub(crate) fn server_gone(&self, server: &ServerName, at: Moment) -> Result<(), StoreError> {
        let changes = self.transact(|batch, book| {
            book.flaps.remove(server);
            let Some(mut incident) = book.open.remove(server) else { return Ok(Changes::new()) };
            let text = "The server is no longer watched.".to_owned();
            let entry = TimelineEntry { at, kind: TimelineKind::Judged, text };
            batch.add_timeline(incident.id, &entry)?;
            batch.close_incident(incident.id, at)?;
            incident.state = IncidentState::Closed(at);
            Ok(Changes::from([(server.clone(), incident)]))
        })?;
        self.tell(changes);
        Ok(())
    }
}
