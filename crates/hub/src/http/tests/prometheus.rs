//! Prometheus' interface: each path with its golden answer, and who may ask it what.

mod asking;
mod elsewhere;
mod limits;
mod listing;
mod open;
mod rules;
mod scope;
mod write;

use super::super::prometheus::{QuestionLimits, Sources};
use super::*;
use watchfire_promql::memory::MemorySource;

/// Where the clock of every house stands, in Unix seconds.
const NOW: i64 = 1_700_000_000;

/// The series of the servers in the scope: of each a gauge, a counter with a sample every 15 s
/// for the last 10 minutes, and a name that is not plain.
pub(super) fn sources() -> Sources {
    Arc::new(|scope| Box::new(memory(scope)))
}

fn memory(scope: &Scope) -> MemorySource {
    let mut source = MemorySource::default();
    for name in ["a-1", "b-1"] {
        let watched = watched(name, "127.0.0.1:9");
        if !scope.holds(&watched.server.labels) {
            continue;
        }
        let of = |metric: &'static str, cpu: &'static str| {
            [
                ("__name__", metric),
                ("instance", name),
                ("job", "node"),
                ("cpu", cpu),
                ("team", &name[..1]),
            ]
        };
        let every_15s = |value: fn(i64) -> f64| -> Vec<(i64, f64)> {
            (0..=40).map(|tick| ((NOW - 600 + tick * 15) * 1000, value(tick))).collect()
        };
        source.add(&of("up", ""), &every_15s(|_| 1.0));
        source.add(&of("node_cpu_seconds_total", "0"), &every_15s(|tick| tick as f64 * 7.5));
        source.add(&of("http.status", ""), &[((NOW - 60) * 1000, 0.1)]);
    }
    source.describe(watchfire_model::MetricFacts {
        name: "up".to_owned(),
        kind: "gauge".to_owned(),
        help: "1 when \"it\" answers".to_owned(),
        unit: String::new(),
    });
    source
}

impl House {
    /// Asks as `seat` by GET with these parameters.
    async fn ask(&self, path: &str, pairs: &[(&str, &str)], seat: &Seat) -> Answer {
        self.get(&format!("{path}?{}", form(pairs)), Some(seat)).await
    }

    /// Asks as `seat` by POST with these parameters.
    async fn post(&self, path: &str, pairs: &[(&str, &str)], seat: &Seat) -> Answer {
        self.send(posted(path, form(pairs), seat)).await
    }
}

fn posted(path: &str, body: String, seat: &Seat) -> Request<Body> {
    let mut request = asking(Method::POST, path, Some(seat));
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    *request.body_mut() = Body::from(body);
    request
}

/// `name=value&…`, with everything escaped that is no letter and no digit.
fn form(pairs: &[(&str, &str)]) -> String {
    let escaped = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => char::from(byte).to_string(),
                byte => format!("%{byte:02X}"),
            })
            .collect()
    };
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn json(answer: &Answer) -> serde_json::Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("no JSON: {answer:?}"))
}

/// The status, the error type and the words of an error.
fn error(answer: &Answer) -> (u16, String, String) {
    let body = json(answer);
    assert_eq!(body["status"], "error", "{:.300}", answer.body);
    let text = |key: &str| body[key].as_str().unwrap_or("").to_owned();
    (answer.status.as_u16(), text("errorType"), text("error"))
}
