use watchfire_model::{
    Channel, Content, DeliveryOutcome, IncidentKind, Moment, NotificationKind, Presence,
    ServerName, Severity,
};

use super::*;
use crate::{NewIncidentRow, NewNotification, Thread};

/// A notification to `user` in a lane of its own, which was tried so often.
fn put(store: &Store, user: &str, name: &str, tries: u64) -> NotificationId {
    let channel = Channel::new("mailto:ada@example.org");
    let incident = NewIncidentRow {
        kind: IncidentKind::Presence,
        severity: Severity::Critical,
        part_of: None,
        labels: None,
        server: ServerName::new(name).unwrap(),
        presence: Presence::Down,
        cause: String::new(),
        silence_began: None,
        judged: Moment::default(),
        hub_stalled: std::time::Duration::ZERO,
    };
    let written = store.write(|batch| {
        let id = batch.enqueue(&NewNotification {
            incident: Some(batch.open_incident(&incident)?),
            thread: Thread::OfIncident,
            held: false,
            user: user.to_owned(),
            kind: NotificationKind::Down,
            channels: vec![channel.clone()],
            content: Content::default(),
            content_if_first: None,
            message_id: name.to_owned(),
            references: Vec::new(),
            created: Moment::default(),
        })?;
        for _ in 0..tries {
            let retry = DeliveryOutcome::Retry { why: String::new(), maybe_accepted: false };
            let delivery = batch.begin_delivery(id, &channel, Moment::default())?;
            batch.end_delivery(delivery, Moment::default(), &retry)?;
        }
        Ok(id)
    });
    written.unwrap()
}

fn oldest(store: &Store, most: usize) -> Vec<NotificationId> {
    store.lanes_up_to(most).unwrap().iter().map(|lane| lane.oldest).collect()
}

/// Those that are hidden may be what all others wait for.
#[test]
fn the_oldest_lane_of_each_user_is_seen_however_many_are_tried_less() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let stuck: Vec<_> = (0..6).map(|n| put(&store, "bob", &format!("b-{n}"), 3)).collect();
    let waited_for = put(&store, "ada", "a-tried", 1);
    let waiting: Vec<_> = (0..6).map(|n| put(&store, "ada", &format!("a-{n}"), 0)).collect();
    let expected = [waiting[0], waiting[1], waiting[2], waited_for, stuck[0], stuck[1]];
    assert_eq!(oldest(&store, 6), expected, "in the order of their tries");
    let all = [&waiting[..], &[waited_for], &stuck].concat();
    assert_eq!(oldest(&store, 100), all);
}
