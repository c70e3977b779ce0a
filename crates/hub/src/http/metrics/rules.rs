//! How rules do, under the names that Prometheus has for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use watchfire_model::MetricKind;

use super::{Text, Told};
use crate::rules::{Board, Reloads, Snapshot, Watched};

/// What is told of each group.
const OF_GROUPS: [Told<Group>; 11] = [
    counter("prometheus_rule_evaluations_total", "Evaluations of rules.", |group| {
        of(&group.watched.counts.evaluations)
    }),
    counter("prometheus_rule_evaluation_failures_total", "Those that failed.", |group| {
        of(&group.watched.counts.failures)
    }),
    counter(
        "prometheus_rule_group_iterations_total",
        "Turns of the group, missed ones among them.",
        |group| of(&group.watched.counts.turns),
    ),
    counter(
        "prometheus_rule_group_iterations_missed_total",
        "Turns for which there was no time.",
        |group| of(&group.watched.counts.missed),
    ),
    gauge("prometheus_rule_group_interval_seconds", "The time between turns.", |group| {
        group.watched.interval_ms as f64 / 1000.0
    }),
    gauge("prometheus_rule_group_rules", "Rules of the group.", |group| {
        group.snapshot.state.group().rules.len() as f64
    }),
    gauge(
        "prometheus_rule_group_last_duration_seconds",
        "How long the last evaluation took.",
        |group| group.snapshot.whole.map_or(Duration::ZERO, |whole| whole.took).as_secs_f64(),
    ),
    gauge(
        "prometheus_rule_group_last_evaluation_timestamp_seconds",
        "When it was, since 1970.",
        |group| group.snapshot.whole.map_or(0, |whole| whole.began_unix_ms) as f64 / 1000.0,
    ),
    gauge("prometheus_rule_group_last_evaluation_samples", "Samples that it gave.", |group| {
        group.snapshot.samples as f64
    }),
    counter(
        "watchfire_rule_samples_lost_total",
        "Samples of rules that could not be stored.",
        |group| of(&group.watched.counts.lost_samples),
    ),
    counter(
        "watchfire_rule_alerts_unheard_total",
        "Times that what fires was not taken, or not kept for the next start.",
        |group| of(&group.watched.counts.unheard),
    ),
];

/// What is told of the files.
const OF_FILES: [Told<Reloads>; 2] = [
    Told {
        name: "prometheus_config_last_reload_successful",
        help: "1 unless the files of rules were bad when they were last read.",
        kind: MetricKind::Gauge,
        value: |reloads| f64::from(u8::from(!reloads.failed)),
    },
    Told {
        name: "prometheus_config_last_reload_success_timestamp_seconds",
        help: "When they were last read and good, since 1970.",
        kind: MetricKind::Gauge,
        value: |reloads| reloads.good_unix_ms as f64 / 1000.0,
    },
];

/// A group at a moment.
struct Group {
    name: String,
    watched: Arc<Watched>,
    snapshot: Snapshot,
}

const fn counter<T>(name: &'static str, help: &'static str, value: fn(&T) -> f64) -> Told<T> {
    Told { name, help, kind: MetricKind::Counter, value }
}

const fn gauge<T>(name: &'static str, help: &'static str, value: fn(&T) -> f64) -> Told<T> {
    Told { name, help, kind: MetricKind::Gauge, value }
}

pub(super) fn add(text: &mut Text, rules: &Board) {
    let of = |watched: Arc<Watched>| {
        let (group, snapshot) = (watched.group(), watched.snapshot());
        // As Prometheus names a group.
        let name = format!("{};{}", group.file, group.name);
        Group { name, watched, snapshot }
    };
    let groups: Vec<Group> = rules.groups().into_iter().map(of).collect();
    for told in &OF_GROUPS {
        text.add(told, groups.iter().map(|group| ([("rule_group", group.name.as_str())], group)));
    }
    let reloads = rules.reloads();
    for told in &OF_FILES {
        text.add(told, [([], &reloads)].into_iter());
    }
}

fn of(counter: &AtomicU64) -> f64 {
    counter.load(Ordering::Relaxed) as f64
}
