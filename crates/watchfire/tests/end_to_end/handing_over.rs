//! A hub that hands its history over to another store, and answers from there.

use std::net::SocketAddr;

use serde_json::Value;
use watchfire_testkit::ask::Ask;
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

/// The times of the samples of a series at the store, in milliseconds.
fn times(store: SocketAddr) -> Vec<i64> {
    let query = "/api/v1/query?query=node_load1{instance=\"web-1\",job=\"node\"}[10m]";
    let query = query.replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
    let Ok(answer) = Ask::get(&query).send(store, LONG) else { return Vec::new() };
    let read: Value = serde_json::from_str(&answer.text()).expect("JSON");
    let values = read["data"]["result"][0]["values"].as_array().cloned().unwrap_or_default();
    values.iter().map(|pair| (pair[0].as_f64().expect("a time") * 1000.0) as i64).collect()
}

#[test]
fn what_agents_tell_is_in_the_other_store_without_a_hole_and_is_answered_from_there() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let (other, here) = (address(), address());
    let first = store(&lab, other);
    let tables = format!(
        "[[remote_write]]\nurl = \"http://{other}/api/v1/write\"\n\
         [history]\nread = \"http://{other}\"\n"
    );
    let hub = Hub::start_at(&lab, &Plan::mailing(&sink).set(&tables), here);
    let mut agent = Enrolled::new(&lab, "web-1");
    let (join, token) = token(&lab.path("hub.toml").display().to_string(), "web-1");
    let joined = agent.join(join, &token);
    assert!(joined.well, "{}", joined.words);
    agent.start();
    let begun = eventually("something is handed over", LONG, || times(other).last().copied());

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
    let second = store(&lab, other);
    let all = eventually("the rest is handed over", LONG, || {
        let all = times(other);
        (all.last().is_some_and(|last| *last >= away)).then_some(all)
    });
    let holes: Vec<_> = all.windows(2).filter(|two| two[1] - two[0] > 1900).collect();
    assert!(holes.is_empty(), "{holes:?}");

    let asked = hub.api.get("/api/v1/query?query=count_over_time(node_load1%5B10m%5D)");
    assert!(asked.text().contains("\"instance\":\"web-1\""), "{}", asked.text());
    second.kill();
    let asked = hub.api.get("/api/v1/query?query=node_load1");
    assert_eq!(asked.status, 503);
    assert!(asked.text().contains("does not answer"), "{}", asked.text());
}
