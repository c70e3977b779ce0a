use watchfire_api::remote_write::message::{Label, Sample, TimeSeries, WriteRequest};
use watchfire_api::remote_write::{Protocol, pack_request};
use watchfire_model::{SeriesKey, is_absent};
use watchfire_testkit::ask::Ask;

use super::engine::Engine;
use super::fleet::{Fleet, Told, name};

/// Ticks of a server in one request.
const TICKS: usize = 30;

/// Pushes what all servers told, in the order of time. How many samples that were.
pub(super) fn push(fleet: &Fleet<'_>, to: &Engine) -> usize {
    let mut samples = 0;
    for from in (0..fleet.ticks()).step_by(TICKS) {
        for server in 0..fleet.servers {
            let told = fleet.told(server, from..fleet.ticks().min(from + TICKS));
            samples += told.samples();
            send(to, request(&name(server), &told));
        }
    }
    samples
}

fn send(to: &Engine, request: WriteRequest) {
    let ask = Ask::post("/api/v1/write", pack_request(&request).unwrap())
        .header("Content-Encoding", "snappy")
        .header("Content-Type", &Protocol::V1.content_type())
        .header("X-Prometheus-Remote-Write-Version", "0.1.0");
    let answer = to.send(&ask).unwrap();
    assert!((200..300).contains(&answer.status), "{:?}: {}", to.kind, answer.text());
}

fn request(server: &str, told: &Told) -> WriteRequest {
    let series = told.series.iter().map(|(key, values)| {
        let samples = told.timestamps.iter().zip(values).filter(|(_, value)| !is_absent(**value));
        let samples = samples.map(|(&at_ms, &value)| Sample { value, at_ms }).collect();
        TimeSeries { labels: labels(server, key), samples, ..TimeSeries::default() }
    });
    let series = series.filter(|series| !series.samples.is_empty()).collect();
    WriteRequest { series, metadata: Vec::new() }
}

/// The labels that our hub gives to the series of a server.
fn labels(server: &str, key: &SeriesKey) -> Vec<Label> {
    let outer = [("__name__", key.name()), ("instance", server), ("job", "node")];
    let label = |(name, value): (&str, &str)| Label { name: name.into(), value: value.into() };
    let mut labels: Vec<Label> = key.labels().chain(outer).map(label).collect();
    labels.sort_by(|one, other| one.name.cmp(&other.name));
    labels
}
