//! Series in memory: for tests, benchmarks, and values that were worked out before.

pub mod notation;

use std::collections::{BTreeMap, BTreeSet};

use watchfire_model::{
    Found, FoundSeries, LabelSet, Listing, MetricFacts, Samples, Selection, SeriesSource,
    SourceError, is_absent,
};

/// A source that holds all its series in memory.
#[derive(Debug, Clone, Default)]
pub struct MemorySource {
    series: Vec<FoundSeries>,
    metadata: Vec<MetricFacts>,
}

impl MemorySource {
    /// Adds a series with its samples: Unix milliseconds, each later than the one before, and
    /// values.
    pub fn add(&mut self, labels: &[(&str, &str)], samples: &[(i64, f64)]) {
        let (times, values): (Vec<i64>, Vec<f64>) = samples.iter().copied().unzip();
        self.add_columns(LabelSet::of(labels), Samples::new(times.into(), values.into()));
    }

    /// Adds a series of values that are `step_ms` apart, the first at `start_ms` in Unix
    /// milliseconds; where there is none, there is no sample. [`notation`] reads them.
    pub fn add_values(
        &mut self,
        labels: LabelSet,
        (start_ms, step_ms): (i64, i64),
        values: &[Option<f64>],
    ) {
        let moments =
            (0..).map(|number: i64| start_ms.saturating_add(step_ms.saturating_mul(number)));
        let samples = moments.zip(values).filter_map(|(at, value)| Some((at, (*value)?)));
        let (times, values): (Vec<i64>, Vec<f64>) = samples.unzip();
        self.add_columns(labels, Samples::new(times.into(), values.into()));
    }

    /// Adds a series whose columns may be shared with others.
    pub fn add_columns(&mut self, labels: LabelSet, samples: Samples) {
        self.series.push(FoundSeries { labels, samples });
    }

    /// Adds what is known of a metric.
    pub fn describe(&mut self, facts: MetricFacts) {
        self.metadata.push(facts);
    }

    fn listed(&self, listing: &Listing<'_>) -> impl Iterator<Item = &LabelSet> {
        let fits = |found: &&FoundSeries| {
            let any = listing.selectors.is_empty()
                || listing.selectors.iter().any(|matchers| found.labels.fits(matchers));
            any && has_sample(&found.samples, listing.from_ms, listing.until_ms)
        };
        self.series.iter().filter(fits).map(|found| &found.labels)
    }
}

/// True when a value, and not only a marker of staleness, lies within.
fn has_sample(samples: &Samples, from: i64, until: i64) -> bool {
    let times = samples.times();
    let first = times.partition_point(|time| *time < from);
    let last = times.partition_point(|time| *time <= until);
    samples.values()[first.min(last)..last].iter().any(|value| !is_absent(*value))
}

fn cut<T>(all: BTreeSet<T>, limit: usize) -> Found<T> {
    let cut_off = all.len() > limit;
    Found { cut_off, ..Found::all(all.into_iter().take(limit).collect()) }
}

impl SeriesSource for MemorySource {
    fn select(&self, selection: &Selection<'_>) -> Result<Found<FoundSeries>, SourceError> {
        let (mut items, mut samples) = (Vec::new(), 0);
        let is_wanted = |labels: &LabelSet| {
            let part = selection.hint.part;
            labels.fits(selection.matchers) && part.is_none_or(|part| part.has(labels))
        };
        for found in self.series.iter().filter(|found| is_wanted(&found.labels)) {
            let times = found.samples.times();
            let first = times.partition_point(|time| *time <= selection.after_ms);
            let last = times.partition_point(|time| *time <= selection.until_ms);
            if first >= last {
                continue;
            }
            if items.len() == selection.max_series {
                return Err(SourceError::TooManySeries { limit: selection.max_series });
            }
            samples += last - first;
            if samples > selection.max_samples {
                return Err(SourceError::TooManySamples { limit: selection.max_samples });
            }
            if (selection.out_of_time)() {
                return Err(SourceError::OutOfTime);
            }
            items.push(found.clone());
        }
        Ok(Found::all(items))
    }

