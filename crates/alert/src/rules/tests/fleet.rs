//! The built-in rules over a large fleet.

use std::sync::Arc;

use watchfire_model::{
    Found, FoundSeries, LabelPair, Listing, Matcher, MetricFacts, Samples, Selection, SeriesSource,
    SourceError,
};

use super::*;

/// A fortieth of 10,000 servers, and of what a question may cost: each answer, and what it costs, is as
/// much less.
const SERVERS: usize = 250;
const SHARE: usize = 40;

/// Each server has these many of everything that has several.
const PARTS: [(&str, usize); 8] = [
    ("node_cpu_", 16),
    ("node_filesystem_", 6),
    ("filesystem:", 6),
    ("node_hwmon_", 40),
    ("node_network_", 20),
    ("watchfire_kernel_events_total", 6),
    ("node_md_", 2),
    ("node_systemd_unit_state", 150),
];

/// A fleet whose agents read each second. All series of one name have the same samples, and most are
/// nothing, so that few rules give anything.
struct Fleet;

impl Fleet {
    /// How far apart the samples of a metric are.
    fn step_ms(name: &str) -> i64 {
        match name.split_once(':') {
            Some(("filesystem", _)) => 300_000,
            Some(_) => 60_000,
            None => 1_000,
        }
    }

    /// Series of a metric on each server. No device ever had an error, and no unit failed.
    fn parts(name: &str) -> usize {
        if ["ALERTS", "watchfire_systemd_unit_failed"].contains(&name)
            || name.starts_with("device:")
        {
            return 0;
        }
        PARTS.iter().find(|(start, _)| name.starts_with(start)).map_or(1, |(_, parts)| *parts)
    }
}

impl SeriesSource for Fleet {
    fn select(&self, selection: &Selection<'_>) -> Result<Found<FoundSeries>, SourceError> {
        let named = |matcher: &&Matcher| matcher.label() == "__name__";
        let name: Arc<str> =
            selection.matchers.iter().find(named).expect("each asks by name").value().into();
        let (label, step_ms): (Arc<str>, _) = ("part".into(), Self::step_ms(&name));
        // Of an instant only the last sample is read, as the hub's own sources do.
        let after_ms = match selection.hint.range_ms {
            0 => selection.after_ms.max(selection.until_ms - step_ms),
            _ => selection.after_ms,
        };
        let first = after_ms.div_euclid(step_ms) + 1;
        let last = selection.until_ms.div_euclid(step_ms);
        let times: Arc<[i64]> = (first..=last).map(|number| number * step_ms).collect();
        // Started long ago; all else is nothing.
        let value = if *name == *"node_time_seconds" { 1e9 } else { 0.0 };
        let samples = Samples::new(times.clone(), vec![value; times.len()].into());
        let parts = Self::parts(&name);
        let (found, count) = (SERVERS * parts, times.len());
        if found > selection.max_series {
            return Err(SourceError::TooManySeries { limit: selection.max_series });
        }
        if found * count > selection.max_samples {
            return Err(SourceError::TooManySamples { limit: selection.max_samples });
        }
        let pair = |name: &Arc<str>, value: String| -> LabelPair { (name.clone(), value.into()) };
        let (metric, instance): (Arc<str>, Arc<str>) = ("__name__".into(), "instance".into());
        let items = (0..found).map(|number| {
            let (server, part) = (number / parts, number % parts);
            let labels = [
                (metric.clone(), name.clone()),
                pair(&instance, server.to_string()),
                pair(&label, part.to_string()),
            ];
            FoundSeries { labels: LabelSet::new(labels), samples: samples.clone() }
        });
        Ok(Found::all(items.collect()))
    }

    fn series(&self, _: &Listing<'_>) -> Result<Found<LabelSet>, SourceError> {
        Ok(Found::all(Vec::new()))
    }

    fn label_names(&self, _: &Listing<'_>) -> Result<Found<String>, SourceError> {
        Ok(Found::all(Vec::new()))
    }

    fn label_values(&self, _: &str, _: &Listing<'_>) -> Result<Found<String>, SourceError> {
        Ok(Found::all(Vec::new()))
    }

    fn metadata(&self, _: Option<&str>, _: usize) -> Result<Found<MetricFacts>, SourceError> {
        Ok(Found::all(Vec::new()))
    }
}

#[test]
fn the_built_in_rules_hold_for_ten_thousand_servers() {
    let whole = Limits::default();
    let limits = Limits { samples: whole.samples / SHARE, series: whole.series / SHARE, ..whole };
    let none = LabelSet::empty();
    let nothing = MemorySource::default();
    let scene = Scene { limits, source: &Fleet, ..scene(&nothing, &none) };
    for group in built_in().groups {
        let evaluation = GroupState::new(group.clone()).evaluate(1_700_000_000_000, &scene);
        assert_eq!(evaluation.errors, [], "{}", group.name);
    }
}
