//! What answers questions about series: the store, another hub, a test.

use std::fmt;
use std::sync::Arc;

use crate::{Matcher, Part};

/// The label that holds the metric name in a [`LabelSet`].
pub const NAME_LABEL: &str = "__name__";

/// All labels of a series: the metric name as [`NAME_LABEL`], the server's
/// name as `instance`, and the rest.
///
/// Sorted by label name, without empty values and without a name that comes
/// twice; names and values may be any UTF-8. A clone shares the memory of its
/// original, and so may the texts of many sets.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelSet(Arc<[LabelPair]>);

/// The name and the value of a label.
pub type LabelPair = (Arc<str>, Arc<str>);

/// Samples of one series, oldest first.
///
/// Both columns are shared: a source hands out what it holds without copying, and the series of
/// one server may have one column of times. A value that is [`crate::ABSENT`] says that the
/// series had ended by then: Prometheus' marker of staleness.
#[derive(Debug, Clone)]
pub struct Samples {
    times: Arc<[i64]>,
    // A list, and not a slice: who gathers values one by one can hand them out as they lie.
    values: Arc<Vec<f64>>,
    start: usize,
    end: usize,
    rising: bool,
    /// The places in `times` of the values, when not all are here.
    picked: Option<Arc<[usize]>>,
}

/// A series that a source found.
#[derive(Debug, Clone)]
pub struct FoundSeries {
    /// All its labels.
    pub labels: LabelSet,
    /// Its samples in the time that was asked for, and perhaps some beside it.
    pub samples: Samples,
}

/// Which series are wanted, from when, and what for.
pub struct Selection<'a> {
    /// All must hold; a label that is not there is the empty string.
    pub matchers: &'a [Matcher],
    /// Only samples later than this are wanted, in Unix milliseconds.
    pub after_ms: i64,
    /// Only samples up to and with this are wanted, in Unix milliseconds.
    pub until_ms: i64,
    /// What the samples are for.
    pub hint: Hint<'a>,
    /// More series than this are an error.
    pub max_series: usize,
    /// More samples than this, over all series, are an error.
    pub max_samples: usize,
    /// True when the time for the answer is over; asked now and then.
    pub out_of_time: &'a dyn Fn() -> bool,
}

/// What the caller does with samples, so that a source may read less of them.
/// A source that ignores it is right too.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hint<'a> {
    /// The distance of the moments that are evaluated; 0 when there is only one.
    pub step_ms: i64,
    /// How long the window before each moment is; 0 when only the last sample before it counts.
    pub range_ms: i64,
    /// The function or aggregation that takes the samples; empty for none.
    pub function: &'a str,
    /// The labels of the aggregation around it.
    pub grouping: &'a [String],
    /// True when the aggregation keeps `grouping`, false when it drops it.
    pub by: bool,
    /// The ends of all windows in Unix milliseconds, never falling, where of a series that never falls
    /// the first and the last value of each window are enough: see [`Samples::picked`]. Empty
    /// when every value is wanted.
    pub ends: &'a [i64],
    /// Only these series are wanted: the others are asked for by themselves.
    pub part: Option<Part>,
}

/// What a source found, and what its caller's user should know about it.
#[derive(Debug, Clone)]
pub struct Found<T> {
    /// What was asked for.
    pub items: Vec<T>,
    /// Whole sentences: what is missing, and why.
    pub warnings: Vec<String>,
    /// True when something that should be among the items could not be read. A warning says what;
    /// there are warnings about less.
    pub incomplete: bool,
    /// True when the limit cut off more.
    pub cut_off: bool,
}

/// Which series a question about names and values is about.
pub struct Listing<'a> {
    /// A series counts that holds all matchers of any of these; every one when there are none.
    pub selectors: &'a [Vec<Matcher>],
    /// Series count that have a sample at or after this, in Unix milliseconds.
    pub from_ms: i64,
    /// Series count that have a sample at or before this, in Unix milliseconds.
    pub until_ms: i64,
    /// Nothing past so many items is wanted.
    pub limit: usize,
    /// True when the time for the answer is over; asked now and then.
    pub out_of_time: &'a dyn Fn() -> bool,
}

/// What is known of a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricFacts {
    /// Its name.
    pub name: String,
    /// Prometheus' word for its kind: `counter`, `gauge`, `histogram`, `summary`, `unknown`.
    pub kind: String,
    /// What it means.
    pub help: String,
    /// What it is measured in; may be empty.
    pub unit: String,
}

/// Why a source gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceError {
    /// More series fit than were allowed.
    TooManySeries {
        /// How many were allowed.
        limit: usize,
    },
    /// The series have more samples than were allowed.
    TooManySamples {
        /// How many were allowed.
        limit: usize,
    },
    /// The caller's time was over.
    OutOfTime,
    /// What is kept cannot be read, and why.
    Unreadable(String),
}

