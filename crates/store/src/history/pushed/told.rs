use std::ops::ControlFlow;

use watchfire_model::{LabelSet, MetricFacts};

/// The most series of one sender. Further ones are refused, and counted.
pub const MAX_PUSHED_SERIES: usize = 100_000;
/// The most series of all senders.
pub const MAX_PUSHED_SERIES_IN_ALL: usize = 1_000_000;
/// The most senders.
pub const MAX_SENDERS: usize = 1_000;
/// The most bytes that the names and values of one series' labels may have.
pub const MAX_PUSHED_LABEL_BYTES: usize = 64 << 10;
/// The most metrics of which a sender's facts are kept.
pub const MAX_PUSHED_FACTS: usize = 20_000;

/// What one sender pushed.
#[derive(Debug, Clone, Default)]
pub struct Push {
    /// Its name.
    pub sender: String,
    /// Series in the order in which they came; one may come again.
    pub series: Vec<PushedSamples>,
    /// What it said of metrics; of two that have one name the later one counts.
    pub facts: Vec<MetricFacts>,
}

/// Samples of one series.
#[derive(Debug, Clone)]
pub struct PushedSamples {
    /// Its labels, as they were sent.
    pub labels: LabelSet,
    /// When each was taken, in milliseconds since 1970, and its value; in any order. Every bit
    /// of a value is kept; [`ABSENT`](watchfire_model::ABSENT) says that the series ended.
    pub samples: Vec<(i64, f64)>,
}

/// What came of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pushed {
    /// Samples that are on the disk, those that took the place of others counted.
    pub samples: usize,
    /// Series that are new.
    pub series: usize,
    /// Series, as often as they came, that were left out: there are too many, or their labels
    /// take too much.
    pub refused_series: usize,
    /// Samples that were left out because they are more than a million years from 1970.
    pub refused_samples: usize,
}

/// A series of a sender. It is of no use any more once the sender is removed or another file
/// took the place of the first one: nothing is found then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PushedId {
    /// Which file.
    pub(super) generation: u64,
    pub(super) series: i64,
}

/// Takes samples: a place among the ids that were asked for, times, and as many values. A break
/// ends the reading.
pub type OnPushed<'a> = dyn FnMut(usize, Vec<i64>, Vec<f64>) -> ControlFlow<()> + 'a;
