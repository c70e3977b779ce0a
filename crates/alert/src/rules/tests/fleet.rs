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
    ("node_hwmon_", 60),
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
        let part = selection.hint.part;
        let is_wanted =
            |server: &usize| part.is_none_or(|part| part.has_instance(&server.to_string()));
        let wanted: Vec<usize> = (0..SERVERS).filter(is_wanted).collect();
        let (found, count) = (wanted.len() * parts, times.len());
        if found > selection.max_series {
            return Err(SourceError::TooManySeries { limit: selection.max_series });
        }
        if found * count > selection.max_samples {
            return Err(SourceError::TooManySamples { limit: selection.max_samples });
        }
        let pair = |name: &Arc<str>, value: String| -> LabelPair { (name.clone(), value.into()) };
        let (metric, instance): (Arc<str>, Arc<str>) = ("__name__".into(), "instance".into());
        let items =
            wanted.into_iter().flat_map(|server| (0..parts).map(move |part| (server, part)));
        let items = items.map(|(server, part)| {
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
    let whole = rule_limits();
    let limits = Limits { samples: whole.samples / SHARE, series: whole.series / SHARE, ..whole };
    let none = LabelSet::empty();
    let nothing = MemorySource::default();
    let scene = Scene { limits, source: &Fleet, ..scene(&nothing, &none) };
    for group in built_in().groups {
        let evaluation = GroupState::new(group.clone()).evaluate(1_700_000_000_000, &scene);
        assert_eq!(evaluation.errors, [], "{}", group.name);
    }
}

/// What a question found at the most that was asked of it at once.
#[derive(Default)]
struct Watched(std::cell::Cell<usize>);

impl SeriesSource for Watched {
    fn select(&self, selection: &Selection<'_>) -> Result<Found<FoundSeries>, SourceError> {
        let found = Fleet.select(selection)?;
        self.0.set(self.0.get().max(found.items.len()));
        Ok(found)
    }

    fn series(&self, listing: &Listing<'_>) -> Result<Found<LabelSet>, SourceError> {
        Fleet.series(listing)
    }

    fn label_names(&self, listing: &Listing<'_>) -> Result<Found<String>, SourceError> {
        Fleet.label_names(listing)
    }

    fn label_values(
        &self,
        name: &str,
        listing: &Listing<'_>,
    ) -> Result<Found<String>, SourceError> {
        Fleet.label_values(name, listing)
    }

    fn metadata(&self, _: Option<&str>, _: usize) -> Result<Found<MetricFacts>, SourceError> {
        Ok(Found::all(Vec::new()))
    }
}

#[test]
fn what_is_too_much_at_once_is_asked_about_some_servers_at_a_time() {
    let limits = Limits { series: 100, ..rule_limits() };
    let none = LabelSet::empty();
    let nothing = MemorySource::default();
    let evaluated = |expr: &str, series| {
        let source = Watched::default();
        let limits = Limits { series, ..limits };
        let scene = Scene { limits, source: &source, ..scene(&nothing, &none) };
        let group = rules("limit: 0", &format!("  - alert: A\n    expr: {expr}\n"));
        let mut state = GroupState::new(group);
        // The second time it is known how much is too much.
        state.evaluate(1_700_000_000_000, &scene);
        let evaluation = state.evaluate(1_700_000_060_000, &scene);
        let alerts = state.alerts(0).count();
        (alerts, evaluation.errors.into_iter().map(|(_, why)| why).next(), source.0.get())
    };
    let all = evaluated("x{a!='b'} == 0 and on (instance) y", 1_000);
    assert_eq!(all, (SERVERS, None, SERVERS));
    // Each alert is there once, and nothing was asked for that is more than may be found.
    let (alerts, why, most) = evaluated("x == 0 and on (instance) y", SERVERS - 1);
    assert_eq!((alerts, why.is_some()), (0, true), "the answer itself is too large: {why:?}");
    assert!(most < SERVERS);
    let (alerts, why, most) = evaluated("count by (instance) (node_hwmon_x) > 59", 2_000);
    assert_eq!((alerts, why), (SERVERS, None));
    assert!(most <= 2_000, "{most}");
    // A question about all of them together is not one about each.
    let (alerts, why, _) = evaluated("count(node_hwmon_x) > 0", 2_000);
    assert_eq!(alerts, 0);
    assert!(why.is_some_and(|why| why.contains("2000")));
}
