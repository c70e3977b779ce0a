use std::fmt;
use std::ops::ControlFlow;

use watchfire_model::{LabelSet, MetricFacts};

use super::left_out::LeftOut;

/// The most series of one sender. Further ones are refused, and counted.
pub const MAX_PUSHED_SERIES: usize = 100_000;
/// The most series of all senders.
pub const MAX_PUSHED_SERIES_IN_ALL: usize = 1_000_000;
/// What labels of one sender's series, and what it said of metrics, may hold of the memory, in
/// bytes. Series beyond are refused, and counted; facts beyond are left out, and counted.
pub const MAX_PUSHED_MEMORY: usize = 64 << 20;
/// What those of all senders may.
pub const MAX_PUSHED_MEMORY_IN_ALL: usize = 256 << 20;
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
    /// Samples that were left out: those of such series, and those of times that cannot be.
    pub refused_samples: usize,
    /// Why the first of it was left out, if anything was.
    pub why: Option<LeftOut>,
}

/// A time that is looked through, both ends included, in milliseconds since 1970.
#[derive(Clone, Copy)]
pub struct PushedSpan<'a> {
    /// From when,
    pub from_ms: i64,
    /// and until when.
    pub to_ms: i64,
    /// True when the time for the answer is over; asked between small steps.
    pub out_of_time: &'a dyn Fn() -> bool,
}

impl fmt::Debug for PushedSpan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PushedSpan").field(&self.from_ms).field(&self.to_ms).finish_non_exhaustive()
    }
}

impl PushedSpan<'_> {
    /// A time that may be looked through for as long as it takes.
    #[must_use]
    pub fn unhurried(from_ms: i64, to_ms: i64) -> Self {
        Self { from_ms, to_ms, out_of_time: &|| false }
    }

    pub(super) fn holds(&self, time_ms: i64) -> bool {
        (self.from_ms..=self.to_ms).contains(&time_ms)
    }

    pub(super) fn ends(&self) -> (i64, i64) {
        (self.from_ms, self.to_ms)
    }
}

/// A series of a sender. It is of no use any more once the sender is removed or another file
/// took the place of the first one: nothing is found then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PushedId {
    /// Which file.
    pub(super) generation: u64,
    pub(super) series: i64,
}

/// Takes some of the series that fit, with their labels; there may be none among those that were
/// looked at. A break ends the looking.
pub type OnPushedSeries<'a> = dyn FnMut(Vec<(PushedId, LabelSet)>) -> ControlFlow<()> + 'a;

/// Takes samples: a place among the ids that were asked for, times, and as many values. A break
/// ends the reading.
pub type OnPushed<'a> = dyn FnMut(usize, Vec<i64>, Vec<f64>) -> ControlFlow<()> + 'a;
