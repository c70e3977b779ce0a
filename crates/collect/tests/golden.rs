//! Recorded machines give the same status and process table every time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

#[allow(dead_code, reason = "each test crate uses its own part")]
mod common;

use std::fmt::Write;
use std::time::Duration;

use common::{Frames, StatusSampler, moment, testdata};
use watchfire_collect::{ProcessSampler, TickSampler};

#[test]
fn status_of_a_two_core_machine() {
    let frames = Frames::new("recorded/two-core-vm");
    let mut sampler = StatusSampler::new(frames.root());
    let mut seen = String::new();
    for (number, at_ms) in [(0, 2_743_760), (1, 2_748_730)] {
        frames.show(number);
        let status = sampler.sample(moment(at_ms));
        writeln!(seen, "{status:#?}\nfaults: {:#?}", sampler.faults()).unwrap();
    }
    compare("two-core-vm.status.txt", &seen);
}

/// Every series in the order of the schema, and what is told of each metric.
#[test]
fn ticks_of_a_two_core_machine() {
    let frames = Frames::new("recorded/two-core-vm");
    let mut sampler = TickSampler::new(frames.root(), &[], Box::new(|| Duration::ZERO));
    let mut seen = String::new();
    for (number, at_ms) in [(0, 2_743_760), (1, 2_748_730)] {
        frames.show(number);
        sampler.sample(moment(at_ms));
        writeln!(seen, "== frame {number}").unwrap();
        for (series, key) in sampler.schema().keys().iter().enumerate() {
            if let Some(value) = sampler.tick().value(series) {
                writeln!(seen, "{key} {value}").unwrap();
            }
        }
        writeln!(seen, "== faults: {:#?}", sampler.faults()).unwrap();
    }
    writeln!(seen, "== metrics").unwrap();
    for metric in sampler.metrics() {
        writeln!(seen, "# HELP {} {}", metric.name, metric.help).unwrap();
        writeln!(seen, "# TYPE {} {:?}", metric.name, metric.kind).unwrap();
    }
    compare("two-core-vm.ticks.txt", &seen);
}

#[test]
fn processes_of_a_two_core_machine() {
    let frames = Frames::new("recorded/two-core-vm");
    let mut sampler = ProcessSampler::new(frames.root());
    let mut seen = String::new();
    for (number, at_ms) in [(0, 2_743_760), (1, 2_748_730)] {
        frames.show(number);
        let table = sampler.sample(moment(at_ms)).unwrap();
        writeln!(seen, "{:?}, {} in all", table.at, table.total).unwrap();
        for row in &table.processes {
            writeln!(seen, "{row:?}").unwrap();
        }
    }
    compare("two-core-vm.processes.txt", &seen);
}

/// `UPDATE_GOLDEN=1` writes the file anew instead.
fn compare(name: &str, seen: &str) {
    let path = testdata().join("golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, seen).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    for (number, (golden, seen)) in golden.lines().zip(seen.lines()).enumerate() {
        assert_eq!(golden, seen, "line {} of {}", number + 1, path.display());
    }
    assert_eq!(golden.lines().count(), seen.lines().count(), "{}", path.display());
}