    fn series(&self, listing: &Listing<'_>) -> Result<Found<LabelSet>, SourceError> {
        Ok(cut(self.listed(listing).cloned().collect(), listing.limit))
    }

    fn label_names(&self, listing: &Listing<'_>) -> Result<Found<String>, SourceError> {
        let names = self.listed(listing).flat_map(LabelSet::iter).map(|(name, _)| name.to_owned());
        Ok(cut(names.collect(), listing.limit))
    }

    fn label_values(
        &self,
        label: &str,
        listing: &Listing<'_>,
    ) -> Result<Found<String>, SourceError> {
        let values = self.listed(listing).map(|labels| labels.get(label).to_owned());
        Ok(cut(values.filter(|value| !value.is_empty()).collect(), listing.limit))
    }

    fn metadata(
        &self,
        metric: Option<&str>,
        limit: usize,
    ) -> Result<Found<MetricFacts>, SourceError> {
        let wanted = |facts: &&MetricFacts| metric.is_none_or(|name| facts.name == name);
        let facts: BTreeMap<&str, &MetricFacts> =
            self.metadata.iter().filter(wanted).map(|facts| (facts.name.as_str(), facts)).collect();
        let cut_off = facts.len() > limit;
        let items = facts.into_values().take(limit).cloned().collect();
        Ok(Found { cut_off, ..Found::all(items) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_selector;

    fn source() -> MemorySource {
        let mut source = MemorySource::default();
        let named = |name, job| [("__name__", name), ("job", job)];
        source.add(&named("up", "web"), &[(1_000, 1.0)]);
        source.add(&named("up", "db"), &[(2_000, 1.0), (3_000, watchfire_model::ABSENT)]);
        source.add(&named("load", "web"), &[(1_000, 1.0), (9_000, 2.0)]);
        for (name, kind) in [("up", "gauge"), ("load", "gauge")] {
            source.describe(MetricFacts {
                name: name.to_owned(),
                kind: kind.to_owned(),
                help: String::new(),
                unit: String::new(),
            });
        }
        source
    }

    fn listing<'a>(
        selectors: &'a [Vec<watchfire_model::Matcher>],
        (from_ms, until_ms): (i64, i64),
        limit: usize,
    ) -> Listing<'a> {
        Listing { selectors, from_ms, until_ms, limit, out_of_time: &|| false }
    }

    #[test]
    fn listings_keep_to_selectors_times_and_limits() {
        let source = source();
        let values = |selectors: &[&str], within, limit| {
            let selectors: Vec<_> =
                selectors.iter().map(|text| parse_selector(text).unwrap()).collect();
            let found = source.label_values("job", &listing(&selectors, within, limit)).unwrap();
            (found.items.join(" "), found.cut_off)
        };
        let all = (0, 10_000);
        assert_eq!(values(&[], all, 9), ("db web".to_owned(), false));
        assert_eq!(values(&[], all, 1), ("db".to_owned(), true));
        assert_eq!(values(&["load"], all, 9), ("web".to_owned(), false));
        assert_eq!(values(&["load", "up{job='db'}"], all, 9), ("db web".to_owned(), false));
        // A marker of staleness is no sample.
        assert_eq!(values(&[], (2_500, 10_000), 9), ("web".to_owned(), false));
        assert_eq!(values(&[], (4_000, 5_000), 9), (String::new(), false));
        let names = source.label_names(&listing(&[], all, 9)).unwrap();
        assert_eq!(names.items, ["__name__", "job"]);
        assert_eq!(source.series(&listing(&[], all, 9)).unwrap().items.len(), 3);
    }

    #[test]
    fn metadata_is_sorted_and_cut() {
        let (source, names) = (source(), |found: Found<MetricFacts>| {
            found.items.into_iter().map(|facts| facts.name).collect::<Vec<_>>()
        });
        assert_eq!(names(source.metadata(None, 9).unwrap()), ["load", "up"]);
        assert_eq!(names(source.metadata(Some("up"), 9).unwrap()), ["up"]);
        assert!(source.metadata(None, 1).unwrap().cut_off);
    }
}
