//! Letters that wait in the outbox since the last run of the hub, looked at anew: meanwhile a user
//! may have gone, lost a server, mended an address or slept in.
//!
//! A letter about several servers of which its user may know some still is told, in plain words
//! that name those alone.

use watchfire_alert::Recipient;
use watchfire_model::{
    Content, Incident, IncidentKind, Labels, Moment, Notification, NotificationId,
    NotificationState, Severity,
};
use watchfire_store::{Batch, StoreError};

use super::book::Route;
use super::letters::Letters;
use super::routes::{again, of_hub, severity};
use super::{Desk, plain, without};
use crate::courier::owed::is_copy;

/// Letters that are looked at in one transaction.
const PAGE: usize = 500;

/// Where a letter goes now, and its words where it must not have those that it had.
struct Anew {
    route: Route,
    words: Option<Content>,
}

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
            Some(Anew { route, words }) => {
                if let Some(words) = words {
                    tracing::info!(
                        letter = letter.id.0,
                        "a letter names those servers alone \
                        that are its user's now"
                    );
                    batch.reword(letter.id, &words)?;
                }
                let was = (&letter.channels, letter.not_before_ms);
                if (&route.channels, route.not_before_ms) == was {
                    return Ok(());
                }
                batch.reroute(letter.id, &route.channels, route.not_before_ms)
            }
        }
    }
}

impl Letters {
    /// Where a letter goes as things are now; `None` when its user is not to have it.
    fn route_now(
        &self,
        batch: &Batch<'_>,
        letter: &Notification,
    ) -> Result<Option<Anew>, StoreError> {
        let Some(user) = self.recipient(&letter.user) else { return Ok(None) };
        if is_copy(letter) && !letter.channels.iter().any(|channel| user.uses(channel)) {
            // Whoever else there is has it already.
            return Ok(None);
        }
        let now = self.fleet.now();
        let Some(id) = letter.incident else {
            return self.of_several(batch, letter, user, now);
        };
        let as_it_is = |route| Anew { route, words: None };
        let incident = match without(batch.incident(id), "an incident is unreadable")?.flatten() {
            Some(incident) => incident,
            None => return Ok(Some(as_it_is(Route::of(letter, Severity::Critical)))),
        };
        let Some(labels) = self.labels_of(&incident) else { return Ok(None) };
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
        Ok(again(user, &labels, severity, letter, now).or_else(found).map(as_it_is))
    }

    /// The same of a letter about several servers, or about the hub.
    fn of_several(
        &self,
        batch: &Batch<'_>,
        letter: &Notification,
        user: &Recipient,
        now: Moment,
    ) -> Result<Option<Anew>, StoreError> {
        let told = batch.told_in(letter.id)?;
        let mut theirs = Vec::new();
        for id in &told {
            // Of one that cannot be read nobody knows whose it is.
            let incident = without(batch.incident(*id), "an incident is unreadable")?.flatten();
            theirs.extend(
                incident.filter(|one| {
                    self.labels_of(one).is_some_and(|labels| user.scope.holds(&labels))
                }),
            );
        }
        if theirs.is_empty() && !told.is_empty() {
            return Ok(None);
        }
        let words = (theirs.len() < told.len()).then(|| {
            let names = theirs.iter().map(|incident| incident.server.as_str());
            plain::group(letter.kind, names, &format!("{}/#/incidents", self.public_url))
        });
        // Only what could wait was ever put off.
        let severity = letter.not_before_ms.map_or(Severity::Critical, |_| Severity::Warning);
        let route = again(user, &Labels::new(), severity, letter, now);
        let route = route.or_else(|| of_hub(user, now));
        Ok(route.map(|route| Anew { route, words }))
    }

    /// The labels by which an incident is somebody's; `None` when its server is watched no more.
    fn labels_of(&self, incident: &Incident) -> Option<Labels> {
        // Of alerts that are about no server.
        incident.labels.clone().or_else(|| {
            let index = self.fleet.index(&incident.server)?;
            Some(self.fleet.config(index).server.labels.clone())
        })
    }
}