/// Answers questions about series. It reads no clock; a call may read a disk.
pub trait SeriesSource {
    /// The series that fit, each label set once, in any order.
    ///
    /// # Errors
    /// [`SourceError`] when a limit of the selection is passed or nothing can be read.
    fn select(&self, selection: &Selection<'_>) -> Result<Found<FoundSeries>, SourceError>;

    /// The label sets that fit, sorted.
    ///
    /// # Errors
    /// [`SourceError`] when the time is over or nothing can be read.
    fn series(&self, listing: &Listing<'_>) -> Result<Found<LabelSet>, SourceError>;

    /// The names of labels of the series that fit, sorted.
    ///
    /// # Errors
    /// [`SourceError`] when the time is over or nothing can be read.
    fn label_names(&self, listing: &Listing<'_>) -> Result<Found<String>, SourceError>;

    /// The values of one label of the series that fit, sorted.
    ///
    /// # Errors
    /// [`SourceError`] when the time is over or nothing can be read.
    fn label_values(
        &self,
        label: &str,
        listing: &Listing<'_>,
    ) -> Result<Found<String>, SourceError>;

    /// What is known of one metric, or of up to `limit` of them, sorted by name.
    ///
    /// # Errors
    /// [`SourceError`] when nothing can be read.
    fn metadata(
        &self,
        metric: Option<&str>,
        limit: usize,
    ) -> Result<Found<MetricFacts>, SourceError>;
}

impl LabelSet {
    /// A set of `pairs` in any order. Empty values are left out; of a name
    /// that comes twice the last value counts.
    #[must_use]
    pub fn new(pairs: impl IntoIterator<Item = LabelPair>) -> Self {
        let mut pairs: Vec<LabelPair> = pairs.into_iter().collect();
        if !pairs.is_sorted_by(|one, other| one.0 < other.0) {
            // Stable, so that the last of a name stays the last.
            pairs.sort_by(|one, other| one.0.cmp(&other.0));
            pairs.reverse();
            pairs.dedup_by(|one, other| one.0 == other.0);
            pairs.reverse();
        }
        pairs.retain(|(_, value)| !value.is_empty());
        Self(pairs.into())
    }

    /// A set of `pairs` in any order; see [`LabelSet::new`].
    #[must_use]
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        Self::new(pairs.iter().map(|&(name, value)| (Arc::from(name), Arc::from(value))))
    }

    /// No labels at all.
    #[must_use]
    pub fn empty() -> Self {
        Self(Arc::from([]))
    }

    /// The value of a label; empty when it is not there, as for Prometheus.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        // Sets are small: a walk is faster than a search.
        self.0.iter().find(|(label, _)| **label == *name).map_or("", |(_, value)| value)
    }

    /// The metric name; empty when there is none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.get(NAME_LABEL)
    }

    /// All labels, sorted by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// All labels with their shared texts, sorted by name.
    #[must_use]
    pub fn pairs(&self) -> &[LabelPair] {
        &self.0
    }

    /// A set of those labels for which `keep` says so.
    #[must_use]
    pub fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|(name, _)| keep(name)).cloned().collect())
    }

    /// True when every matcher holds.
    #[must_use]
    pub fn fits(&self, matchers: &[Matcher]) -> bool {
        matchers.iter().all(|matcher| matcher.holds(self.get(matcher.label())))
    }
}

impl fmt::Debug for LabelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Samples {
    /// Samples of the whole of two columns.
    ///
    /// # Panics
    /// When the columns are not of one length.
    #[must_use]
    pub fn new(times: Arc<[i64]>, values: Arc<Vec<f64>>) -> Self {
        let end = times.len();
        Self::part(times, values, 0, end)
    }

    /// Samples `start..end` of two columns.
    ///
    /// # Panics
    /// When the columns are not of one length, or have no such part.
    #[must_use]
    pub fn part(times: Arc<[i64]>, values: Arc<Vec<f64>>, start: usize, end: usize) -> Self {
        assert!(times.len() == values.len(), "a time for each value");
        assert!(start <= end && end <= times.len(), "a part of the columns");
        Self { times, values, start, end, rising: false, picked: None }
    }

    /// Samples of which only the values at some `places` of `times` are here, rising; all are
    /// known to be numbers that never fall. For who asked with [`Hint::ends`] alone: the values
    /// of other samples would be read for nothing.
    ///
    /// # Panics
    /// When there is not a value for each place, or a place without a time.
    #[must_use]
    pub fn picked(times: Arc<[i64]>, places: Arc<[usize]>, values: Arc<Vec<f64>>) -> Self {
        assert!(places.len() == values.len(), "a value for each place");
        assert!(places.last().is_none_or(|last| *last < times.len()), "a time for each place");
        let end = times.len();
        Self { times, values, start: 0, end, rising: true, picked: Some(places) }
    }

    /// The places in [`times`](Self::times) of the [`values`](Self::values), when these are not
    /// all.
    #[must_use]
    pub fn places(&self) -> Option<&[usize]> {
        self.picked.as_deref()
    }

    /// The same samples, known to be numbers that never fall: a counter that was not reset.
    /// Saves a walk over them.
    #[must_use]
    pub fn known_to_rise(mut self) -> Self {
        self.rising = true;
        self
    }

