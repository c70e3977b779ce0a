//! Makes the embedded recording from the machine that the test runs on.

use std::time::{Duration, Instant};

use watchfire_codec::TickEncoder;
use watchfire_collect::{Root, TickSampler};
use watchfire_model::{Moment, Schema, SeriesKey, Tick};

/// Three minutes and the tick that closes the circle.
const TICKS: u64 = 181;

/// What a label of the recorded machine is replaced by, so that the recording
/// tells nothing of where it was made: (metric, label, instead).
const INSTEAD: &[(&str, &str, &str)] = &[
    ("node_uname_info", "nodename", "recorded"),
    ("node_uname_info", "domainname", "(none)"),
    ("node_uname_info", "release", "6.1.0-18-amd64"),
    ("node_uname_info", "version", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)"),
    ("node_network_info", "address", "52:54:00:00:00:01"),
];

/// Devices under other names.
const DEVICES: &[(&str, &str)] = &[("ifb0", "eth1"), ("ifb1", "eth2")];

/// Metrics that name the recorded machine, its firmware or its start.
const LEFT_OUT: &[&str] = &["node_dmi_info", "watchfire_boot_info"];

/// Run it on a quiet machine, and look at the keys that it prints before the file is kept:
/// `cargo test -p watchfire-sim --release -- --ignored --nocapture makes_the_recording`.
#[test]
#[ignore = "takes three minutes and overwrites the embedded recording"]
fn makes_the_recording() {
    let start = Instant::now();
    let mut sampler = TickSampler::new(Root::live(), &[], Box::new(move || start.elapsed()));
    let mut ticks = Vec::new();
    // The slow collectors have all had their turn after sixteen seconds.
    for second in 0..TICKS + 16 {
        let due = start + Duration::from_secs(second);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let tick = sampler.sample(Moment { monotonic: start.elapsed(), unix_ms: 0 });
        ticks.push(tick.values.clone());
    }
    let (kept, schema) = kept(sampler.schema());
    for key in schema.keys() {
        println!("{key}");
    }
    let mut encoder = TickEncoder::new();
    let mut bytes = Vec::new();
    for (second, values) in (0_i64..).zip(ticks.iter().skip(16)) {
        let at = Moment { monotonic: Duration::from_secs(second as u64), unix_ms: second * 1000 };
        let values = kept.iter().map(|&number| values[number]).collect();
        encoder.encode(&schema, &Tick { at, generation: 1, values }, &mut bytes);
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/recording/recording.bin");
    std::fs::write(path, &bytes).expect("the folder can be written");
    println!("{} series, {} bytes in {path}", schema.len(), bytes.len());
}

fn kept(recorded: &Schema) -> (Vec<usize>, Schema) {
    let mut schema = Schema::new(1);
    let mut kept = Vec::new();
    for (number, key) in recorded.keys().iter().enumerate() {
        let elsewhere = key.label("mountpoint").is_some_and(|path| path != "/");
        if LEFT_OUT.contains(&key.name()) || elsewhere {
            continue;
        }
        kept.push(number);
        schema.push(renamed(key, &[]));
        if key.label("mountpoint").is_some() {
            // Most servers have a second disk, for their data.
            kept.push(number);
            schema.push(renamed(key, &[("device", "/dev/vdb"), ("mountpoint", "/srv")]));
        }
    }
    (kept, schema)
}

fn renamed(key: &SeriesKey, other: &[(&str, &str)]) -> SeriesKey {
    let instead = |label: &str, value: &str| {
        if let Some((_, other)) = other.iter().find(|(name, _)| *name == label) {
            return (*other).to_owned();
        }
        let found = INSTEAD.iter().find(|(name, of, _)| (*name, *of) == (key.name(), label));
        let device = DEVICES.iter().find(|(device, _)| label == "device" && *device == value);
        let instead = found.map(|(_, _, instead)| *instead).or(device.map(|(_, instead)| *instead));
        instead.unwrap_or(value).to_owned()
    };
    let labels: Vec<_> =
        key.labels().map(|(label, value)| (label, instead(label, value))).collect();
    let labels = labels.iter().map(|(label, value)| (*label, value.as_str()));
    SeriesKey::new(key.name(), labels).expect("names of a series that exists")
}
