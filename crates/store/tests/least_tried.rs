//! The order of the lanes that wait.

mod common;

use common::{at, new_incident, new_notification};
use watchfire_model::{Channel, DeliveryOutcome, NotificationState};
use watchfire_store::{LaneAbout, LaneKey, PendingLane, Store};

#[test]
fn the_least_tried_lanes_come_first_and_of_these_the_oldest() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    let lane = |name: &str| {
        let written = store.write(|batch| {
            let incident = batch.open_incident(&new_incident(name))?;
            let id = batch.enqueue(&new_notification(Some(incident), "ada", name))?;
            let about = LaneAbout::Incident(incident);
            Ok((LaneKey { user: "ada".to_owned(), about }, id))
        });
        written.expect("it can be written")
    };
    let ((old, old_id), (middle, middle_id), (new, new_id)) = (lane("a"), lane("b"), lane("c"));
    let LaneAbout::Incident(incident) = old.about else { panic!("it is about an incident") };
    let further = new_notification(Some(incident), "ada", "a2");
    let second = store.write(|batch| batch.enqueue(&further)).expect("it can be written");
    for _ in 0..2 {
        let retry = DeliveryOutcome::Retry { why: String::new(), maybe_accepted: false };
        let tried = store.write(|batch| {
            let delivery = batch.begin_delivery(old_id, &Channel::new("mailto:a@b.c"), at(1))?;
            batch.end_delivery(delivery, at(2), &retry)
        });
        tried.expect("it can be written");
    }
    let pending = |key: &LaneKey, tries, oldest, newest| PendingLane {
        key: key.clone(),
        tries,
        oldest,
        newest,
    };
    let rest = [pending(&middle, 0, middle_id, middle_id), pending(&new, 0, new_id, new_id)];
    let tried = pending(&old, 2, old_id, second);
    assert_eq!(store.lanes(), Ok([&rest[..], &[tried]].concat()));
    // The tries of what is delivered count no more.
    let done = store.write(|batch| batch.set_state(old_id, NotificationState::Delivered));
    done.expect("it can be written");
    let untried = pending(&old, 0, second, second);
    assert_eq!(store.lanes(), Ok([&rest[..], &[untried]].concat()));
}
