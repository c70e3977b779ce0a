//! A file of version 1, with data, becomes one of the newest version.

mod common;

use std::path::Path;

use common::{at, new_incident, new_notification};
use watchfire_model::Labels;
use watchfire_store::{Redeemed, Store, StoredAgent, StoredUser};

/// What version 1 had: its tables as that release made them, and rows in them.
fn version_1(folder: &Path) {
    let raw = rusqlite::Connection::open(folder.join("watchfire.db")).expect("it opens");
    raw.execute_batch(include_str!("../src/migrations/0001.sql")).expect("the tables are made");
    raw.execute_batch(
        "PRAGMA application_id = 0x57466972; PRAGMA user_version = 1;
         INSERT INTO incident VALUES (7, 'web-1', 'down', 'nobody reaches it', 1, 1, 6, 6, 3,
             NULL, NULL);
         INSERT INTO user VALUES ('ada', 'admin', '$argon2id$');
         INSERT INTO secret VALUES ('token', x'0102');
         INSERT INTO last_report VALUES ('ada', 42);",
    )
    .expect("the rows are stored");
}

#[test]
fn what_version_1_held_is_there_and_what_is_new_works() {
    let folder = tempfile::tempdir().expect("a folder");
    version_1(folder.path());
    let store = Store::open(folder.path()).expect("it is brought to the newest version");
    store.check().expect("it is whole");
    let ada = StoredUser {
        name: "ada".to_owned(),
        role: "admin".to_owned(),
        password_hash: "$argon2id$".to_owned(),
        servers: vec!["*".to_owned()],
    };
    assert_eq!(store.users(), Ok(vec![ada]));
    assert_eq!(store.secret("token"), Ok(Some(vec![1, 2])));
    assert_eq!(store.last_report("ada"), Ok(Some(42)));
    let open = store.open_incidents().expect("it can be read");
    assert_eq!((open.len(), open[0].cause.as_str()), (1, "nobody reaches it"));
    let written = store.write(|batch| {
        batch.enqueue(&new_notification(Some(open[0].id), "ada", "1@hub"))?;
        batch.open_incident(&new_incident("web-2"))
    });
    written.expect("the old tables can be written");
    let agent = StoredAgent {
        id: "0a".repeat(20),
        name: "web-3".to_owned(),
        labels: Labels::new(),
        address: None,
        public_key_fingerprint: "0b".repeat(32),
        certificate_not_after: 1,
        enrolled_unix_ms: at(9).unix_ms,
        removed_unix_ms: None,
        last_protocol: None,
    };
    let enrolled = store.write(|batch| {
        batch.put_enrol_token(&[3; 32], None, 1, 20_000)?;
        assert_eq!(batch.redeem(&[3; 32], &agent.id, 9_000)?, Redeemed::Yes);
        batch.put_agent(&agent)
    });
    enrolled.expect("the new tables can be written");
    drop(store);
    let again = Store::open(folder.path()).expect("it opens as it is");
    assert_eq!(again.agents(), Ok(vec![agent]));
}
