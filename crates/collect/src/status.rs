use watchfire_model::{Moment, Status};

use crate::collectors::{self, Collector, Sample};
use crate::{Fault, Root};

/// Reads the state of a server once per call.
#[derive(Debug)]
pub struct StatusSampler {
    root: Root,
    collectors: Vec<Box<dyn Collector>>,
    faults: Vec<Fault>,
}

impl StatusSampler {
    /// A sampler that has read nothing yet.
    #[must_use]
    pub fn new(root: Root) -> Self {
        Self { root, collectors: collectors::all(), faults: Vec::new() }
    }

    /// Reads everything. Rates are over the time since `now` of the call
    /// before. What cannot be read has its default value and is in
    /// [`StatusSampler::faults`].
    pub fn sample(&mut self, now: Moment) -> Status {
        let mut status = Status { at: now, ..Status::default() };
        self.faults.clear();
        for collector in &mut self.collectors {
            let mut sample = Sample::new(&self.root, now, collector.name(), &mut self.faults);
            if let Err(error) = collector.collect(&mut sample, &mut status) {
                sample.note(&error);
            }
        }
        status
    }

    /// What could not be read at the last sample. Empty when all is well.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}
