//! Samples that are in no run yet, by series, in the order in which they came.

use std::collections::HashMap;

/// Batches of the file, and the samples in them.
#[derive(Debug, Default)]
pub(super) struct Head {
    series: HashMap<i64, Vec<(i64, f64)>>,
    samples: usize,
    bytes: usize,
    batches: Vec<i64>,
}

impl Head {
    /// Adds samples of a series that are in a batch.
    pub(super) fn add(&mut self, series: i64, samples: &[(i64, f64)]) {
        self.samples += samples.len();
        self.series.entry(series).or_default().extend_from_slice(samples);
    }

    /// Notes a batch whose samples are all in here.
    pub(super) fn note(&mut self, batch: i64, bytes: usize) {
        self.batches.push(batch);
        self.bytes += bytes;
    }

    pub(super) fn forget(&mut self, series: i64) {
        let gone = self.series.remove(&series);
        self.samples -= gone.map_or(0, |samples| samples.len());
    }

    pub(super) fn samples(&self, series: i64) -> Option<&Vec<(i64, f64)>> {
        self.series.get(&series)
    }

    /// The series that have samples, by number.
    pub(super) fn series(&self) -> Vec<i64> {
        let mut all: Vec<i64> = self.series.keys().copied().collect();
        all.sort_unstable();
        all
    }

    /// How many samples there are.
    pub(super) fn len(&self) -> usize {
        self.samples
    }

    /// What its batches take in the file.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The rows of its batches.
    pub(super) fn batches(&self) -> &[i64] {
        &self.batches
    }
}
