//! What a question has used of what it may.

use watchfire_model::LabelSet;

use crate::QueryError;

/// The caller is asked for the time once in so many samples.
const SAMPLES_BETWEEN_LOOKS: usize = 1 << 16;

/// Counts samples, and asks now and then whether the time is over.
pub(super) struct Budget<'a> {
    limit: usize,
    used: usize,
    since_look: usize,
    out_of_time: &'a dyn Fn() -> bool,
}

impl<'a> Budget<'a> {
    pub(super) fn new(limit: usize, out_of_time: &'a dyn Fn() -> bool) -> Self {
        // The first sample asks at once.
        Self { limit, used: 0, since_look: SAMPLES_BETWEEN_LOOKS, out_of_time }
    }

    pub(super) fn used(&self) -> usize {
        self.used
    }

    pub(super) fn left(&self) -> usize {
        self.limit - self.used
    }

    pub(super) fn clock(&self) -> &'a dyn Fn() -> bool {
        self.out_of_time
    }

    /// Counts samples that were read, or values that are about to be made.
    pub(super) fn take(&mut self, samples: usize) -> Result<(), QueryError> {
        if samples > self.left() {
            return Err(QueryError::TooManySamples { limit: self.limit });
        }
        self.used += samples;
        self.work(samples)
    }

    /// Counts the comparisons of each label with each of `names`.
    pub(super) fn compare(
        &mut self,
        labels: &LabelSet,
        names: &[String],
    ) -> Result<(), QueryError> {
        self.work(labels.pairs().len() * names.len().max(1))
    }

    /// Counts samples that were walked over: they take time and no room.
    pub(super) fn work(&mut self, samples: usize) -> Result<(), QueryError> {
        self.since_look = self.since_look.saturating_add(samples.max(1));
        if self.since_look < SAMPLES_BETWEEN_LOOKS {
            return Ok(());
        }
        self.since_look = 0;
        if (self.out_of_time)() { Err(QueryError::OutOfTime) } else { Ok(()) }
    }
}
