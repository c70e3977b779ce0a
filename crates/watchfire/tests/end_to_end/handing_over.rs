//! A hub that hands its history over to another store.

use std::net::SocketAddr;

use serde_json::Value;
use watchfire_testkit::ask::{Answered, Ask};
use watchfire_testkit::http::Stub;
use watchfire_testkit::ports;
use watchfire_testkit::process::Running;
use watchfire_testkit::smtp::Sink;

use crate::fixture::{Enrolled, Hub, LONG, Lab, Plan, eventually, token, watchfire};

/// A bare hub, which takes what is pushed.
fn store(lab: &Lab, address: SocketAddr) -> Running {
    let (listen, data) = (address.to_string(), lab.path("store").display().to_string());
    let flags = ["hub", "--listen", &listen, "--data", &data, "--no-self", "--open-loopback"];
    let store = watchfire(flags).called("store").start();
    store.wait_for_line(&format!("http://{address}"), LONG);
    store
}

fn address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], ports::free()))
}

/// When the store has samples of a series that only the agent tells, in milliseconds.
fn stored(store: SocketAddr) -> Vec<i64> {
    let query = "/api/v1/query?query=node_load1{instance=\"web-1\",job=\"node\"}[10m]";
    let query = query.replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
    Ask::get(&query).send(store, LONG).map_or_else(|_| Vec::new(), |answer| times(&answer))
}

fn times(answer: &Answered) -> Vec<i64> {
    let read: Value = serde_json::from_str(&answer.text()).expect("JSON");
    let values = read["data"]["result"][0]["values"].as_array().cloned().unwrap_or_default();
    values.iter().map(|pair| (pair[0].as_f64().expect("a time") * 1000.0) as i64).collect()
}

#[test]
fn what_agents_tell_is_in_the_other_store_without_a_hole() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let (other, here) = (address(), address());
    let first = store(&lab, other);
    // A third one takes requests and never answers.
    let silent = Stub::start();
    silent.always(watchfire_testkit::http::Answer::Hang);
    let target = |base: &str| format!("[[remote_write]]\nurl = \"{base}/api/v1/write\"\n");
    let tables = target(&silent.base()) + &target(&format!("http://{other}"));
    let hub = Hub::start_at(&lab, &Plan::mailing(&sink).set(&tables), here);
    let mut agent = Enrolled::new(&lab, "web-1");
    let (join, token) = token(&lab.path("hub.toml").display().to_string(), "web-1");
    let joined = agent.join(join, &token);
    assert!(joined.well, "{}", joined.words);
    agent.start();
    let begun = eventually("something is handed over", LONG, || stored(other).last().copied());

    // The store is away for longer than a round, and what came meanwhile is there in the end.
    first.kill();
    drop(first);
    let is_later = |ms: i64| {
        let stats = hub.api.get("/api/servers/web-1/stats");
        let read: Option<Value> = serde_json::from_str(&stats.text()).ok();
        let at = read.and_then(|read| read["at_unix_ms"].as_i64()).unwrap_or(0);
        (at > begun + ms).then_some(at)
    };
    let away = eventually("time passes", LONG, || is_later(12_000));
    let _second = store(&lab, other);
    let all = eventually("the rest is handed over", LONG, || {
        let all = stored(other);
        (all.last().is_some_and(|last| *last >= away)).then_some(all)
    });
    let there = all.iter().filter(|at| (begun..=away).contains(at)).copied();
    let here = told(&hub, begun, away);
    assert!(there.eq(here.iter().copied()), "{all:?} {here:?}");
    let metrics = hub.api.get("/metrics").text();
    let sent = |base: &str| {
        let of =
            format!("watchfire_remote_write_samples_sent_total{{url=\"{base}/api/v1/write\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&of)?.parse::<f64>().ok())
    };
    assert!(sent(&format!("http://{other}")) > Some(0.0), "{metrics}");
    assert_eq!(sent(&silent.base()), Some(0.0), "{metrics}");
}

/// When the hub itself has samples of the series.
fn told(hub: &Hub, from_ms: i64, to_ms: i64) -> Vec<i64> {
    let query = "/api/v1/query?query=node_load1%5B10m%5D";
    times(&hub.api.get(query)).into_iter().filter(|at| (from_ms..=to_ms).contains(at)).collect()
}
