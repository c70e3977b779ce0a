//! What could grow without end does not.

mod common;

use common::{at, new_incident, new_notification};
use watchfire_model::{Channel, DeliveryOutcome, NotificationState, TimelineEntry, TimelineKind};
use watchfire_store::{
    IncidentFilter, MAX_PAGE, MAX_TIMELINE, MAX_TRIES_KEPT, Pruned, Store, StoreError, StoredUser,
};

fn opened() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("it opens");
    (folder, store)
}

#[test]
fn a_full_timeline_keeps_its_beginning_and_the_recovery() {
    let (_folder, store) = opened();
    let entry = |kind, number: usize| TimelineEntry { at: at(1), kind, text: number.to_string() };
    let id = store.write(|batch| {
        let id = batch.open_incident(&new_incident("web-1"))?;
        for number in 0..MAX_TIMELINE + 5 {
            batch.add_timeline(id, &entry(TimelineKind::Observed, number))?;
        }
        batch.add_timeline(id, &entry(TimelineKind::Recovered, 0))?;
        Ok(id)
    });
    let timeline = store.timeline(id.expect("it can be written")).expect("it can be read");
    assert_eq!(timeline.len(), MAX_TIMELINE + 1);
    assert_eq!(timeline.first(), Some(&entry(TimelineKind::Observed, 0)));
    assert_eq!(timeline.last(), Some(&entry(TimelineKind::Recovered, 0)));
    assert_eq!(store.timeline_left_out(), 5);
}

#[test]
fn only_the_last_tries_are_kept_and_their_numbers_go_on() {
    let (_folder, store) = opened();
    let channel = Channel::new("mailto:ada@example.org");
    let refused = DeliveryOutcome::Retry { why: "later".to_owned(), maybe_accepted: false };
    let id = store.write(|batch| {
        let id = batch.enqueue(&new_notification(None, "ada", "1@hub"))?;
        for _ in 0..MAX_TRIES_KEPT + 3 {
            let delivery = batch.begin_delivery(id, &channel, at(1))?;
            batch.end_delivery(delivery, at(2), &refused)?;
        }
        Ok(id)
    });
    let tries = store.deliveries_of(id.expect("it can be written")).expect("it can be read");
    assert_eq!(tries.len(), MAX_TRIES_KEPT as usize);
    assert_eq!(tries.first().map(|one| one.attempt), Some(4));
    assert_eq!(tries.last().map(|one| one.attempt), Some(MAX_TRIES_KEPT + 3));
}

#[test]
fn a_page_has_its_limit() {
    let (_folder, store) = opened();
    let write = store.write(|batch| {
        for number in 0..MAX_PAGE + 1 {
            batch.open_incident(&new_incident(&format!("server-{number}")))?;
        }
        Ok(())
    });
    write.expect("it can be written");
    let page = store.incidents(&IncidentFilter { limit: usize::MAX, ..Default::default() });
    assert_eq!(page.expect("it can be read").len(), MAX_PAGE);
}

#[test]
fn pruning_never_takes_what_is_pending() {
    let (_folder, store) = opened();
    let (pending, done) = store
        .write(|batch| {
            let mut ids = Vec::new();
            for name in ["pending", "done"] {
                let id = batch.open_incident(&new_incident(name))?;
                batch.close_incident(id, at(9))?;
                ids.push((id, batch.enqueue(&new_notification(Some(id), "ada", name))?));
            }
            batch.enqueue(&new_notification(None, "ada", "report"))?;
            batch.set_state(ids[1].1, NotificationState::Dead)?;
            Ok((ids[0], ids[1]))
        })
        .expect("it can be written");
    let pruned = store.prune(i64::MAX, 10).expect("it can be pruned");
    assert_eq!(pruned, Pruned { incidents: 1, reports: 0 });
    assert!(store.incident(pending.0).expect("it can be read").is_some());
    assert!(store.incident(done.0).expect("it can be read").is_none());
    assert_eq!(store.lanes().expect("it can be read").len(), 2);
}

#[test]
fn users_secrets_and_reports_come_back() {
    let (folder, store) = opened();
    let user = |role: &str| StoredUser {
        name: "ada".to_owned(),
        role: role.to_owned(),
        password_hash: "$argon2id$secret".to_owned(),
        servers: vec!["*".to_owned()],
    };
    let write = store.write(|batch| {
        batch.put_user(&user("viewer"))?;
        batch.put_user(&user("admin"))?;
        assert_eq!(batch.secret("token"), Ok(None));
        batch.put_secret("token", &[0, 255])?;
        assert_eq!(batch.secret("token"), Ok(Some(vec![0, 255])));
        batch.set_last_report("ada", -1)?;
        batch.set_last_report("ada", 1_760_000_000_000)
    });
    write.expect("it can be written");
    drop(store);
    let store = Store::open(folder.path()).expect("it opens again");
    assert_eq!(store.users(), Ok(vec![user("admin")]));
    assert_eq!(store.secret("token"), Ok(Some(vec![0, 255])));
    assert_eq!(store.secret("other"), Ok(None));
    assert_eq!(store.last_report("ada"), Ok(Some(1_760_000_000_000)));
    assert_eq!(store.last_report("bob"), Ok(None));
    assert!(!format!("{:?}", user("admin")).contains("argon2"), "a hash must not reach a log");
}

#[test]
fn what_is_gone_or_over_is_refused_by_name() {
    let (_folder, store) = opened();
    let channel = Channel::new("mailto:ada@example.org");
    let id = store
        .write(|batch| batch.enqueue(&new_notification(None, "ada", "1@hub")))
        .expect("it can be written");
    let dead = store.write(|batch| {
        batch.set_state(id, NotificationState::Dead)?;
        batch.begin_delivery(id, &channel, at(1))
    });
    assert_eq!(dead, Err(StoreError::NotPending { id: id.0, state: NotificationState::Dead }));
    let still_pending = store.write(|batch| batch.begin_delivery(id, &channel, at(1)));
    assert!(still_pending.is_ok(), "the transaction that failed changed the state");
}
