//! Two sources as one.

use std::collections::HashSet;

use watchfire_model::{
    Found, FoundSeries, LabelSet, Listing, MetricFacts, Selection, SeriesSource, SourceError,
};

/// What either has. A label set that is in both is the first one's: of agents' series each has the
/// name of a server of the fleet as `instance`, and of pushed ones those alone that rules record.
#[derive(Debug, Clone)]
pub(crate) struct United<A, B>(pub(crate) A, pub(crate) B);

impl<A: SeriesSource, B: SeriesSource> SeriesSource for United<A, B> {
    fn select(&self, selection: &Selection<'_>) -> Result<Found<FoundSeries>, SourceError> {
        let Selection { matchers, after_ms, until_ms, hint, out_of_time, .. } = *selection;
        let Selection { max_series, max_samples, .. } = *selection;
        let mut found = self.0.select(selection)?;
        let samples: usize = found.items.iter().map(|series| series.samples.len()).sum();
        let rest = Selection {
            matchers,
            after_ms,
            until_ms,
            hint,
            max_series: max_series.saturating_sub(found.items.len()),
            max_samples: max_samples.saturating_sub(samples),
            out_of_time,
        };
        let other = self.1.select(&rest).map_err(|error| match error {
            SourceError::TooManySeries { .. } => SourceError::TooManySeries { limit: max_series },
            SourceError::TooManySamples { .. } => {
                SourceError::TooManySamples { limit: max_samples }
            }
            other => other,
        })?;
        add(&mut found.items, other.items);
        found.warnings.extend(other.warnings);
        found.incomplete |= other.incomplete;
        Ok(found)
    }

    fn series(&self, listing: &Listing<'_>) -> Result<Found<LabelSet>, SourceError> {
        Ok(both(self.0.series(listing)?, self.1.series(listing)?, listing.limit))
    }

    fn label_names(&self, listing: &Listing<'_>) -> Result<Found<String>, SourceError> {
        Ok(both(self.0.label_names(listing)?, self.1.label_names(listing)?, listing.limit))
    }

    fn label_values(
        &self,
        label: &str,
        listing: &Listing<'_>,
    ) -> Result<Found<String>, SourceError> {
        let one = self.0.label_values(label, listing)?;
        Ok(both(one, self.1.label_values(label, listing)?, listing.limit))
    }

    fn metadata(
        &self,
        metric: Option<&str>,
        limit: usize,
    ) -> Result<Found<MetricFacts>, SourceError> {
        let mut found = self.0.metadata(metric, limit)?;
        let other = self.1.metadata(metric, limit)?;
        found.items.extend(other.items);
        // Stable: where both know a metric, the first one's words come first.
        found.items.sort_by(|one, other| one.name.cmp(&other.name));
        found.warnings.extend(other.warnings);
        found.incomplete |= other.incomplete;
        found.cut_off |= other.cut_off || found.items.len() > limit;
        found.items.truncate(limit);
        Ok(found)
    }
}

/// Adds the series whose labels are not there yet.
fn add(found: &mut Vec<FoundSeries>, mut other: Vec<FoundSeries>) {
    if !found.is_empty() && !other.is_empty() {
        let known: HashSet<&LabelSet> = found.iter().map(|series| &series.labels).collect();
        other.retain(|series| !known.contains(&series.labels));
    }
    found.extend(other);
}

/// The least `limit` items of two sorted lists, each once.
fn both<T: Ord>(mut one: Found<T>, other: Found<T>, limit: usize) -> Found<T> {
    if !other.items.is_empty() {
        one.items.extend(other.items);
        one.items.sort();
        one.items.dedup();
    }
    one.incomplete |= other.incomplete;
    one.cut_off |= other.cut_off || one.items.len() > limit;
    one.items.truncate(limit);
    one.warnings.extend(other.warnings);
    one
}

#[cfg(test)]
mod tests {
    use watchfire_model::{Hint, MatchOp, Matcher};
    use watchfire_promql::memory::MemorySource;

    use super::*;

    fn source(names: &[&str]) -> MemorySource {
        let mut source = MemorySource::default();
        for name in names {
            source.add(&[("__name__", "m"), ("instance", name)], &[(1, 1.0), (2, 2.0)]);
        }
        source
    }

    fn select(max_series: usize, max_samples: usize) -> Result<usize, SourceError> {
        let united = United(source(&["a", "b"]), source(&["c"]));
        let matchers = [Matcher::new("__name__", MatchOp::Equal, "m").expect("good")];
        let selection = Selection {
            matchers: &matchers,
            after_ms: 0,
            until_ms: 9,
            hint: Hint::default(),
            max_series,
            max_samples,
            out_of_time: &|| false,
        };
        united.select(&selection).map(|found| found.items.len())
    }

    #[test]
    fn limits_hold_for_both_together() {
        assert_eq!(select(3, 6), Ok(3));
        assert_eq!(select(2, 6), Err(SourceError::TooManySeries { limit: 2 }));
        assert_eq!(select(3, 5), Err(SourceError::TooManySamples { limit: 5 }));
        assert_eq!(select(1, 6), Err(SourceError::TooManySeries { limit: 1 }));
    }

    #[test]
    fn a_label_set_that_is_in_both_is_the_first_ones() {
        let mut other = MemorySource::default();
        for name in ["b", "c"] {
            other.add(&[("__name__", "m"), ("instance", name)], &[(1, 7.0)]);
        }
        let united = United(source(&["a", "b"]), other);
        let matchers = [Matcher::new("__name__", MatchOp::Equal, "m").expect("good")];
        let selection = Selection {
            matchers: &matchers,
            after_ms: 0,
            until_ms: 9,
            hint: Hint::default(),
            max_series: 9,
            max_samples: 9,
            out_of_time: &|| false,
        };
        let found = united.select(&selection).expect("it is readable").items;
        let first = |series: &FoundSeries| {
            (series.labels.get("instance").to_owned(), series.samples.values()[0])
        };
        let told: Vec<(String, f64)> = found.iter().map(first).collect();
        let expected = [("a", 1.0), ("b", 1.0), ("c", 7.0)];
        assert_eq!(told, expected.map(|(name, value)| (name.to_owned(), value)));
    }

    #[test]
    fn listings_are_one_sorted_list() {
        let united = United(source(&["b", "d"]), source(&["a", "b", "c"]));
        let values = |limit| {
            let listing =
                Listing { selectors: &[], from_ms: 0, until_ms: 9, limit, out_of_time: &|| false };
            let found = united.label_values("instance", &listing).expect("it is readable");
            (found.items.concat(), found.cut_off)
        };
        assert_eq!(values(9), ("abcd".to_owned(), false));
        assert_eq!(values(4), ("abcd".to_owned(), false));
        assert_eq!(values(3), ("abc".to_owned(), true));
    }
}
