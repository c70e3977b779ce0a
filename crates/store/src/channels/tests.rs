use std::path::Path;

use watchfire_model::{Content, DeliveryOutcome, Moment, NotificationId, NotificationKind};

use super::*;
use crate::{NewNotification, Thread};

const SECRET: &str = "T0PS3CRETT0KEN";

fn slack() -> Channel {
    Channel::new(&format!("slack://T1/B1/{SECRET}"))
}

fn letter(channels: &[Channel]) -> NewNotification {
    NewNotification {
        incident: None,
        thread: Thread::Own,
        held: false,
        user: "ada".to_owned(),
        kind: NotificationKind::Report,
        channels: channels.to_vec(),
        content: Content::default(),
        content_if_first: None,
        message_id: "1@hub".to_owned(),
        references: Vec::new(),
        created: Moment::default(),
    }
}

/// The files of a folder that have `text` in them.
fn having(folder: &Path, text: &str) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let has = |path: &std::path::PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(text.len()).any(|part| part == text.as_bytes())
    };
    files.filter(has).map(|path| path.display().to_string()).collect()
}

#[test]
fn no_file_has_the_secret_of_a_channel() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let id = store
        .write(|batch| {
            let id = batch.enqueue(&letter(&[slack()]))?;
            let delivery = batch.begin_delivery(id, &slack(), Moment::default())?;
            batch.end_delivery(delivery, Moment::default(), &DeliveryOutcome::Unknown)?;
            batch.reroute(id, &[slack(), Channel::new("terminal:")], None)?;
            Ok(id)
        })
        .unwrap();
    let read = |store: &Store| {
        let channels = store.notification(id).unwrap().unwrap().channels;
        (channels, store.deliveries_of(id).unwrap().remove(0).channel)
    };
    assert_eq!(read(&store), (vec![slack(), Channel::new("terminal:")], slack()));
    let copy = folder.path().join("copy.db");
    store.backup_to(&copy).unwrap();
    assert_eq!(having(folder.path(), SECRET), [""; 0]);
    assert!(!having(folder.path(), "slack:~").is_empty(), "the look finds what there is");
    drop(store);

    // Another run knows what its config says.
    let store = Store::open(folder.path()).unwrap();
    let (channels, tried) = read(&store);
    assert!(channels.iter().all(Channel::is_mark) && tried.is_mark());
    assert_eq!((channels[0].scheme(), &channels[0]), ("slack", &tried));
    store.know_channels(&[slack()]);
    let (channels, tried) = read(&store);
    assert_eq!((&channels[0], &tried), (&slack(), &slack()));
    assert!(channels[1].is_mark(), "it is in the config no more");
    // What is unknown is written down as it is.
    let moved = |batch: &crate::Batch<'_>| batch.reroute(id, &channels, None);
    store.write(moved).unwrap();
    assert_eq!(read(&store).0, channels);
    assert_eq!(having(folder.path(), SECRET), [""; 0]);
}

#[test]
fn what_an_older_release_left_becomes_marks() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("watchfire.db");
    let raw = Connection::open(&file).unwrap();
    for step in &crate::migrations::WATCHFIRE.steps()[..9] {
        raw.execute_batch(step).unwrap();
    }
    raw.execute_batch(&format!(
        "PRAGMA application_id = 0x57466972; PRAGMA user_version = 9; PRAGMA journal_mode = WAL;
         INSERT INTO notification (id, user, kind, subject, text, html, message_id,
             created_mono_ns, created_unix_ms, state)
             VALUES (1, 'ada', 'report', '', '', '', '1@hub', 0, 0, 'pending');
         INSERT INTO notification_channel VALUES (1, 0, 'slack://T1/B1/{SECRET}');
         INSERT INTO delivery (notification, channel, attempt, began_mono_ns, began_unix_ms,
             outcome, words, maybe_accepted)
             VALUES (1, 'slack://T1/B1/{SECRET}', 1, 0, 0, 'unknown', '', FALSE);"
    ))
    .unwrap();
    drop(raw);
    assert!(!having(folder.path(), SECRET).is_empty());
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(having(folder.path(), SECRET), [""; 0], "while it is open, too");
    store.know_channels(&[slack()]);
    let id = NotificationId(1);
    assert_eq!(store.notification(id).unwrap().unwrap().channels, [slack()]);
    assert_eq!(store.deliveries_of(id).unwrap()[0].channel, slack());
    assert_eq!(store.sent_since(0, 9).unwrap()[0].channel, slack());
}

#[test]
fn two_databases_have_different_marks() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mark =
        |folder: &tempfile::TempDir| Store::open(folder.path()).unwrap().channels().mark(&slack());
    assert_ne!(mark(&folders[0]), mark(&folders[1]));
    assert_eq!(mark(&folders[0]), mark(&folders[0]));
}
