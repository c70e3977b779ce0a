//! A server that belongs to its hub by a certificate: from the token to the
//! message that it does not answer, and what is told of the time it was away.

use std::ops::RangeInclusive;

use watchfire_store::History;
use watchfire_testkit::process::Signal;
use watchfire_testkit::smtp::Sink;

use crate::fixture::{Enrolled, Hub, LONG, Lab, Plan, eventually, said, token, watchfire};

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
fn a_removed_server_is_forgotten_and_let_in_no_more() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let hub = lab.hub(&plan(&sink));
    let (address, token) = token(&hub_config(&lab), "web-1");
    let mut agent = Enrolled::new(&lab, "web-1");
    assert!(agent.join(address, &token).well);
    agent.start();
    hub.wait_until_all_are_up();
    let config = hub_config(&lab);
    let list = said(watchfire(["server", "list", "--config", &config]).called("list"));
    assert!(list.well && list.output.contains("web-1"), "{}{}", list.output, list.words);
    let gone = said(watchfire(["server", "remove", "web-1", "--config", &config]).called("remove"));
    assert!(gone.well, "{}", gone.words);
    eventually("it is gone", LONG, || hub.api.servers().is_empty().then_some(()));
    let list = said(watchfire(["server", "list", "--config", &config]).called("list"));
    assert!(!list.output.contains("web-1"), "{}", list.output);
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
    hub.process.signal(Signal::Terminate);
    hub.process.wait_for_end(LONG);
    assert_eq!(holes(&lab), [], "the history has no hole");
    assert_eq!(sink.received().len(), 0, "nobody was told of a server that was well");
}

/// The holes between the first and the last record of each server in the
/// hub's history.
fn holes(lab: &Lab) -> Vec<(String, RangeInclusive<u64>)> {
    let history = History::open(&lab.path("hub-data"), 1 << 30).unwrap();
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
