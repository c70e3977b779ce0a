//! A server that belongs to its hub by a certificate: from the token to the
//! message that it does not answer, and what is told of the time it was away.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use watchfire_store::History;
use watchfire_testkit::process::Signal;
use watchfire_testkit::smtp::Sink;

use crate::fixture::{Enrolled, Hub, LONG, Lab, Plan, eventually, token};

fn plan(sink: &Sink) -> Plan {
    Plan::mailing(sink).tells("ada", "role=\"web\"", &["mailto:ada@example.org"])
}

fn hub_config(lab: &Lab) -> String {
    lab.path("hub.toml").display().to_string()
}

#[test]
fn a_server_joins_with_a_token_is_watched_and_its_death_is_told() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let hub = lab.hub(&plan(&sink));
    let (address, token) = token(&hub_config(&lab), "web-1");
    let mut agent = Enrolled::new(&lab, "web-1");
    let joined = agent.join(address, &token);
    assert!(joined.well, "{}", joined.words);
    agent.start();
    hub.wait_until_all_are_up();
    agent.kill();
    let incident = hub.wait_for_incident("web-1", "it is told", |incident| {
        incident.notifications.iter().any(|one| one.state == "delivered")
    });
    assert_eq!(incident.row.presence, "agent_down", "{incident:#?}");
    agent.start();
    hub.wait_for_incident("web-1", "it is back", |incident| incident.row.closed_unix_ms.is_some());
    let again = Enrolled::new(&lab, "web-2").join(address, &token);
    assert!(!again.well && again.words.contains("used"), "{}", again.words);
}

#[test]
fn an_agent_that_is_stopped_in_good_order_is_told_as_that() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let hub = lab.hub(&plan(&sink));
    let (address, token) = token(&hub_config(&lab), "web-1");
    let mut agent = Enrolled::new(&lab, "web-1");
    assert!(agent.join(address, &token).well);
    agent.start();
    hub.wait_until_all_are_up();
    agent.stop();
    let incident = hub.wait_for_incident("web-1", "it is told", |_| true);
    assert!(incident.row.cause.contains("stopped"), "{}", incident.row.cause);
}

#[test]
fn what_a_hub_missed_is_handed_in_later() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let plan = plan(&sink);
    let hub = lab.hub(&plan);
    let (address, token) = token(&hub_config(&lab), "web-1");
    let mut agent = Enrolled::new(&lab, "web-1");
    assert!(agent.join(address, &token).well);
    agent.start();
    hub.wait_until_all_are_up();
    hub.process.kill();
    drop(hub);
    let recorded = || agent.metric("watchfire_agent_recorder_records_total");
    let alone = recorded().expect("it answers");
    let missed = 6.0;
    let enough = || recorded().filter(|records| *records >= alone + missed);
    eventually("the agent has recorded some seconds alone", LONG, enough);
    let hub = Hub::start_at(&lab, &plan, address);
    hub.wait_until_all_are_up();
    let handed_in = || agent.metric("watchfire_agent_backfilled_records_total");
    eventually("it was handed in", LONG, || handed_in().filter(|records| *records >= missed));
    // What was handed in is not yet stored.
    eventually("the history has no hole", LONG, || {
        holes(&as_it_is_now(&lab)).is_empty().then_some(())
    });
    hub.process.signal(Signal::Terminate);
    hub.process.wait_for_end(LONG);
    assert_eq!(holes(&lab.path("hub-data")), [], "nothing is lost as the hub ends");
    assert_eq!(sink.received().len(), 0, "nobody was told of a server that was well");
}

/// A copy of the history of a hub that runs: SQLite's file first and then its log,
/// which only grows in the time of a test, so that the two go together.
fn as_it_is_now(lab: &Lab) -> PathBuf {
    let copy = lab.path("history-now");
    // There is none the first time.
    let _ = std::fs::remove_dir_all(&copy);
    std::fs::create_dir(&copy).unwrap();
    for file in ["history.db", "history.db-wal"] {
        std::fs::copy(lab.path("hub-data").join(file), copy.join(file)).unwrap();
    }
    copy
}

/// The holes between the first and the last record of each server in the history
/// of this folder.
fn holes(folder: &Path) -> Vec<(String, RangeInclusive<u64>)> {
    let history = History::open(folder, 1 << 30).unwrap();
    let mut holes = Vec::new();
    let servers = history.servers().unwrap();
    // What keys stand for is kept apart, and has holes by its nature.
    for server in servers.into_iter().filter(|server| !server.ends_with("/schema")) {
        let chunks = history.chunks(&server, i64::MIN, i64::MAX).unwrap().chunks;
        assert!(!chunks.is_empty(), "{server} has told nothing");
        let ring = chunks[0].chunk.ring;
        let first = chunks.iter().map(|stored| stored.chunk.first).min().unwrap();
        let last = chunks.iter().map(|stored| stored.chunk.last).max().unwrap();
        let missing = history.holes(&server, ring, first, last).unwrap();
        holes.extend(missing.into_iter().map(|hole| (server.clone(), hole)));
    }
    holes
}
