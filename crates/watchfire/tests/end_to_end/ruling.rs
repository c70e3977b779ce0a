//! A bare hub that evaluates files of rules over what is pushed to it.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use watchfire_api::remote_write::message::{Label, Sample, TimeSeries, WriteRequest};
use watchfire_api::remote_write::{Protocol, pack_request};
use watchfire_testkit::ask::Ask;
use watchfire_testkit::ports;
use watchfire_testkit::process::{Running, Signal};

use crate::fixture::{LONG, Lab, eventually, watchfire};

const RULES: &str = "groups:
- name: disks
  interval: 1s
  rules:
  - record: job:used:max
    expr: max by (job) (used)
  - alert: Full
    expr: job:used:max > 90
    for: 1s
    labels: { severity: critical }
    annotations: { summary: '{{ $labels.job }} is at {{ $value }}' }
";

fn start(lab: &Lab, address: SocketAddr) -> Running {
    let (listen, data) = (address.to_string(), lab.path("data").display().to_string());
    let rules = lab.path("rules.yml").display().to_string();
    let flags = ["hub", "--listen", &listen, "--data", &data, "--open-loopback", "--rules", &rules];
    let hub = watchfire(flags).start();
    hub.wait_for_line(&format!("http://{address}"), LONG);
    hub
}

/// Pushes what is used now.
fn push(hub: SocketAddr, value: f64) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let at_ms = i64::try_from(since.as_millis()).unwrap();
    let label = |name: &str, value: &str| Label { name: name.into(), value: value.into() };
    let series = TimeSeries {
        labels: vec![label("__name__", "used"), label("job", "probe")],
        samples: vec![Sample { value, at_ms }],
        ..TimeSeries::default()
    };
    let body = pack_request(&WriteRequest { series: vec![series], metadata: Vec::new() }).unwrap();
    let answer = Ask::post("/api/v1/write", body)
        .header("Content-Encoding", "snappy")
        .header("Content-Type", &Protocol::V1.content_type())
        .header("X-Prometheus-Remote-Write-Version", "0.1.0")
        .send(hub, LONG)
        .unwrap();
    assert_eq!(answer.status, 204, "{}", answer.text());
}

fn data(hub: SocketAddr, path: &str) -> Value {
    let answer = Ask::get(path).send(hub, LONG).unwrap();
    let read: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(read["status"], "success", "{path}: {read}");
    read["data"].clone()
}

/// The only alert, once it is in that state.
fn alert(hub: SocketAddr, state: &str, value: f64) -> Value {
    eventually(&format!("an alert is {state}"), LONG, || {
        push(hub, value);
        let data = data(hub, "/api/v1/alerts");
        let alerts = data["alerts"].as_array().unwrap();
        assert!(alerts.len() <= 1, "{data}");
        alerts.first().filter(|alert| alert["state"] == state).cloned()
    })
}

fn metric(hub: SocketAddr, line: &str) -> bool {
    Ask::get("/metrics").send(hub, LONG).unwrap().text().lines().any(|one| one == line)
}

#[test]
fn rules_of_a_bare_hub_fire_are_told_and_outlive_a_restart() {
    let lab = Lab::new();
    lab.write("rules.yml", RULES);
    let address = SocketAddr::from(([127, 0, 0, 1], ports::free()));
    let hub = start(&lab, address);
    let fired = alert(address, "firing", 95.0);
    assert_eq!(fired["labels"]["alertname"], "Full");
    assert_eq!(fired["annotations"]["summary"], "probe is at 95");
    assert_eq!(fired["value"], "9.5e+01");

    let rules = data(address, "/api/v1/rules");
    let groups = rules["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 1, "the built-in rules are not among them: {rules}");
    let [recording, alerting] = &groups[0]["rules"].as_array().unwrap()[..] else {
        panic!("two rules: {rules}")
    };
    assert_eq!((&recording["health"], &recording["type"]), (&"ok".into(), &"recording".into()));
    assert_eq!((&alerting["health"], &alerting["state"]), (&"ok".into(), &"firing".into()));

    // What they record can be asked for.
    let ask = |query: &str| data(address, &format!("/api/v1/query?query={query}"));
    eventually("the series of the alert is there", LONG, || {
        push(address, 95.0);
        let found = ask("ALERTS");
        let labels = &found["result"][0]["metric"];
        (labels["alertname"] == "Full" && labels["alertstate"] == "firing").then_some(())
    });
    assert_eq!(ask("job:used:max")["result"][0]["value"][1], "95");

    // A file that is bad changes nothing, and says so.
    lab.write("rules.yml", "groups: x");
    hub.signal(Signal::Reload);
    eventually("the bad file is told of", LONG, || {
        metric(address, "prometheus_config_last_reload_successful 0").then_some(())
    });
    assert_eq!(alert(address, "firing", 95.0)["activeAt"], fired["activeAt"]);
    lab.write("rules.yml", &RULES.replace("is at", "stands at"));
    hub.signal(Signal::Reload);
    eventually("the new words are told", LONG, || {
        let alert = alert(address, "firing", 95.0);
        (alert["annotations"]["summary"] == "probe stands at 95").then_some(())
    });

    hub.signal(Signal::Terminate);
    assert!(hub.wait_for_end(LONG).success());
    let hub = start(&lab, address);
    let again = alert(address, "firing", 95.0);
    assert_eq!(again["activeAt"], fired["activeAt"], "it is the same alert");
    // Until it is seen again, nothing that is missing ends it.
    eventually("the rules are evaluated again", LONG, || {
        push(address, 95.0);
        let rules = data(address, "/api/v1/rules");
        (rules["groups"][0]["rules"][1]["health"] == "ok").then_some(())
    });
    eventually("it is over", LONG, || {
        push(address, 10.0);
        data(address, "/api/v1/alerts")["alerts"].as_array().unwrap().is_empty().then_some(())
    });
    hub.signal(Signal::Terminate);
    assert!(hub.wait_for_end(LONG).success());
}
