//! A source with more samples laid over it: what rules have just given, and nobody has stored yet.

use std::collections::{BTreeMap, HashMap};

use watchfire_model::{
    Found, FoundSeries, Hint, LabelSet, Listing, MetricFacts, Samples, Selection, SeriesSource,
    SourceError, is_absent,
};

/// Lays samples over a source. They are found by selectors alone: what lists names and values
/// knows those of the source below.
pub(super) struct Overlay<'a> {
    below: &'a dyn SeriesSource,
    /// Nothing later is found below.
    until_ms: i64,
    series: BTreeMap<LabelSet, Column>,
}

/// Times and values, each time later than the one before.
type Column = (Vec<i64>, Vec<f64>);

impl<'a> Overlay<'a> {
    pub(super) fn over(below: &'a dyn SeriesSource) -> Self {
        Self { below, until_ms: i64::MAX, series: BTreeMap::new() }
    }

    /// Hides what is later than this in the source below.
    pub(super) fn hide_after(&mut self, until_ms: i64) {
        self.until_ms = until_ms;
    }

    /// Adds a sample that is not earlier than any other of its series here. Of several at one
    /// moment the first counts, and any value more than the end of the series.
    pub(super) fn put(&mut self, labels: &LabelSet, at_ms: i64, value: f64) {
        let (times, values) = match self.series.get_mut(labels) {
            Some(column) => column,
            None => self.series.entry(labels.clone()).or_default(),
        };
        match (times.last(), values.last_mut()) {
            (Some(last), Some(end)) if *last >= at_ms => {
                if is_absent(*end) {
                    *end = value;
                }
            }
            _ => {
                times.push(at_ms);
                values.push(value);
            }
        }
    }

    /// Lays what was put here since over what is found.
    fn laid_over(&self, selection: &Selection<'_>, items: &mut Vec<FoundSeries>) {
        let places: HashMap<LabelSet, usize> =
            items.iter().enumerate().map(|(at, found)| (found.labels.clone(), at)).collect();
        let fitting = self.series.iter().filter(|(labels, _)| labels.fits(selection.matchers));
        for (labels, (times, values)) in fitting {
            let first = times.partition_point(|time| *time <= selection.after_ms);
            let last = times.partition_point(|time| *time <= selection.until_ms);
            if first >= last {
                continue;
            }
            let upper = (&times[first..last], &values[first..last]);
            match places.get(labels) {
                Some(&at) => items[at].samples = merged(&items[at].samples, upper),
                None => {
                    let samples = Samples::new(upper.0.into(), upper.1.to_vec().into());
                    items.push(FoundSeries { labels: labels.clone(), samples });
                }
            }
        }
    }
}

/// All samples in order; of two at one moment the upper one.
fn merged(lower: &Samples, (times, values): (&[i64], &[f64])) -> Samples {
    let mut both: BTreeMap<i64, f64> =
        lower.times().iter().copied().zip(lower.values().iter().copied()).collect();
    both.extend(times.iter().copied().zip(values.iter().copied()));
    let (times, values): Column = both.into_iter().unzip();
    Samples::new(times.into(), values.into())
}

impl SeriesSource for Overlay<'_> {
    fn select(&self, selection: &Selection<'_>) -> Result<Found<FoundSeries>, SourceError> {
        let hides = self.until_ms < selection.until_ms;
        if !hides && !self.series.keys().any(|labels| labels.fits(selection.matchers)) {
            return self.below.select(selection);
        }
        let until_ms = selection.until_ms.min(self.until_ms);
        // Samples can only be laid between others when all of those are there.
        let hint = Hint { ends: &[], ..selection.hint };
        let mut found = self.below.select(&Selection { until_ms, hint, ..*selection })?;
        if hides {
            // A source may give samples beside those that were asked for.
            found.items.iter_mut().for_each(|one| one.samples = cut(&one.samples, self.until_ms));
        }
        self.laid_over(selection, &mut found.items);
        if found.items.len() > selection.max_series {
            return Err(SourceError::TooManySeries { limit: selection.max_series });
        }
        let samples: usize = found.items.iter().map(|found| found.samples.len()).sum();
        if samples > selection.max_samples {
            return Err(SourceError::TooManySamples { limit: selection.max_samples });
        }
        Ok(found)
    }

    fn series(&self, listing: &Listing<'_>) -> Result<Found<LabelSet>, SourceError> {
        self.below.series(listing)
    }

    fn label_names(&self, listing: &Listing<'_>) -> Result<Found<String>, SourceError> {
        self.below.label_names(listing)
    }

    fn label_values(
        &self,
        label: &str,
        listing: &Listing<'_>,
    ) -> Result<Found<String>, SourceError> {
        self.below.label_values(label, listing)
    }

    fn metadata(
        &self,
        metric: Option<&str>,
        limit: usize,
    ) -> Result<Found<MetricFacts>, SourceError> {
        self.below.metadata(metric, limit)
    }
}

/// The samples up to a moment.
fn cut(samples: &Samples, until_ms: i64) -> Samples {
    let end = samples.times().partition_point(|time| *time <= until_ms);
    Samples::new(samples.times()[..end].into(), samples.values()[..end].to_vec().into())
}
