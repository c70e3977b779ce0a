//! A source with more samples laid over it: what rules have just given, and nobody has stored yet.

use std::collections::{BTreeMap, HashMap};

use watchfire_model::{
    ABSENT, Found, FoundSeries, Hint, LabelSet, Listing, Matcher, MetricFacts, Samples, Selection,
    SeriesSource, SourceError, is_absent,
};

/// Lays samples over a source. They are found by selectors alone: what lists names and values
/// knows those of the source below.
pub(super) struct Overlay<'a> {
    below: &'a dyn SeriesSource,
    /// Nothing later is found below.
    until_ms: i64,
    hidden: Option<Hidden>,
    /// Of series with these labels there may be more than are found.
    in_doubt: Vec<LabelSet>,
    series: BTreeMap<LabelSet, Column>,
}

/// Series of the source below that are not seen for a time.
struct Hidden {
    /// What they have in common.
    labels: Vec<LabelSet>,
    from_ms: i64,
    until_ms: i64,
}

/// Times and values, each time later than the one before.
type Column = (Vec<i64>, Vec<f64>);

impl<'a> Overlay<'a> {
    pub(super) fn over(below: &'a dyn SeriesSource) -> Self {
        let (hidden, in_doubt, series) = (None, Vec::new(), BTreeMap::new());
        Self { below, until_ms: i64::MAX, hidden, in_doubt, series }
    }

    /// Hides what is later than this in the source below.
    pub(super) fn hide_after(&mut self, until_ms: i64) {
        self.until_ms = until_ms;
    }

    /// Hides what series with any of these labels have in the source below from one moment up to
    /// another. Those that began before end at the first of them.
    pub(super) fn hide(&mut self, labels: Vec<LabelSet>, (from_ms, until_ms): (i64, i64)) {
        self.hidden = Some(Hidden { labels, from_ms, until_ms });
    }

    /// Of series with any of these labels there may be more than are found.
    pub(super) fn doubt(&mut self, labels: Vec<LabelSet>) {
        self.in_doubt.extend(labels);
    }

    /// Adds a sample. Of several at one moment the first counts, and any value more than the end of
    /// the series.
    pub(super) fn put(&mut self, labels: &LabelSet, at_ms: i64, value: f64) {
        let (times, values) = match self.series.get_mut(labels) {
            Some(column) => column,
            None => self.series.entry(labels.clone()).or_default(),
        };
        // Most are later than all before.
        let place = match times.last() {
            Some(last) if *last >= at_ms => times.partition_point(|time| *time < at_ms),
            _ => times.len(),
        };
        if times.get(place) == Some(&at_ms) {
            if is_absent(values[place]) {
                values[place] = value;
            }
        } else {
            times.insert(place, at_ms);
            values.insert(place, value);
        }
    }

    /// Lays what was put here since over what is found.
    fn laid_over(&self, selection: &Selection<'_>, items: &mut Vec<FoundSeries>) {
        let places: HashMap<LabelSet, usize> =
            items.iter().enumerate().map(|(at, found)| (found.labels.clone(), at)).collect();
        let part = selection.hint.part;
        let is_wanted = |labels: &LabelSet| {
            labels.fits(selection.matchers) && part.is_none_or(|part| part.has(labels))
        };
        let fitting = self.series.iter().filter(|(labels, _)| is_wanted(labels));
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

/// Whether a series with these labels, and more, may be what is asked for.
pub(super) fn may_fit(labels: &LabelSet, matchers: &[Matcher]) -> bool {
    let value =
        |matcher: &Matcher| Some(labels.get(matcher.label())).filter(|text| !text.is_empty());
    matchers.iter().all(|matcher| value(matcher).is_none_or(|value| matcher.holds(value)))
}

impl Hidden {
    fn concerns(&self, matchers: &[Matcher]) -> bool {
        self.labels.iter().any(|labels| may_fit(labels, matchers))
    }

    fn has(&self, series: &LabelSet) -> bool {
        let is = |labels: &LabelSet| labels.iter().all(|(name, value)| series.get(name) == value);
        self.labels.iter().any(is)
    }

    /// What is left to be seen.
    fn rest(&self, samples: &Samples) -> Samples {
        let all = || samples.times().iter().copied().zip(samples.values().iter().copied());
        let mut rest: Vec<(i64, f64)> = all().filter(|(at, _)| *at < self.from_ms).collect();
        if rest.last().is_some_and(|(_, value)| !is_absent(*value)) {
            rest.push((self.from_ms, ABSENT));
        }
        rest.extend(all().filter(|(at, _)| *at > self.until_ms));
        let (times, values): Column = rest.into_iter().unzip();
        Samples::new(times.into(), values.into())
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
        let hidden = self.hidden.as_ref().filter(|hidden| hidden.concerns(selection.matchers));
        let in_doubt = self.in_doubt.iter().any(|labels| may_fit(labels, selection.matchers));
        let is_plain = !hides && hidden.is_none();
        if is_plain && !self.series.keys().any(|labels| labels.fits(selection.matchers)) {
            let mut found = self.below.select(selection)?;
            found.incomplete |= in_doubt;
            return Ok(found);
        }
        let until_ms = selection.until_ms.min(self.until_ms);
        // Samples can only be laid between others when all of those are there.
        let hint = Hint { ends: &[], ..selection.hint };
        let mut found = self.below.select(&Selection { until_ms, hint, ..*selection })?;
        if hides {
            // A source may give samples beside those that were asked for.
            found.items.iter_mut().for_each(|one| one.samples = cut(&one.samples, self.until_ms));
        }
        if let Some(hidden) = hidden {
            let of_old = found.items.iter_mut().filter(|one| hidden.has(&one.labels));
            of_old.for_each(|one| one.samples = hidden.rest(&one.samples));
        }
        found.incomplete |= in_doubt;
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
