//! Words about one server arrive in order, whichever lanes they are in.

mod common;

use common::{at, new_incident, new_notification};
use watchfire_model::{
    Channel, Content, Delivery, IncidentId, Notification, NotificationId, NotificationState,
};
use watchfire_store::{Batch, LaneKey, NewNotification, Store, StoreError, Teller, Thread};

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    (folder, store)
}

fn incident(store: &Store, server: &str) -> IncidentId {
    store.write(|batch| batch.open_incident(&new_incident(server))).expect("written")
}

/// The server's incident ends, and another begins.
fn next_incident(store: &Store, server: &str, before: IncidentId) -> IncidentId {
    store.write(|batch| batch.close_incident(before, at(9))).expect("written");
    incident(store, server)
}

fn put(store: &Store, new: &NewNotification) -> NotificationId {
    store.write(|batch| batch.enqueue(new)).expect("written")
}

fn single(store: &Store, incident: IncidentId, user: &str, id: &str) -> NotificationId {
    put(store, &new_notification(Some(incident), user, id))
}

/// One notification that tells of all of these incidents.
fn group(store: &Store, incidents: &[IncidentId], id: &str) -> NotificationId {
    let write = |batch: &Batch<'_>| {
        let parts = incidents.iter().map(|incident| {
            let part = new_notification(Some(*incident), "ada", &format!("{id}-{}", incident.0));
            batch.enqueue(&NewNotification { held: true, ..part })
        });
        let parts = parts.collect::<Result<Vec<_>, StoreError>>()?;
        let of_all = new_notification(None, "ada", id);
        let letter = batch.enqueue(&NewNotification { thread: Thread::Own, ..of_all })?;
        for part in parts {
            batch.merge_held(part, Some(Teller { letter, thread: letter }))?;
        }
        Ok(letter)
    };
    store.write(write).expect("written")
}

fn lane_of(store: &Store, id: NotificationId) -> Vec<(Notification, Vec<Delivery>)> {
    let found = store.write(|batch| batch.notification(id)).expect("readable").expect("there");
    store.lane(&LaneKey::of(&found)).expect("readable")
}

/// How many of the lane of `id` may be sent.
fn turn(store: &Store, id: NotificationId) -> usize {
    store.turn(&lane_of(store, id)).expect("readable")
}

fn waits(store: &Store, id: NotificationId) -> bool {
    store.write(|batch| batch.waits(id)).expect("readable")
}

fn set(store: &Store, id: NotificationId, state: NotificationState) {
    store.write(|batch| batch.set_state(id, state)).expect("written");
}

#[test]
fn nobody_waits_for_what_goes_another_way() {
    let (_folder, store) = store();
    let first = incident(&store, "a");
    single(&store, first, "ada", "1");
    let second = next_incident(&store, "a", first);
    let mended = new_notification(Some(second), "ada", "2");
    let mended =
        NewNotification { channels: vec![Channel::new("mailto:ada@example.net")], ..mended };
    let mended = put(&store, &mended);
    assert!(!waits(&store, mended));
    let third = next_incident(&store, "a", second);
    let same = single(&store, third, "ada", "3");
    assert!(waits(&store, same));
}

#[test]
fn the_next_outage_waits_for_what_was_told_of_the_last_one_and_of_no_other() {
    let (_folder, store) = store();
    let first = incident(&store, "a");
    let (down, back) = (single(&store, first, "ada", "1"), single(&store, first, "ada", "2"));
    let others = [single(&store, incident(&store, "b"), "ada", "3")];
    let second = next_incident(&store, "a", first);
    let again = single(&store, second, "ada", "4");
    let bobs = single(&store, second, "bob", "5");
    assert_eq!(turn(&store, down), 2, "what is in one lane is in order anyway");
    assert!(!waits(&store, down) && !waits(&store, back));
    assert!(!waits(&store, others[0]) && !waits(&store, bobs));
    assert_eq!((turn(&store, again), waits(&store, again)), (0, true));
    set(&store, down, NotificationState::Merged);
    assert_eq!(turn(&store, again), 0);
    set(&store, back, NotificationState::Delivered);
    assert_eq!((turn(&store, again), waits(&store, again)), (1, false));
}

