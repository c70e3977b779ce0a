//! Ticks, process tables and events by time.

use super::error::RecorderError;
use super::kind::Kind;
use super::moment::chain_to;
use super::reader::{Loaded, Losses, RecordReader};
use super::reading::{Readers, Reading};
use super::records::Records;

/// The readings between two times, in the order of their sequence.
#[derive(Debug)]
pub struct Readings {
    records: Records,
    readers: Readers,
    undecodable: u64,
}

impl Readings {
    /// What could not be given so far.
    #[must_use]
    pub fn losses(&self) -> Losses {
        let losses = self.records.losses();
        Losses { undecodable: losses.undecodable + self.undecodable, ..losses }
    }
}

impl Iterator for Readings {
    type Item = Reading;

    fn next(&mut self) -> Option<Reading> {
        loop {
            match self.readers.take(self.records.next()?) {
                Some(Ok(reading)) => return Some(reading),
                Some(Err(_)) => self.undecodable += 1,
                None => {}
            }
        }
    }
}

impl RecordReader {
    /// The readings of these kinds whose wall clock was between the two times,
    /// both in milliseconds since 1970 and both included, in the order of
    /// their sequence. Where a clock was set back, both passes are given.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Io`] when the folder cannot be listed.
    pub fn range(
        &self,
        from_ms: i64,
        to_ms: i64,
        kinds: &[Kind],
    ) -> Result<Readings, RecorderError> {
        let records = self.records_between(from_ms, to_ms, kinds)?;
        Ok(Readings { records, readers: Readers::default(), undecodable: 0 })
    }

    /// The reading of `kind` whose wall clock was nearest to `unix_ms` and not
    /// after it; where a time came twice, the one that was recorded last.
    /// `None` when nothing that can be decoded was recorded before.
    ///
    /// How long before `unix_ms` it was taken is not limited: look at its `at`.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Io`] when the folder cannot be listed.
    pub fn latest_before(
        &self,
        kind: Kind,
        unix_ms: i64,
        losses: &mut Losses,
    ) -> Result<Option<Reading>, RecorderError> {
        self.best_before(kind, unix_ms, losses, |loaded, losses| {
            let reading = best_of(loaded, kind, unix_ms, losses)?;
            Some((reading.at.unix_ms, reading))
        })
    }
}

/// The best reading of one segment.
fn best_of(loaded: &Loaded, kind: Kind, unix_ms: i64, losses: &mut Losses) -> Option<Reading> {
    let records = &loaded.scan.records;
    let fits = |&place: &usize| records[place].is(kind) && records[place].at.unix_ms <= unix_ms;
    let rank = |&place: &usize| (records[place].at.unix_ms, place);
    let best = (0..records.len()).filter(fits).max_by_key(rank)?;
    let chain = chain_to(&loaded.scan, kind, best);
    if let Some(reading) = decode(loaded, &chain, |place| place == best, &mut Losses::default()) {
        return Some(reading);
    }
    // A damage before it: one pass over all there is finds the best of the others.
    let all: Vec<usize> = (0..records.len()).filter(|&place| records[place].is(kind)).collect();
    decode(loaded, &all, |place| fits(&place), losses)
}

/// Decodes the records at `places`, and returns the best of those that are asked for.
fn decode(
    loaded: &Loaded,
    places: &[usize],
    asked: impl Fn(usize) -> bool,
    losses: &mut Losses,
) -> Option<Reading> {
    let mut readers = Readers::default();
    let mut best: Option<Reading> = None;
    for &place in places {
        let Some(record) = loaded.record(place, asked(place)) else { continue };
        match readers.take(record) {
            Some(Ok(reading)) => {
                best = best.filter(|best| best.at.unix_ms > reading.at.unix_ms).or(Some(reading));
            }
            Some(Err(_)) => losses.undecodable += 1,
            None => {}
        }
    }
    best
}
