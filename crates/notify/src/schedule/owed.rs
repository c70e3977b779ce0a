//! Who keeps an incident that somebody else was told the news of.

use watchfire_model::{Channel, Delivery, Notification, NotificationId, NotificationKind};

use super::took;
use crate::channel::list;

/// The channels that are to be told as well what `taken_by` took: those of the notification that
/// keep incidents of their own (PagerDuty, Opsgenie, an Alertmanager) and have, or may have, an
/// earlier one of its lane. They were told because another channel failed for a while, and nobody
/// else will ever close what they opened.
///
/// `lane` is as for [`next_step`](super::next_step).
#[must_use]
pub fn owed(
    lane: &[(Notification, Vec<Delivery>)],
    notification: NotificationId,
    taken_by: &Channel,
) -> Vec<Channel> {
    let Some(at) = lane.iter().position(|(one, _)| one.id == notification) else {
        return Vec::new();
    };
    let has_earlier = |channel: &Channel| {
        let mut tries = lane[..at].iter().flat_map(|(_, tries)| tries);
        tries.any(|one| one.channel == *channel && took(&one.outcome))
    };
    let others = lane[at].0.channels.iter().filter(|channel| *channel != taken_by);
    others
        .filter(|channel| list::keeps_incidents(channel) && has_earlier(channel))
        .cloned()
        .collect()
}

/// Whether a notification is the end of what the channel it goes by keeps no incident of: another
/// one took all that was told before, perhaps because the user is reached otherwise since. There
/// is nothing to close there, and who is asked to close what was never opened drops the word.
#[must_use]
pub fn ends_unopened(
    lane: &[(Notification, Vec<Delivery>)],
    notification: NotificationId,
    channel: &Channel,
) -> bool {
    let Some(at) = lane.iter().position(|(one, _)| one.id == notification) else { return false };
    let is_end = matches!(
        lane[at].0.kind,
        NotificationKind::Recovered
            | NotificationKind::Resolved
            | NotificationKind::HubBack
            | NotificationKind::DiskRoom
    );
    let took = |one: &Delivery| one.channel == *channel && took(&one.outcome);
    let mut earlier = lane[..at].iter().flat_map(|(_, tries)| tries);
    is_end && list::keeps_incidents(channel) && !earlier.any(took)
}

#[cfg(test)]
mod tests {
    use watchfire_model::{Content, DeliveryOutcome, IncidentId, Moment, NotificationState};

    use super::*;

    const MAIL: &str = "mailto:ada@example.org";
    const PAGER: &str = "pagerduty://0123456789abcdef";
    const CHAT: &str = "ntfy://t";

    fn entry(id: i64, tries: &[(&str, DeliveryOutcome)]) -> (Notification, Vec<Delivery>) {
        let notification = Notification {
            id: NotificationId(id),
            incident: Some(IncidentId(1)),
            thread: None,
            user: "ada".to_owned(),
            kind: NotificationKind::Down,
            channels: [MAIL, CHAT, PAGER].map(Channel::new).to_vec(),
            content: Content::default(),
            content_if_first: None,
            message_id: format!("{id}@hub"),
            references: Vec::new(),
            created: Moment::default(),
            not_before_ms: None,
            state: NotificationState::Pending,
        };
        let tries = tries.iter().map(|(channel, outcome)| Delivery {
            notification: NotificationId(id),
            channel: Channel::new(channel),
            attempt: 1,
            began: Moment::default(),
            ended: None,
            outcome: outcome.clone(),
        });
        (notification, tries.collect())
    }

    fn told(earlier: &[(&str, DeliveryOutcome)], taken_by: &str) -> Vec<Channel> {
        let lane = [entry(1, earlier), entry(2, &[])];
        owed(&lane, NotificationId(2), &Channel::new(taken_by))
    }

    #[test]
    fn an_end_closes_only_what_the_same_channel_opened() {
        let accepted = || DeliveryOutcome::Accepted { reply: String::new() };
        let ends = |earlier: &[(&str, DeliveryOutcome)], kind, by: &str| {
            let mut end = entry(2, &[]);
            end.0.kind = kind;
            let lane = [entry(1, earlier), end];
            ends_unopened(&lane, NotificationId(2), &Channel::new(by))
        };
        let back = NotificationKind::Recovered;
        assert!(ends(&[(MAIL, accepted())], back, PAGER), "only the mail knows of it");
        assert!(!ends(&[(PAGER, accepted())], back, PAGER));
        assert!(!ends(&[(PAGER, DeliveryOutcome::Unknown)], back, PAGER), "it may have it");
        assert!(!ends(&[(MAIL, accepted())], back, MAIL), "a mail closes nothing");
        assert!(!ends(&[(MAIL, accepted())], NotificationKind::Changed, PAGER), "it goes on");
    }

    #[test]
    fn who_keeps_the_incident_is_told_what_another_channel_took() {
        let accepted = || DeliveryOutcome::Accepted { reply: String::new() };
        let retry = |maybe_accepted| DeliveryOutcome::Retry { why: String::new(), maybe_accepted };
        let pager = [Channel::new(PAGER)];
        assert_eq!(told(&[(PAGER, accepted())], MAIL), pager);
        assert_eq!(told(&[(PAGER, retry(true))], MAIL), pager, "it may have it");
        assert_eq!(told(&[(PAGER, DeliveryOutcome::Unknown)], MAIL), pager);
        assert_eq!(told(&[(PAGER, retry(false)), (MAIL, accepted())], MAIL), []);
        assert_eq!(told(&[(PAGER, accepted())], PAGER), [], "it is the one that took it");
        assert_eq!(told(&[(CHAT, accepted())], MAIL), [], "a chat has nothing to close");
        // Nothing came before the first one.
        let lane = [entry(1, &[(PAGER, retry(true)), (MAIL, accepted())])];
        assert_eq!(owed(&lane, NotificationId(1), &Channel::new(MAIL)), []);
    }
}
