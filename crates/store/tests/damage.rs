//! A damaged or foreign file is an error with a plain sentence, never a panic.

mod common;

use std::fs;
use std::path::Path;

use common::{at, new_incident, new_notification};
use proptest::prelude::*;
use watchfire_model::{Channel, DeliveryOutcome, IncidentId, TimelineEntry, TimelineKind};
use watchfire_store::{IncidentFilter, Store, StoreError, set_aside};

const INCIDENTS: i64 = 40;

fn filled(folder: &Path) {
    let store = Store::open(folder).expect("a new store opens");
    for number in 1..=INCIDENTS {
        let write = store.write(|batch| {
            let id = batch.open_incident(&new_incident(&format!("server-{number}")))?;
            let text = "the last sign of life".to_owned();
            batch.add_timeline(
                id,
                &TimelineEntry { at: at(1), kind: TimelineKind::LastSign, text },
            )?;
            let new = new_notification(Some(id), "ada", &format!("{number}@hub"));
            let notification = batch.enqueue(&new)?;
            let channel = Channel::new("mailto:ada@example.org");
            let delivery = batch.begin_delivery(notification, &channel, at(2))?;
            batch.end_delivery(delivery, at(3), &DeliveryOutcome::Refused { why: "no".to_owned() })
        });
        write.expect("it can be written");
    }
}

/// Asks for everything and writes a little. What it answers does not matter here.
fn use_all(store: &Store) -> Vec<StoreError> {
    let mut errors = Vec::new();
    let mut note = |error: Option<StoreError>| errors.extend(error);
    note(store.check().err());
    note(store.open_incidents().err());
    note(store.incidents(&IncidentFilter::default()).err());
    for id in (1..=INCIDENTS).map(IncidentId) {
        note(store.timeline(id).err());
        note(store.notifications_of(id).err());
    }
    match store.lanes() {
        Ok(lanes) => lanes.iter().for_each(|lane| note(store.lane(&lane.key).err())),
        Err(error) => note(Some(error)),
    }
    note(store.users().err());
    note(store.secret("token").err());
    note(store.write(|batch| batch.open_incident(&new_incident("another"))).err());
    note(store.write(|batch| batch.put_secret("token", &[7; 9000])).err());
    note(store.prune(i64::MAX, 10).err());
    errors
}

#[test]
fn a_whole_file_gives_no_error() {
    let folder = tempfile::tempdir().expect("a folder");
    filled(folder.path());
    assert_eq!(use_all(&Store::open(folder.path()).expect("it opens")), []);
}

#[test]
fn a_file_that_is_no_database_is_named_damaged() {
    for bytes in [&b"hello"[..], &[0; 4096], &[0xff; 100_000]] {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("watchfire.db");
        fs::write(&database, bytes).expect("it can be written");
        let error = Store::open(folder.path()).expect_err("it is no database");
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("move watchfire.db"), "{error}");
        assert_eq!(fs::read(&database).expect("it is there"), bytes, "it was changed");
    }
}

#[test]
fn a_file_that_was_cut_is_named_damaged() {
    let folder = tempfile::tempdir().expect("a folder");
    filled(folder.path());
    let database = folder.path().join("watchfire.db");
    let length = fs::metadata(&database).expect("it is there").len();
    let file = fs::File::options().write(true).open(&database).expect("it opens");
    file.set_len(length / 2).expect("it can be cut");
    drop(file);
    let error = Store::open(folder.path()).expect_err("half of it is missing");
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}

#[test]
fn the_file_of_a_newer_release_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    filled(folder.path());
    let database = folder.path().join("watchfire.db");
    let raw = rusqlite::Connection::open(&database).expect("it opens");
    raw.pragma_update(None, "user_version", 99).expect("it can be set");
    drop(raw);
    let before = fs::read(&database).expect("it is there");
    let error = Store::open(folder.path()).expect_err("it is newer");
    assert!(matches!(error, StoreError::NewerFormat { found: 99, .. }), "{error}");
    assert_eq!(fs::read(&database).expect("it is there"), before);
}

#[test]
fn a_damaged_file_is_set_aside_and_the_work_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("watchfire.db");
    fs::write(&database, "hello").expect("it can be written");
    fs::write(folder.path().join("watchfire.db-wal"), "wal").expect("it can be written");
    Store::open(folder.path()).expect_err("it is no database");
    let aside = set_aside(folder.path(), "1760000000000").expect("it can be moved");
    assert_eq!(fs::read(aside.join("watchfire.db")).expect("it is kept"), b"hello");
    assert!(!database.exists() && !folder.path().join("watchfire.db-wal").exists());
    let store = Store::open(folder.path()).expect("a fresh one opens");
    assert_eq!(use_all(&store), []);
    let again = set_aside(folder.path(), "1760000000000");
    assert!(matches!(again, Err(StoreError::Folder { .. })), "{again:?}");
    assert!(database.exists(), "nothing was moved");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn random_damage_never_panics(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..400),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        filled(folder.path());
        let database = folder.path().join("watchfire.db");
        let mut bytes = fs::read(&database).expect("it is there");
        for (place, flip) in damage {
            let place = place.index(bytes.len());
            bytes[place] ^= flip;
        }
        fs::write(&database, bytes).expect("it can be written");
        // A flipped bit in a text is no error that SQLite could find.
        if let Ok(store) = Store::open(folder.path()) {
            use_all(&store);
        }
    }

    /// SQLite takes a damaged end of the WAL for a torn write, which it is allowed to drop.
    #[test]
    fn a_damaged_wal_never_panics(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..40),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let copy = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("it opens");
        for number in 0..20 {
            let new = new_incident(&format!("server-{number}"));
            store.write(|batch| batch.open_incident(&new)).expect("it can be written");
        }
        for name in ["watchfire.db", "watchfire.db-wal"] {
            let mut bytes = fs::read(folder.path().join(name)).expect("it is there");
            for (place, flip) in damage.iter().filter(|_| name.ends_with("wal")) {
                let place = place.index(bytes.len());
                bytes[place] ^= flip;
            }
            fs::write(copy.path().join(name), bytes).expect("it can be written");
        }
        if let Ok(store) = Store::open(copy.path()) {
            prop_assert_eq!(use_all(&store), []);
        }
    }
}
