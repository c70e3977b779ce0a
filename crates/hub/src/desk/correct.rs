//! What is known better of an incident, once its server handed in what it recorded.

use std::sync::Arc;

use watchfire_alert::{Correction, Tell};
use watchfire_model::{IncidentId, IncidentState, NotificationKind};
use watchfire_runtime::task;
use watchfire_store::StoreError;

use super::letters::News;
use super::step::add_all;
use super::{Changes, Desk};

/// Why a correction is not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CorrectError {
    /// The store does not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The work itself failed.
    #[error("{0}")]
    Failed(String),
}

impl CorrectError {
    /// True when it may be tried again with success.
    pub(crate) fn is_temporary(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_temporary())
    }
}

impl Desk {
    /// Gives an incident, open or closed, the cause and the lines of `correction`, in
    /// one transaction with what users are told of it: those that were told something
    /// else get a letter. The same correction once more changes nothing.
    ///
    /// # Errors
    /// [`CorrectError`] when nothing was stored; when it is temporary, try it again.
    pub(crate) async fn correct(
        self: &Arc<Self>,
        incident: IncidentId,
        correction: Correction,
    ) -> Result<(), CorrectError> {
        let desk = self.clone();
        let work = task::blocking("desk", move || desk.record_correction(incident, &correction));
        let changes = work.await.map_err(|failed| CorrectError::Failed(failed.to_string()))??;
        self.tell(changes);
        self.woken.notify_one();
        Ok(())
    }

    pub(super) fn record_correction(
        &self,
        id: IncidentId,
        correction: &Correction,
    ) -> Result<Changes, StoreError> {
        self.transact(|batch, book| {
            let known = batch.incident(id)?;
            let mut incident = known.ok_or(StoreError::NotFound { what: "incident", id: id.0 })?;
            if incident.cause == correction.cause {
                return Ok(Changes::new());
            }
            add_all(batch, id, &correction.timeline)?;
            batch.correct_incident(id, &correction.cause)?;
            incident.cause.clone_from(&correction.cause);
            if incident.state == IncidentState::Open {
                book.note(&incident);
            }
            // Of a server that flaps the digests tell, and what was told of each outage is long
            // outdated; its incident has it.
            if correction.contradicts && !book.is_flapping(&incident.server) {
                self.letters.write(
                    batch,
                    book,
                    &News {
                        kind: NotificationKind::Corrected,
                        incident: &incident,
                        at: self.fleet.now(),
                        lines: &correction.timeline,
                        tell: Tell::Now,
                    },
                )?;
            }
            Ok(Changes::from([(incident.server.clone(), incident)]))
        })
    }
}
