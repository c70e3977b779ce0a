//! Notifications that are held back, and those that tell of several.

mod common;

use common::{new_incident, new_notification};
use watchfire_model::{
    Content, IncidentId, NotificationId, NotificationKind, NotificationState, Severity,
};
use watchfire_store::{
    About, Batch, LaneAbout, NewNotification, Store, StoreError, Teller, Thread,
};

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    (folder, store)
}

/// An incident and a held notification of it.
fn held(batch: &Batch<'_>, name: &str) -> Result<(IncidentId, NotificationId), StoreError> {
    let incident = batch.open_incident(&new_incident(name))?;
    let letter = NewNotification { held: true, ..new_notification(Some(incident), "ada", name) };
    Ok((incident, batch.enqueue(&letter)?))
}

fn of_thread(thread: Thread, id: &str) -> NewNotification {
    NewNotification { thread, ..new_notification(None, "ada", id) }
}

#[test]
fn what_is_held_is_no_lane_until_it_is_released_with_its_words() {
    let (_folder, store) = store();
    let (_, id) = store.write(|batch| held(batch, "a")).expect("written");
    assert_eq!(store.lanes(), Ok(Vec::new()));
    let tried = store.write(|batch| {
        batch.begin_delivery(id, &watchfire_model::Channel::new("mailto:a@b.c"), common::at(7))
    });
    let state = NotificationState::Held;
    assert_eq!(tried, Err(StoreError::NotPending { id: id.0, state }));
    let words = Content { subject: "all of it".to_owned(), ..Content::default() };
    store.write(|batch| batch.release(id, &words, None)).expect("released");
    let lanes = store.lanes().expect("readable");
    let letters = store.lane(&lanes[0].key).expect("readable");
    assert_eq!(letters[0].0.content, words);
    let again = store.write(|batch| batch.release(id, &words, None));
    assert_eq!(again, Err(StoreError::NotFound { what: "held notification", id: id.0 }));
    let merged = store.write(|batch| batch.merge_held(id, None));
    assert_eq!(merged, Err(StoreError::NotFound { what: "held notification", id: id.0 }));
}

#[test]
fn a_thread_is_one_lane_in_order_without_what_it_told() {
    let (_folder, store) = store();
    let (first, members, follows) = store
        .write(|batch| {
            let members = [held(batch, "a")?, held(batch, "b")?];
            let first = batch.enqueue(&of_thread(Thread::Own, "group"))?;
            for (_, letter) in members {
                batch.merge_held(letter, Some(Teller { letter: first, thread: first }))?;
            }
            let about = Some(members[0].0);
            let back = NewNotification { incident: about, ..of_thread(Thread::Of(first), "back") };
            Ok((first, members, batch.enqueue(&back)?))
        })
        .expect("written");
    let lanes = store.lanes().expect("readable");
    assert_eq!(lanes.len(), 1, "{lanes:?}");
    assert_eq!(lanes[0].key.about, LaneAbout::Thread(first));
    assert_eq!((lanes[0].oldest, lanes[0].newest), (first, follows));
    let letters = store.lane(&lanes[0].key).expect("readable");
    assert_eq!(letters.iter().map(|(one, _)| one.id).collect::<Vec<_>>(), [first, follows]);
    let told = store.notifications_of(members[0].0).expect("readable");
    assert_eq!((told[0].state, told[0].thread), (NotificationState::Merged, Some(first)));

    let begin = |batch: &Batch<'_>| {
        assert_eq!(batch.teller_of(told[0].id), Ok(Some("group".to_owned())));
        batch.begin_delivery(first, &watchfire_model::Channel::new("mailto:a@b.c"), common::at(7))
    };
    store.write(begin).expect("written");
    let tries = store.deliveries_of(told[0].id).expect("readable");
    assert_eq!((tries.len(), tries[0].notification), (1, first), "how it was told is known");

    let goes_on = || store.write(|batch| batch.thread_goes_on(first));
    assert_eq!(goes_on(), Ok(true));
    for (left, (incident, _)) in [true, false].into_iter().zip(members) {
        let close = |batch: &Batch<'_>| batch.close_incident(incident, common::at(9));
        store.write(close).expect("closed");
        assert_eq!(goes_on(), Ok(left));
        let about = store.about(follows).expect("readable");
        let server = about.server.map(|server| server.to_string());
        assert_eq!((server.as_deref(), about.is_over), (Some("a"), !left));
    }
    assert_eq!(
        store.about(NotificationId(99)),
        Ok(About { server: None, is_over: true, severity: Severity::Critical })
    );
    let unknown =
        store.write(|batch| batch.enqueue(&of_thread(Thread::Of(NotificationId(99)), "nothing")));
    assert_eq!(unknown, Err(StoreError::NotFound { what: "notification", id: 99 }));
}

#[test]
fn a_cut_is_not_ended_until_its_end_is_written_down() {
    let (_folder, store) = store();
    let write = |kind, user: &str, id: &str| {
        let letter = NewNotification { kind, user: user.to_owned(), ..of_thread(Thread::Own, id) };
        store.write(|batch| batch.enqueue(&letter)).expect("written")
    };
    use NotificationKind::{CutOff, HubBack};
    let not_ended = || -> Vec<NotificationId> {
        store.cuts_not_ended().expect("readable").iter().map(|cut| cut.id).collect()
    };
    write(CutOff, "ada", "1");
    write(HubBack, "ada", "2");
    assert_eq!(not_ended(), []);
    let (adas, bobs) = (write(CutOff, "ada", "3"), write(CutOff, "bob", "4"));
    assert_eq!(not_ended(), [adas, bobs]);
    write(HubBack, "ada", "5");
    assert_eq!(not_ended(), [bobs]);
}

#[test]
fn all_that_is_held_can_be_let_go() {
    let (_folder, store) = store();
    store.write(|batch| held(batch, "a").and_then(|_| held(batch, "b"))).expect("written");
    assert_eq!(store.write(|batch| batch.release_all()), Ok(2));
    assert_eq!(store.held(), Ok(Vec::new()));
    assert_eq!(store.lanes().expect("readable").len(), 2);
}
