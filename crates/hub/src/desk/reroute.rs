//! Letters that wait in the outbox since the last run of the hub, looked at anew: meanwhile a user
//! may have gone, lost a server, mended an address or slept in.

use watchfire_model::{
    IncidentKind, Labels, Notification, NotificationId, NotificationState, Severity,
};
use watchfire_store::{Batch, StoreError};

use super::book::Route;
use super::letters::Letters;
use super::routes::{again, of_hub, severity};
use super::{Desk, without};
use crate::courier::owed::is_copy;

/// Letters that are looked at in one transaction.
const PAGE: usize = 500;

impl Desk {
    /// Takes back what its user may not know any more, and sends the rest where its user is
    /// reached now. To be called before anything is sent. It blocks.
    ///
    /// # Errors
    /// [`StoreError`] when the outbox cannot be read or written; what waits goes where it
    /// was to go then.
    pub(crate) fn reroute(&self) -> Result<(), StoreError> {
        let mut after = NotificationId(0);
        loop {
            let page = self.store.pending_after(after, PAGE)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id;
            self.store.write(|batch| page.iter().try_for_each(|one| self.look_at(batch, one)))?;
        }
    }

    fn look_at(&self, batch: &Batch<'_>, letter: &Notification) -> Result<(), StoreError> {
        match self.letters.route_now(batch, letter)? {
            None => {
                tracing::info!(letter = letter.id.0, "a letter is taken back: not its user's now");
                batch.set_state(letter.id, NotificationState::Merged)
            }
            Some(now)
                if (&now.channels, now.not_before_ms)
                    == (&letter.channels, letter.not_before_ms) =>
            {
                Ok(())
            }
            Some(now) => batch.reroute(letter.id, &now.channels, now.not_before_ms),
        }
    }
}

impl Letters {
    /// Where a letter goes as things are now; `None` when its user is not to have it.
    fn route_now(
        &self,
        batch: &Batch<'_>,
        letter: &Notification,
    ) -> Result<Option<Route>, StoreError> {
        let Some(user) = self.recipient(&letter.user) else { return Ok(None) };
        if is_copy(letter) && !letter.channels.iter().any(|channel| user.uses(channel)) {
            // Whoever else there is has it already.
            return Ok(None);
        }
        let now = self.fleet.now();
        let Some(id) = letter.incident else {
            // Of several servers, or of the hub: only what could wait was ever put off.
            let severity = letter.not_before_ms.map_or(Severity::Critical, |_| Severity::Warning);
            let found = || of_hub(user, now);
            return Ok(again(user, &Labels::new(), severity, letter, now).or_else(found));
        };
        let incident = match without(batch.incident(id), "an incident is unreadable")?.flatten() {
            Some(incident) => incident,
            None => return Ok(Some(Route::of(letter, Severity::Critical))),
        };
        let labels = match incident.labels {
            // Of alerts that are about no server.
            Some(labels) => labels,
            None => match self.fleet.index(&incident.server) {
                Some(index) => self.fleet.config(index).server.labels.clone(),
                None => return Ok(None),
            },
        };
        if !user.scope.holds(&labels) {
            return Ok(None);
        }
        let severity = match incident.kind {
            IncidentKind::Presence => severity(&labels),
            // What was put off could wait, however bad the incident is by now.
            IncidentKind::Alerts if letter.not_before_ms.is_some() => Severity::Warning,
            IncidentKind::Alerts => incident.severity,
        };
        let found = || of_hub(user, now);
        Ok(again(user, &labels, severity, letter, now).or_else(found))
    }
}
