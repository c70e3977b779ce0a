//! What a question costs once its samples lie in memory: parsing, evaluation, the answer.
//!
//! ```sh
//! cargo run --release --package bench-promql
//! ```
//!
//! The series are those of 120 servers with 2 cores in 7 modes, an hour long, as counters that
//! never fall. The samples of one server share their times, as those of the store do.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on must stop")]

use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use watchfire_model::{LabelSet, Samples};
use watchfire_promql::memory::MemorySource;
use watchfire_promql::{Features, Limits, Query};

/// Each question is asked so often, and the median counts.
const RUNS: usize = 31;
const SERVERS: usize = 120;
const MODES: [&str; 7] = ["user", "nice", "system", "iowait", "irq", "softirq", "steal"];
const HOUR_MS: i64 = 3_600_000;
const START_MS: i64 = 1_700_000_000_000;

const AVERAGE: &str = r#"avg by (instance) (rate(node_cpu_seconds_total{mode!="idle"}[1m]))"#;
const BUSIEST: &str = "topk(5, sum by (instance) (rate(node_cpu_seconds_total[1m])))";

fn main() {
    println!("{SERVERS} servers, {} series each, median of {RUNS} runs, CPU\n", 2 * MODES.len());
    let questions = [
        (AVERAGE, true),
        (BUSIEST, false),
        ("sum by (mode) (rate(node_cpu_seconds_total[5m]))", true),
        ("max_over_time(node_cpu_seconds_total[10m])", true),
        ("avg_over_time(node_cpu_seconds_total[5m])", true),
        (
            "node_cpu_seconds_total{mode=\"user\"} / on (instance, cpu) group_left \
          sum by (instance, cpu) (node_cpu_seconds_total)",
            true,
        ),
        ("node_cpu_seconds_total", false),
        ("node_cpu_seconds_total{instance=\"server-007\",cpu=\"0\",mode=\"user\"}", true),
    ];
    for (every, known) in [(1_000, false), (1_000, true), (15_000, false)] {
        let source = fleet(every, known);
        let more = if known { ", known to rise" } else { "" };
        println!("a sample every {} s{more}", every / 1000);
        for (text, range) in questions {
            let (time, series) = median(&source, text, range);
            let kind = if range { "240 steps of 15 s" } else { "now" };
            println!("  {:9.3} ms  {series:5} series  {kind:17}  {text}", time.as_secs_f64() * 1e3);
        }
    }
}

fn fleet(every_ms: i64, known: bool) -> MemorySource {
    let mut source = MemorySource::default();
    let (name, mode_label): (Arc<str>, Arc<str>) = ("__name__".into(), "mode".into());
    let metric: Arc<str> = "node_cpu_seconds_total".into();
    let (instance, cpu): (Arc<str>, Arc<str>) = ("instance".into(), "cpu".into());
    for server in 0..SERVERS {
        let shift = server as i64 * 7 % every_ms;
        let times: Arc<[i64]> =
            (0..=HOUR_MS / every_ms).map(|number| START_MS + number * every_ms + shift).collect();
        let server_name: Arc<str> = format!("server-{server:03}").into();
        for (number, mode) in MODES.iter().cycle().take(2 * MODES.len()).enumerate() {
            let slope = 0.01 + 0.003 * number as f64;
            let wave = |time: &i64| ((time - START_MS) as f64 / 60_000.0).sin() * 0.3 * slope;
            let values: Vec<f64> = times
                .iter()
                .map(|time| 1e5 + slope * (time - START_MS) as f64 / 1e3 + wave(time))
                .collect();
            let core: Arc<str> = (number / MODES.len()).to_string().into();
            let labels = LabelSet::new([
                (Arc::clone(&name), Arc::clone(&metric)),
                (Arc::clone(&instance), Arc::clone(&server_name)),
                (Arc::clone(&cpu), core),
                (Arc::clone(&mode_label), Arc::from(*mode)),
            ]);
            let samples = Samples::new(Arc::clone(&times), values.into());
            source.add_columns(labels, if known { samples.known_to_rise() } else { samples });
        }
    }
    source
}

/// The median time of one question, and how many series it read.
fn median(source: &MemorySource, text: &str, range: bool) -> (Duration, usize) {
    let limits = Limits::default();
    let end = START_MS + HOUR_MS;
    let mut series = 0;
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let start = clock();
            let query = Query::parse(text, Features::default()).unwrap();
            let answer = if range {
                query.range(source, (START_MS + 15_000, end, 15_000), &limits, &|| false)
            } else {
                query.instant(source, end, &limits, &|| false)
            };
            series = answer.unwrap().value.len();
            clock() - start
        })
        .collect();
    times.sort_unstable();
    (times[RUNS / 2], series)
}

fn clock() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap())
}