#[test]
fn what_is_given_up_is_waited_for_no_more() {
    let (_folder, store) = store();
    let first = incident(&store, "a");
    let down = single(&store, first, "ada", "1");
    let again = single(&store, next_incident(&store, "a", first), "ada", "2");
    assert!(waits(&store, again));
    set(&store, down, NotificationState::Dead);
    assert!(!waits(&store, again));
}

#[test]
fn one_that_tells_of_several_waits_for_each_of_them_and_each_for_it() {
    let (_folder, store) = store();
    let [a, b, c] = ["a", "b", "c"].map(|server| incident(&store, server));
    let (of_a, of_c) = (single(&store, a, "ada", "1"), single(&store, c, "ada", "2"));
    let of_both = group(&store, &[a, b], "3");
    assert_eq!(turn(&store, of_both), 0, "a was told of before");
    let next = single(&store, next_incident(&store, "b", b), "ada", "4");
    assert_eq!(turn(&store, next), 0, "b is told of before");
    set(&store, of_a, NotificationState::Delivered);
    assert_eq!((turn(&store, of_both), turn(&store, next)), (1, 0));
    set(&store, of_both, NotificationState::Delivered);
    assert_eq!((turn(&store, next), turn(&store, of_c)), (1, 1));
}

#[test]
fn a_lane_may_begin_before_the_rest_of_it_may_go_on() {
    let (_folder, store) = store();
    let (a, b) = (incident(&store, "a"), incident(&store, "b"));
    let first = group(&store, &[a], "1");
    let of_b = single(&store, b, "ada", "2");
    let letter = new_notification(Some(next_incident(&store, "b", b)), "ada", "3");
    put(&store, &NewNotification { thread: Thread::Of(first), ..letter });
    assert_eq!(turn(&store, first), 1);
    set(&store, of_b, NotificationState::Delivered);
    assert_eq!(turn(&store, first), 2);
}

#[test]
fn what_was_held_is_told_when_it_is_released() {
    let (_folder, store) = store();
    let (a, b) = (incident(&store, "a"), incident(&store, "b"));
    let late = new_notification(Some(a), "ada", "1");
    let references = vec!["0".to_owned()];
    let held = put(&store, &NewNotification { held: true, references, ..late.clone() });
    let (_bobs, newer) = (single(&store, b, "bob", "2"), group(&store, &[a, b], "3"));
    let told = store.write(|batch| batch.release(held, &late.content, None)).expect("released");
    assert!(told > newer && waits(&store, told) && !waits(&store, newer));
    let [letter] = <[_; 1]>::try_from(lane_of(&store, told)).expect("it alone");
    assert_eq!((letter.0.message_id.as_str(), letter.0.references.len()), ("1", 1));
    assert_eq!(letter.0.channels, late.channels);
    let next = single(&store, a, "ada", "4");
    assert_eq!(next.0, told.0 + 1, "no number is used twice");
    let last = put(&store, &NewNotification { held: true, message_id: "5".to_owned(), ..late });
    let told = store.write(|batch| batch.release(last, &Content::default(), None));
    assert_eq!(told, Ok(last), "nothing came after it");
}

#[test]
fn what_was_held_gets_a_new_number_with_its_old_words_too() {
    let (_folder, store) = store();
    let (a, b) = (incident(&store, "a"), incident(&store, "b"));
    let hold = |incident, id: &str| {
        let letter = new_notification(Some(incident), "ada", id);
        put(&store, &NewNotification { held: true, ..letter })
    };
    let (first, second) = (hold(a, "1"), hold(b, "2"));
    let newer = group(&store, &[a, b], "3");
    let told = store.write(|batch| batch.release_as_written(first)).expect("released");
    assert!(told > newer && waits(&store, told), "it is told last");
    let gone = store.write(|batch| batch.release_as_written(first));
    assert_eq!(gone, Err(StoreError::NotFound { what: "held notification", id: first.0 }));
    assert_eq!(store.write(|batch| batch.release_all()), Ok(1));
    let last = store.lanes().expect("readable").into_iter().map(|lane| lane.newest).max();
    assert!(last > Some(told) && last != Some(second), "as all others are");
}
