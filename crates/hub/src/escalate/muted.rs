//! What is muted is not escalated.

use watchfire_model::{Incident, IncidentKind, Labels, Moment};

use super::Escalator;
use crate::alerts::{Active, ActiveAlert, labels_of};
use crate::muting::Muting;

/// By what it is known in one look what is muted. It is put together before the transaction, in
/// which nothing is then waited for and nothing large is copied.
pub(super) struct Hush<'m> {
    pub(super) now: Moment,
    muting: &'m Muting,
    /// What fires.
    active: Active,
}

impl Escalator {
    pub(super) fn hush(&self, now: Moment) -> Hush<'_> {
        let active = self.alerts.as_ref().map(|desk| desk.active()).unwrap_or_default();
        Hush { now, muting: &self.muting, active }
    }

    /// An incident of alerts is muted when all of its alerts are, be it because of their own
    /// labels.
    pub(super) fn is_muted(&self, incident: &Incident, hush: &Hush<'_>) -> bool {
        let Some(labels) = self.labels_of(incident) else { return false };
        if incident.kind == IncidentKind::Presence {
            return hush.muting.of_server(&labels, hush.now).is_some();
        }
        let mut alerts = hush.active.of(incident.id).peekable();
        match alerts.peek() {
            Some(_) => alerts.all(|alert| self.is_alert_muted(alert, &labels, hush)),
            None => hush.muting.of(&labels, &labels, hush.now).is_some(),
        }
    }

    /// The desk looks at what mutes an alert only when somebody is to be told of it, and so it is
    /// asked here once more.
    fn is_alert_muted(&self, alert: &ActiveAlert, theirs: &Labels, hush: &Hush<'_>) -> bool {
        let labels = || labels_of(&self.fleet, alert.server.as_ref(), &alert.labels);
        alert.muted.is_some() || hush.muting.of(&labels(), theirs, hush.now).is_some()
    }
}
