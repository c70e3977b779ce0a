//! SIGKILL at any instant loses nothing that was acknowledged.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::{at, new_incident, new_notification};
use watchfire_model::{Channel, DeliveryOutcome, IncidentId, NotificationState};
use watchfire_store::{Batch, Store, StoreError};

const FOLDER: &str = "WATCHFIRE_CRASH_FOLDER";
const ACKNOWLEDGED: &str = "acknowledged ";

/// One event as the hub writes it: all of it, or none.
fn event(batch: &Batch<'_>, number: usize) -> Result<IncidentId, StoreError> {
    let incident = batch.open_incident(&new_incident(&format!("server-{number}")))?;
    let new = new_notification(Some(incident), "ada", &format!("{number}@hub"));
    let notification = batch.enqueue(&new)?;
    let channel = Channel::new("mailto:ada@example.org");
    let delivery = batch.begin_delivery(notification, &channel, at(6))?;
    let accepted = DeliveryOutcome::Accepted { reply: "x".repeat(number * 7 % 9000) };
    batch.end_delivery(delivery, at(7), &accepted)?;
    batch.set_state(notification, NotificationState::Delivered)?;
    Ok(incident)
}

/// Not a test by itself: what the killed process does.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = Store::open(Path::new(&folder)).expect("the store opens");
    let begun = store.incidents(&Default::default()).expect("it can be read");
    let first = begun.first().map_or(0, |newest| newest.id.0 as usize);
    let mut out = std::io::stdout().lock();
    for number in first.. {
        let id = store.write(|batch| event(batch, number)).expect("it can be written");
        writeln!(out, "{ACKNOWLEDGED}{}", id.0).expect("the parent listens");
    }
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().expect("the test's own program"))
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the child starts")
}

/// Kills the child once it has acknowledged `enough`, and returns all that it
/// acknowledged before it died.
fn run_and_kill(folder: &Path, enough: usize) -> Vec<i64> {
    let mut child = start(folder);
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut acknowledged = Vec::new();
    for line in lines {
        // The line may follow the test harness' own words, and the last one may be torn.
        let line = line.expect("the child writes text");
        let id = line.split_once(ACKNOWLEDGED).and_then(|(_, id)| id.parse::<i64>().ok());
        acknowledged.extend(id);
        if acknowledged.len() == enough {
            child.kill().expect("it runs");
        }
    }
    child.wait().expect("it is ours");
    assert!(acknowledged.len() >= enough, "the child ended by itself");
    acknowledged
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut acknowledged = Vec::new();
    for round in 0..12 {
        acknowledged.extend(run_and_kill(folder.path(), 1 + round * 29 % 67));
        let store = Store::open(folder.path()).expect("it opens after a kill");
        store.check().expect("it is whole");
        for id in acknowledged.iter().copied().map(IncidentId) {
            assert!(store.incident(id).expect("it can be read").is_some(), "{id:?} is lost");
        }
        whole_events_only(&store);
    }
}

fn whole_events_only(store: &Store) {
    for incident in store.open_incidents().expect("it can be read") {
        let notifications = store.notifications_of(incident.id).expect("it can be read");
        assert_eq!(notifications.len(), 1, "{incident:?}");
        assert_eq!(notifications[0].state, NotificationState::Delivered);
        let deliveries = store.deliveries_of(notifications[0].id).expect("it can be read");
        assert_eq!(deliveries.len(), 1);
        assert!(matches!(deliveries[0].outcome, DeliveryOutcome::Accepted { .. }));
    }
}
