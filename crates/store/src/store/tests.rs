use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;

use super::*;
use crate::StoredUser;
use crate::connections::{READERS, lock};

fn opened() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

fn user(name: &str) -> StoredUser {
    StoredUser {
        name: name.to_owned(),
        role: "admin".to_owned(),
        password_hash: "$".to_owned(),
        servers: vec!["*".to_owned()],
    }
}

fn names(store: &Store) -> Vec<String> {
    store.users().unwrap().into_iter().map(|user| user.name).collect()
}

fn pragma<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> T {
    connection.pragma_query_value(None, name, |row| row.get(0)).unwrap()
}

#[test]
fn connections_are_set_up_for_durability() {
    let (_folder, store) = opened();
    let check = |store: &Store| {
        let slot = lock(&store.0.connections.writer);
        let writer = slot.as_ref().unwrap();
        assert_eq!(pragma::<String>(writer, "journal_mode"), "wal");
        assert_eq!(pragma::<i64>(writer, "synchronous"), 2);
        assert_eq!(pragma::<i64>(writer, "foreign_keys"), 1);
        assert_eq!(pragma::<i64>(writer, "secure_delete"), 1);
    };
    check(&store);
    let broken = || StoreError::Io { why: "disk I/O error".to_owned() };
    store.write(|_| Err::<(), _>(broken())).unwrap_err();
    store.write(|_| Ok(())).unwrap();
    check(&store);
    let refused = store.read(|reader| Ok(reader.execute("DELETE FROM user", [])?));
    assert!(matches!(refused, Err(StoreError::Io { .. })), "{refused:?}");
}

#[test]
fn a_closure_that_fails_leaves_nothing() {
    let (_folder, store) = opened();
    let failed: Result<(), _> = store.write(|batch| {
        batch.put_user(&user("ada"))?;
        Err(StoreError::NotFound { what: "server", id: 1 })
    });
    assert_eq!(failed, Err(StoreError::NotFound { what: "server", id: 1 }));
    assert!(names(&store).is_empty());
    assert_eq!(store.connections_ended(), 0);
}

#[test]
fn a_closure_that_panics_leaves_nothing_and_no_harm() {
    let (_folder, store) = opened();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        store.write(|batch| -> Result<(), StoreError> {
            batch.put_user(&user("ada"))?;
            panic!("a fault in the caller")
        })
    }));
    assert!(panicked.is_err());
    store.write(|batch| batch.put_user(&user("bob"))).unwrap();
    assert_eq!(names(&store), ["bob"]);
}

#[test]
fn after_an_error_of_the_disk_another_connection_is_opened() {
    let (_folder, store) = opened();
    let fsync_failed = || {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
        StoreError::from(rusqlite::Error::SqliteFailure(code, None))
    };
    let failed: Result<(), _> = store.write(|batch| {
        batch.put_user(&user("ada"))?;
        Err(fsync_failed())
    });
    assert!(matches!(failed, Err(StoreError::Io { .. })), "{failed:?}");
    assert!(lock(&store.0.connections.writer).is_none());
    assert!(store.read(|_| Err::<(), _>(fsync_failed())).is_err());
    assert_eq!(store.connections_ended(), 2);
    store.write(|batch| batch.put_user(&user("bob"))).unwrap();
    assert_eq!(names(&store), ["bob"]);
}

/// A deferred check fails in the commit itself, as a failing fsync would.
#[test]
fn after_a_commit_that_fails_another_connection_is_opened() {
    let (_folder, store) = opened();
    let failed = store.write(|batch| {
        batch.connection.pragma_update(None, "defer_foreign_keys", true)?;
        batch.put_user(&user("ada"))?;
        batch.connection.execute("INSERT INTO notification_channel VALUES (1, 0, 'x')", [])?;
        Ok(())
    });
    assert!(matches!(failed, Err(StoreError::Refused { .. })), "{failed:?}");
    assert_eq!(store.connections_ended(), 1);
    store.write(|batch| batch.put_user(&user("bob"))).unwrap();
    assert_eq!(names(&store), ["bob"]);
}

#[test]
fn a_full_disk_is_an_error_and_passes() {
    let (_folder, store) = opened();
    let limit_pages = |pages: i64| {
        let slot = lock(&store.0.connections.writer);
        let sql = format!("PRAGMA max_page_count = {pages}");
        slot.as_ref().unwrap().query_row(&sql, [], |_| Ok(())).unwrap();
    };
    store.write(|batch| batch.put_secret("kept", b"1")).unwrap();
    limit_pages(1);
    let large = vec![7; 1 << 20];
    assert_eq!(store.write(|batch| batch.put_secret("large", &large)), Err(StoreError::Full));
    assert_eq!(store.secret("kept"), Ok(Some(b"1".to_vec())));
    limit_pages(1 << 20);
    store.write(|batch| batch.put_secret("large", &large)).unwrap();
    assert_eq!(store.secret("large"), Ok(Some(large)));
    store.check().unwrap();
}

