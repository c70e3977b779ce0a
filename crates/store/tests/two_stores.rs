//! Two stores on one folder, as when a report is sent from the command line
//! while the hub runs.

mod common;

use std::os::unix::fs::PermissionsExt;
use std::thread;

use common::{new_incident, new_notification};
use watchfire_store::{Batch, Store, StoreError};

const WRITERS: usize = 3;
const WRITES: usize = 60;

/// Reads and then writes, which fails when others may write in between.
fn count_one(batch: &Batch<'_>) -> Result<(), StoreError> {
    let counted = batch.secret("count")?.unwrap_or_default().len();
    batch.put_secret("count", &vec![0; counted + 1])
}

#[test]
fn they_neither_hinder_nor_spoil_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let folder = folder.path();
            scope.spawn(move || {
                let store = Store::open(folder).expect("all may open it at once");
                for number in 0..WRITES {
                    let name = format!("server-{writer}-{number}");
                    let written = store.write(|batch| {
                        count_one(batch)?;
                        let id = batch.open_incident(&new_incident(&name))?;
                        batch.enqueue(&new_notification(Some(id), "ada", &name))
                    });
                    written.expect("it waits for its turn");
                    assert!(!store.lanes().expect("it can be read").is_empty());
                }
            });
        }
    });
    let store = Store::open(folder.path()).expect("it opens");
    store.check().expect("it is whole");
    let counted = store.secret("count").expect("it can be read").map(|count| count.len());
    assert_eq!(counted, Some(WRITERS * WRITES));
    assert_eq!(store.open_incidents().expect("it can be read").len(), WRITERS * WRITES);
    assert_eq!(store.lanes().expect("it can be read").len(), WRITERS * WRITES);
}

#[test]
fn one_sees_at_once_what_the_other_wrote() {
    let folder = tempfile::tempdir().expect("a folder");
    let hub = Store::open(folder.path()).expect("it opens");
    let report = Store::open(folder.path()).expect("it opens again");
    hub.write(|batch| batch.open_incident(&new_incident("web-1"))).expect("it can be written");
    assert_eq!(report.open_incidents().expect("it can be read").len(), 1);
    let twice = report.write(|batch| batch.open_incident(&new_incident("web-1")));
    assert_eq!(twice, Err(StoreError::AlreadyOpen { server: "web-1".to_owned() }));
    drop(report);
    hub.write(|batch| batch.put_secret("token", b"key")).expect("the other one's end is no matter");
    assert_eq!(hub.secret("token"), Ok(Some(b"key".to_vec())));
}

#[test]
fn no_file_is_open_to_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("it opens");
    store.write(|batch| batch.put_secret("token", b"key")).expect("it can be written");
    let files = std::fs::read_dir(folder.path()).expect("it can be listed");
    let modes: Vec<_> = files
        .map(|file| {
            let file = file.expect("it can be listed");
            (file.file_name(), file.metadata().expect("it is there").permissions().mode() & 0o777)
        })
        .collect();
    assert!(modes.len() >= 4, "{modes:?}");
    assert!(modes.iter().all(|(_, mode)| *mode == 0o600), "{modes:?}");
}
