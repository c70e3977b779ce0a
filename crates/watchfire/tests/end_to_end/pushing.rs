//! Series that are pushed to a bare hub by Prometheus' remote write, and asked back.

use std::net::SocketAddr;

use watchfire_api::remote_write::message::{
    Label, Request, Sample, TimeSeries, TimeSeries2, WriteRequest,
};
use watchfire_api::remote_write::{Protocol, pack_request};
use watchfire_model::ABSENT;
use watchfire_testkit::ask::{Answered, Ask};
use watchfire_testkit::ports;
use watchfire_testkit::process::{Running, Signal};

use crate::fixture::{LONG, Lab, watchfire};

/// Long before there was any of this: the second day of 1970.
const THEN: i64 = 86_400_000;

fn start(lab: &Lab) -> (Running, SocketAddr) {
    let address = SocketAddr::from(([127, 0, 0, 1], ports::free()));
    let (listen, data) = (address.to_string(), lab.path("data").display().to_string());
    let flags = ["hub", "--listen", &listen, "--data", &data, "--no-self", "--open-loopback"];
    let hub = watchfire(flags).start();
    hub.wait_for_line(&format!("http://{address}"), LONG);
    (hub, address)
}

fn samples(points: &[(i64, f64)]) -> Vec<Sample> {
    points.iter().map(|&(after_ms, value)| Sample { value, at_ms: THEN + after_ms }).collect()
}

fn v1(metric: &str, points: &[(i64, f64)]) -> Vec<u8> {
    let label = |name: &str, value: &str| Label { name: name.into(), value: value.into() };
    let series = TimeSeries {
        labels: vec![label("__name__", metric), label("job", "probe")],
        samples: samples(points),
        ..TimeSeries::default()
    };
    pack_request(&WriteRequest { series: vec![series], metadata: Vec::new() }).unwrap()
}

fn v2(metric: &str, points: &[(i64, f64)]) -> Vec<u8> {
    let symbols = ["", "__name__", metric, "job", "probe"].map(str::to_owned).to_vec();
    let series = TimeSeries2 {
        labels_refs: vec![1, 2, 3, 4],
        samples: samples(points),
        ..TimeSeries2::default()
    };
    pack_request(&Request { symbols, series: vec![series] }).unwrap()
}

fn push(hub: SocketAddr, protocol: Protocol, body: Vec<u8>) -> Answered {
    let version = match protocol {
        Protocol::V1 => "0.1.0",
        Protocol::V2 => "2.0.0",
    };
    Ask::post("/api/v1/write", body)
        .header("Content-Encoding", "snappy")
        .header("Content-Type", &protocol.content_type())
        .header("X-Prometheus-Remote-Write-Version", version)
        .send(hub, LONG)
        .unwrap()
}

fn written(answer: &Answered) -> (u16, Option<&str>) {
    (answer.status, answer.header("X-Prometheus-Remote-Write-Samples-Written"))
}

/// What a question about `after_s` seconds after then finds.
fn ask(hub: SocketAddr, query: &str, after_s: i64) -> String {
    let time = THEN / 1000 + after_s;
    let answer = Ask::get(&format!("/api/v1/query?query={query}&time={time}")).send(hub, LONG);
    let answer = answer.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

/// The values that a selector of a range finds, with their seconds after then.
fn values(hub: SocketAddr, metric: &str) -> Vec<(i64, String)> {
    let text = ask(hub, &format!("{metric}[1h]"), 3000);
    let read: serde_json::Value = serde_json::from_str(&text).unwrap();
    let all = read["data"]["result"][0]["values"].as_array().cloned().unwrap_or_default();
    let point = |pair: &serde_json::Value| {
        let at_s = pair[0].as_f64().unwrap() as i64 - THEN / 1000;
        (at_s, pair[1].as_str().unwrap().to_owned())
    };
    all.iter().map(point).collect()
}

fn told(points: &[(i64, &str)]) -> Vec<(i64, String)> {
    points.iter().map(|(at_s, value)| (*at_s, (*value).to_owned())).collect()
}

#[test]
fn what_is_pushed_in_any_order_is_asked_back_and_survives_a_kill() {
    let lab = Lab::new();
    let (hub, address) = start(&lab);
    let late = [(120_000, 3.0), (0, 1.0), (180_000, ABSENT), (60_000, 2.0)];
    for (protocol, metric, body) in
        [(Protocol::V1, "of_v1", v1("of_v1", &late)), (Protocol::V2, "of_v2", v2("of_v2", &late))]
    {
        // Once, and the same again, as a sender does that heard no answer.
        for _ in 0..2 {
            let answer = push(address, protocol, body.clone());
            assert_eq!(written(&answer), (204, Some("4")), "{metric}: {}", answer.text());
        }
        let expected = told(&[(0, "1"), (60, "2"), (120, "3")]);
        assert_eq!(values(address, metric), expected, "{metric}");
        assert!(ask(address, metric, 130).contains("\"3\""), "{metric} goes on");
        assert!(!ask(address, metric, 181).contains(metric), "{metric} has ended");
    }
    // What was told as durable is there after the worst of ends.
    let earlier = push(address, Protocol::V1, v1("of_v1", &[(30_000, 1.5), (60_000, 2.5)]));
    assert_eq!(written(&earlier), (204, Some("2")));
    hub.kill();
    drop(hub);

    let (hub, address) = start(&lab);
    let expected = told(&[(0, "1"), (30, "1.5"), (60, "2.5"), (120, "3")]);
    assert_eq!(values(address, "of_v1"), expected);
    assert_eq!(values(address, "of_v2"), told(&[(0, "1"), (60, "2"), (120, "3")]));
    let again = push(address, Protocol::V2, v2("of_v1", &[(240_000, 4.0)]));
    assert_eq!(written(&again), (204, Some("1")));
    assert_eq!(values(address, "of_v1").last(), told(&[(240, "4")]).first());
    let names = Ask::get("/api/v1/label/__name__/values").send(address, LONG).unwrap().text();
    assert_eq!(names, r#"{"status":"success","data":["of_v1","of_v2"]}"#);
    let end = THEN / 1000 + 240;
    let range = format!("/api/v1/query_range?query=of_v1&start={}&end={end}&step=60", end - 240);
    let range = Ask::get(&range).send(address, LONG).unwrap().text();
    assert!(range.contains(&format!("[{end},\"4\"]")), "{range}");

    let refused = push(address, Protocol::V1, b"no snappy at all".to_vec());
    assert_eq!(written(&refused), (400, Some("0")), "{}", refused.text());
    hub.signal(Signal::Terminate);
    assert!(hub.wait_for_end(LONG).success());
}