    /// True when the source knows that all values are numbers and none is less than the one
    /// before it.
    #[must_use]
    pub fn rises(&self) -> bool {
        self.rising
    }

    /// When each sample was taken, in Unix milliseconds, each later than the one before.
    #[must_use]
    pub fn times(&self) -> &[i64] {
        &self.times[self.start..self.end]
    }

    /// The values, one for each of the times, or for each of the [`places`](Self::places).
    #[must_use]
    pub fn values(&self) -> &[f64] {
        match self.picked {
            Some(_) => &self.values,
            None => &self.values[self.start..self.end],
        }
    }

    /// How many samples there are, whose values are here or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// True when both have the very same times and places in memory, so that what was
    /// found out about those of one holds for the other.
    #[must_use]
    pub fn shares_times_with(&self, other: &Self) -> bool {
        let places = |one: &Self| one.picked.as_ref().map(Arc::as_ptr);
        Arc::ptr_eq(&self.times, &other.times)
            && (self.start, self.end) == (other.start, other.end)
            && places(self) == places(other)
    }
}

impl<T> Found<T> {
    /// All of `items`, with nothing to warn of.
    #[must_use]
    pub fn all(items: Vec<T>) -> Self {
        Self { items, warnings: Vec::new(), incomplete: false, cut_off: false }
    }
}

impl fmt::Debug for Selection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selection")
            .field("matchers", &self.matchers)
            .field("after_ms", &self.after_ms)
            .field("until_ms", &self.until_ms)
            .field("hint", &self.hint)
            .field("max_series", &self.max_series)
            .field("max_samples", &self.max_samples)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing")
            .field("selectors", &self.selectors)
            .field("from_ms", &self.from_ms)
            .field("until_ms", &self.until_ms)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManySeries { limit } => {
                write!(f, "more than {limit} series fit: name more labels in the selector")
            }
            Self::TooManySamples { limit } => write!(
                f,
                "more than {limit} samples would be read: ask for a shorter time or fewer series"
            ),
            Self::OutOfTime => f.write_str("the time for this question is over"),
            Self::Unreadable(why) => write!(f, "the history cannot be read: {why}"),
        }
    }
}

impl std::error::Error for SourceError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MatchOp;

    #[test]
    fn a_set_is_sorted_without_empty_values_and_the_last_of_a_name_counts() {
        let set = LabelSet::of(&[("b", "1"), ("a", "x"), ("c", ""), ("b", "2")]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [("a", "x"), ("b", "2")]);
        assert_eq!((set.get("b"), set.get("c"), set.name()), ("2", "", ""));
        assert_eq!(set, LabelSet::of(&[("a", "x"), ("b", "2")]));
        assert_eq!(set.filtered(|name| name != "a"), LabelSet::of(&[("b", "2")]));
    }

    #[test]
    fn a_missing_label_matches_the_empty_string() {
        let set = LabelSet::of(&[("a", "x")]);
        for (label, op, value, fits) in [
            ("a", MatchOp::Equal, "x", true),
            ("b", MatchOp::Equal, "", true),
            ("b", MatchOp::NotEqual, "", false),
            ("b", MatchOp::Matches, ".*", true),
            ("b", MatchOp::Matches, ".+", false),
            ("a", MatchOp::NotMatches, "y|z", true),
        ] {
            let matcher = Matcher::new(label, op, value).unwrap();
            assert_eq!(set.fits(&[matcher]), fits, "{label} {op:?} {value}");
        }
    }

    #[test]
    fn parts_share_their_columns() {
        let times: Arc<[i64]> = Arc::from([1, 2, 3]);
        let one = Samples::part(Arc::clone(&times), Arc::new(vec![1.0, 2.0, 3.0]), 1, 3);
        assert_eq!((one.times(), one.values(), one.len()), (&[2, 3][..], &[2.0, 3.0][..], 2));
        let other = Samples::part(Arc::clone(&times), Arc::new(vec![0.0; 3]), 1, 3);
        assert!(one.shares_times_with(&other) && !one.rises());
        assert!(!one.shares_times_with(&Samples::new(times, Arc::new(vec![0.0; 3]))));
    }

    #[test]
    fn some_values_are_told_apart_from_all() {
        let (times, places): (Arc<[i64]>, Arc<[usize]>) = (Arc::from([1, 2, 3]), Arc::from([0, 2]));
        let picked = || {
            let values = Arc::new(vec![5.0, 6.0]);
            Samples::picked(Arc::clone(&times), Arc::clone(&places), values)
        };
        let (one, all) = (picked(), Samples::new(Arc::clone(&times), Arc::new(vec![0.0; 3])));
        assert_eq!((one.times().len(), one.values(), one.len()), (3, &[5.0, 6.0][..], 3));
        assert_eq!((one.places(), all.places()), (Some(&[0, 2][..]), None));
        assert!(one.rises() && one.shares_times_with(&picked()));
        assert!(!one.shares_times_with(&all) && !all.shares_times_with(&one));
    }
}
