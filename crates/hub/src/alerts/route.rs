//! Where letters about alerts go, and when.

use watchfire_alert::Recipient;
use watchfire_alert::told::News;
use watchfire_model::{Channel, Labels, Moment, Notification, Severity};

/// Where a letter goes, and when. What is told together is alike in all of it: what can wait must
/// not hold up what cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    /// The channels, preferred first.
    pub(super) channels: Vec<Channel>,
    /// Until when it waits for its user to be awake, in milliseconds since 1970.
    pub(super) not_before_ms: Option<i64>,
    /// How bad it is.
    pub(super) severity: Severity,
}

/// Where the first word about an alert goes; `None` where the user's ways say that it is not told.
/// `labels` are the alert's and its server's.
pub(super) fn begins(
    user: &Recipient,
    labels: &Labels,
    severity: Severity,
    now: Moment,
) -> Option<Route> {
    let news = News { labels, severity };
    let channels = user.channels_for(&news, now.unix_ms).0.to_vec();
    let not_before_ms = user.waits_until(&news, now.unix_ms);
    (!channels.is_empty()).then_some(Route { channels, not_before_ms, severity })
}

/// Where what follows goes: where the first word went, as far as the user still has those channels.
pub(super) fn goes_on(
    user: &Recipient,
    labels: &Labels,
    severity: Severity,
    first: &Notification,
    now: Moment,
) -> Option<Route> {
    let known = first.channels.iter().filter(|channel| user.uses(channel));
    let channels: Vec<Channel> = known.cloned().collect();
    if channels.is_empty() {
        return begins(user, labels, severity, now);
    }
    let not_before_ms = user.waits_until(&News { labels, severity }, now.unix_ms);
    Some(Route { channels, not_before_ms, severity })
}
