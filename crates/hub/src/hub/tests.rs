use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::testing::{Log, manual_clock};

fn config(folder: &Path) -> HubConfig {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("ours");
    HubConfig {
        trusted_proxies: Vec::new(),
        listen: "127.0.0.1:0".parse().expect("an address"),
        data: folder.to_owned(),
        disk: 1 << 30,
        down_after: Duration::from_secs(5),
        public_url: "http://hub.test".to_owned(),
        plain: watchfire_runtime::http::Plain::Anywhere,
        unsigned_runs_need_proof: true,
        servers: Vec::new(),
        senders: Vec::new(),
        remote_writes: Vec::new(),
        read_from: None,
        messages: crate::config::Messages::default(),
        heartbeat: None,
        fallback: None,
        maintenance: Vec::new(),
        users: Vec::new(),
        mail: None,
        allowed: watchfire_notify::Allowed::default(),
        rules: Default::default(),
        budget: crate::courier::Budget::default(),
        warnings: Vec::new(),
    }
}

#[tokio::test]
async fn a_damaged_database_is_kept_and_a_fresh_one_is_used() {
    let log = Log::new();
    let folder = tempfile::tempdir().expect("a folder");
    let (clock, _hand) = manual_clock();
    let first = Hub::bind(config(folder.path()), clock.clone()).await.expect("it starts");
    let before = first.first_password().expect("made").password.clone();
    drop(first);
    let database = folder.path().join("watchfire.db");
    // SQLite could make the file whole again from these.
    for beside in ["watchfire.db-wal", "watchfire.db-shm"] {
        // The last connection that was closed may have taken it away.
        let _ = fs::remove_file(folder.path().join(beside));
    }
    let bytes = b"what is left of a database";
    fs::write(&database, bytes).expect("it can be written");

    let hub =
        Hub::bind(config(folder.path()), clock.clone()).await.expect("it starts all the same");
    let made = hub.first_password().expect("the stored users are lost, so one is made");
    assert_ne!(made.password, before);
    let kept = folder.path().join(format!("damaged-{}", clock.now().unix_ms)).join("watchfire.db");
    assert_eq!(fs::read(&kept).expect("it is kept"), bytes);
    assert!(log.holds(&kept.display().to_string()), "the file that is kept is named");
    let second = Hub::bind(config(folder.path()), clock.clone()).await;
    assert!(matches!(second, Err(HubError::InUse { .. })), "the folder is locked");
    drop(hub);
    let again = Hub::bind(config(folder.path()), clock).await.expect("it starts");
    assert!(again.first_password().is_none(), "nothing is damaged any more");
}

#[tokio::test]
async fn a_damaged_database_of_a_running_hub_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("watchfire.db"), "no database").expect("it can be written");
    let _running = lock(folder.path()).expect("nobody has it");
    let second = Hub::bind(config(folder.path()), manual_clock().0).await;
    assert!(matches!(second, Err(HubError::InUse { .. })));
    let left = fs::read(folder.path().join("watchfire.db")).expect("it is there");
    assert_eq!(left, b"no database");
}
