//! SIGKILL at any instant loses nothing that was acknowledged.

mod common;
#[path = "common/killed.rs"]
mod killed;

use common::{at, new_incident, new_notification};
use watchfire_model::{Channel, DeliveryOutcome, IncidentId, NotificationState};
use watchfire_store::{Batch, Store, StoreError};

/// One event as the hub writes it: all of it, or none.
fn event(batch: &Batch<'_>, number: usize) -> Result<IncidentId, StoreError> {
    let incident = batch.open_incident(&new_incident(&format!("server-{number}")))?;
    let new = new_notification(Some(incident), "ada", &format!("{number}@hub"));
    let notification = batch.enqueue(&new)?;
    let channel = Channel::new("mailto:ada@example.org");
    let delivery = batch.begin_delivery(notification, &channel, at(6))?;
    let accepted = DeliveryOutcome::Accepted { reply: "x".repeat(number * 7 % 9000) };
    batch.end_delivery(delivery, at(7), &accepted)?;
    batch.set_state(notification, NotificationState::Delivered)?;
    Ok(incident)
}

/// Not a test by itself: what the killed process does.
#[test]
fn child() {
    let Some(folder) = killed::folder() else { return };
    let store = Store::open(&folder).expect("the store opens");
    let begun = store.incidents(&Default::default()).expect("it can be read");
    let first = begun.first().map_or(0, |newest| newest.id.0 as usize);
    for number in first.. {
        let id = store.write(|batch| event(batch, number)).expect("it can be written");
        killed::acknowledge(id.0);
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut acknowledged = Vec::new();
    for round in 0..12 {
        let enough = 1 + round * 29 % 67;
        acknowledged.extend(killed::run_and_kill::<i64>("child", folder.path(), enough));
        let store = Store::open(folder.path()).expect("it opens after a kill");
        store.check().expect("it is whole");
        for id in acknowledged.iter().copied().map(IncidentId) {
            assert!(store.incident(id).expect("it can be read").is_some(), "{id:?} is lost");
        }
        whole_events_only(&store);
    }
}

fn whole_events_only(store: &Store) {
    for incident in store.open_incidents().expect("it can be read") {
        let notifications = store.notifications_of(incident.id).expect("it can be read");
        assert_eq!(notifications.len(), 1, "{incident:?}");
        assert_eq!(notifications[0].state, NotificationState::Delivered);
        let deliveries = store.deliveries_of(notifications[0].id).expect("it can be read");
        assert_eq!(deliveries.len(), 1);
        assert!(matches!(deliveries[0].outcome, DeliveryOutcome::Accepted { .. }));
    }
}