#[test]
fn a_reader_sees_one_snapshot_and_waits_for_no_writer() {
    let (_folder, store) = opened();
    let count = |connection: &Connection| -> Result<i64, StoreError> {
        Ok(connection.query_row("SELECT count(*) FROM user", [], |row| row.get(0))?)
    };
    let (before, after) = store
        .read(|connection| {
            let before = count(connection)?;
            store.write(|batch| batch.put_user(&user("ada")))?;
            Ok((before, count(connection)?))
        })
        .unwrap();
    assert_eq!((before, after), (0, 0));
    let during = store.write(|batch| {
        batch.put_user(&user("bob"))?;
        Ok(names(&store))
    });
    assert_eq!(during.unwrap(), ["ada"]);
}

#[test]
fn more_reads_than_connections_wait_for_each_other() {
    let (_folder, store) = opened();
    let (begun, all_begun) = mpsc::sync_channel(READERS);
    let (go, wait): (Vec<_>, Vec<_>) = (0..READERS).map(|_| mpsc::sync_channel::<()>(1)).unzip();
    thread::scope(|scope| {
        for wait in wait {
            let (store, begun) = (store.clone(), begun.clone());
            scope.spawn(move || {
                store.read(|_| {
                    begun.send(()).unwrap();
                    wait.recv().unwrap();
                    Ok(())
                })
            });
        }
        assert_eq!(all_begun.iter().take(READERS).count(), READERS);
        assert!(store.0.connections.readers.iter().all(|slot| slot.try_lock().is_err()));
        let late = scope.spawn(|| names(&store));
        go.iter().for_each(|go| go.send(()).unwrap());
        assert!(late.join().unwrap().is_empty());
    });
}

/// The plans of the queries that run often must not read a whole table.
#[test]
fn every_query_has_its_index() {
    let (_folder, store) = opened();
    for sql in [
        "SELECT server FROM incident WHERE closed_unix_ms IS NULL ORDER BY id",
        "SELECT cause FROM incident WHERE closed_unix_ms IS NULL AND id < ?1 \
         ORDER BY id DESC LIMIT 9",
        "SELECT id FROM incident WHERE server = ?1 AND closed_unix_ms IS NULL",
        "SELECT cause FROM incident WHERE server = ?1 AND id < ?2 ORDER BY id DESC LIMIT 9",
        "SELECT cause FROM incident WHERE id < ?1 ORDER BY id DESC LIMIT 9",
        "SELECT text FROM timeline WHERE incident = ?1 ORDER BY id",
        "SELECT text FROM notification WHERE incident = ?1 ORDER BY id",
        "SELECT text FROM notification WHERE user = ?1 AND incident = ?2 ORDER BY id",
        "SELECT id FROM notification WHERE message_id = ?1",
        "SELECT user, incident, min(id) FROM notification WHERE state = 'pending' \
         GROUP BY user, incident, CASE WHEN incident IS NULL THEN id END",
        "SELECT words FROM delivery WHERE notification = ?1 ORDER BY attempt",
        "SELECT id FROM incident WHERE part_of = ?1",
        "SELECT id FROM incident WHERE server = ?1 AND kind = ?2 AND subject = ?3 \
         AND closed_unix_ms IS NULL",
        "SELECT id FROM alert WHERE incident = ?1 ORDER BY id",
        "SELECT alert FROM alert_told WHERE thread = ?1",
        "SELECT alert FROM alert_letter WHERE notification = ?1",
        "SELECT id FROM incident WHERE closed_unix_ms < ?1 ORDER BY closed_unix_ms LIMIT 9",
        "SELECT id FROM notification WHERE incident IS NULL AND created_unix_ms < ?1 \
         AND state <> 'pending' ORDER BY created_unix_ms LIMIT 9",
    ] {
        let slot = lock(&store.0.connections.writer);
        let mut query =
            slot.as_ref().unwrap().prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let nulls = vec![rusqlite::types::Null; query.parameter_count()];
        let plan: Vec<String> = query
            .query_map(rusqlite::params_from_iter(nulls), |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert!(
            plan.iter().any(|step| step.contains("INDEX") || step.contains("PRIMARY KEY")),
            "{sql}: {plan:?}"
        );
    }
}
