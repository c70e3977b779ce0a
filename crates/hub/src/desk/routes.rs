//! Where letters about a server go, and when.

use watchfire_alert::Recipient;
use watchfire_alert::told::{News, Telling};
use watchfire_model::{
    Channel, Labels, Moment, Notification, NotificationState, ServerName, Severity,
};

use super::book::Route;
use super::letters::Letters;

/// The label by which a server says how bad it is when it does not answer.
const SEVERITY: &str = "severity";

/// How bad it is that a server with these labels is in trouble: critical, unless they say less.
pub(crate) fn severity(labels: &Labels) -> Severity {
    labels.get(SEVERITY).map_or(Severity::Critical, Severity::of_label)
}

/// Where the first word about a trouble goes; `None` when this user is not told of it.
pub(super) fn begins(user: &Recipient, labels: &Labels, now: Moment) -> Option<Route> {
    let severity = severity(labels);
    match user.telling(&News { labels, severity }, now.unix_ms) {
        Telling::Told { channels, not_before_ms, .. } => {
            Some(Route { channels: channels.to_vec(), not_before_ms, severity })
        }
        Telling::NotTheirs | Telling::Muted(_) | Telling::Unreachable => None,
    }
}

/// Where what follows goes: where the last word went, as far as the user still has those
/// channels, whatever a way says by now. Who was told the trouble is told its end.
pub(super) fn goes_on(
    user: &Recipient,
    labels: &Labels,
    told: &[&Notification],
    now: Moment,
) -> Option<Route> {
    let last = told.iter().rev().find(|letter| letter.state != NotificationState::Merged);
    let last = last.or(told.last())?;
    let known = last.channels.iter().filter(|channel| user.uses(channel));
    let channels: Vec<_> = known.cloned().collect();
    if channels.is_empty() {
        return begins(user, labels, now);
    }
    let severity = severity(labels);
    let not_before_ms = user.waits_until(&News { labels, severity }, now.unix_ms);
    Some(Route { channels, not_before_ms, severity })
}

/// Where a letter goes that waited since before: where it was to go, as far as its user still has
/// those channels, and when the user is awake by the hours of now. `None` when none of them is left.
pub(super) fn again(
    user: &Recipient,
    labels: &Labels,
    severity: Severity,
    letter: &Notification,
    now: Moment,
) -> Option<Route> {
    let news = News { labels, severity };
    let known = letter.channels.iter().filter(|channel| user.uses(channel));
    let mut channels: Vec<Channel> = known.cloned().collect();
    if channels.is_empty() {
        channels = user.channels_for(&news, now.unix_ms).0.to_vec();
    }
    let sleeps = letter.not_before_ms.is_some();
    let not_before_ms = sleeps.then(|| user.waits_until(&news, now.unix_ms)).flatten();
    (!channels.is_empty()).then_some(Route { channels, not_before_ms, severity })
}

/// Where a word about the hub itself goes, which waits for nobody: where what is critical goes, and
/// where no way says, to any channel that the user has.
pub(super) fn of_hub(user: &Recipient, now: Moment) -> Option<Route> {
    let severity = Severity::Critical;
    let news = News { labels: &Labels::new(), severity };
    let of_ways = user.ways.iter().map(|way| way.channels.as_slice());
    let found = [user.channels_for(&news, now.unix_ms).0, &user.channels];
    let channels = found.into_iter().chain(of_ways).find(|channels| !channels.is_empty())?;
    Some(Route { channels: channels.to_vec(), not_before_ms: None, severity })
}

/// The channels for a word about the hub itself, if the user has any.
pub(crate) fn any_channels(user: &Recipient, now: Moment) -> Option<Vec<Channel>> {
    of_hub(user, now).map(|route| route.channels)
}

/// Where the end of what was told goes: where its beginning went.
pub(super) fn of_hub_again(channels: &[Channel]) -> Route {
    let channels = channels.to_vec();
    Route { channels, not_before_ms: None, severity: Severity::Critical }
}

impl Letters {
    /// How bad it is that a server is in trouble; critical for one that is watched no more.
    pub(super) fn severity_of(&self, server: &ServerName) -> Severity {
        let index = self.fleet.index(server);
        index.map_or(Severity::Critical, |index| severity(&self.fleet.config(index).server.labels))
    }
}
