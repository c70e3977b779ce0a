//! Questions about one moment: the last tick, or the last process table, that
//! was taken at a time or before it.

use std::cmp::Reverse;

use super::error::RecorderError;
use super::folder::Listed;
use super::kind::Kind;
use super::reader::{Loaded, Losses, Outline, RecordReader};
use super::records::Record;
use super::scan::Scan;

impl RecordReader {
    /// The record of `kind` whose wall clock was nearest to `unix_ms` and not
    /// after it; where a time came twice, the one that was recorded last.
    /// Before it come those that it takes to decode it, from the start of its
    /// chain on. Empty when nothing was recorded before that time.
    ///
    /// How long before `unix_ms` the record was taken is not limited.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Io`] when the folder cannot be listed.
    pub fn last_before(
        &self,
        kind: Kind,
        unix_ms: i64,
        losses: &mut Losses,
    ) -> Result<Vec<Record>, RecorderError> {
        let answer = self.best_before(kind, unix_ms, losses, |loaded, _| {
            let place = latest(&loaded.scan, kind, unix_ms)?;
            let chain = chain_to(&loaded.scan, kind, place);
            let records = chain.iter().filter_map(|&place| loaded.record(place, true));
            Some((loaded.scan.records[place].at.unix_ms, records.collect()))
        })?;
        Ok(answer.unwrap_or_default())
    }

    /// The answer of the segment that has the latest one. `answer` gives the
    /// best of a segment, with its time.
    pub(super) fn best_before<T>(
        &self,
        kind: Kind,
        unix_ms: i64,
        losses: &mut Losses,
        mut answer: impl FnMut(&Loaded, &mut Losses) -> Option<(i64, T)>,
    ) -> Result<Option<T>, RecorderError> {
        let mut candidates = self.candidates(kind, unix_ms)?;
        // The most promising first, so that mostly one segment is read.
        candidates.sort_unstable_by_key(|(most, listed)| Reverse((*most, listed.number)));
        let mut best: Option<((i64, u64), T)> = None;
        for (most, listed) in candidates {
            let beats = |rank| best.as_ref().is_none_or(|(best, _)| *best < rank);
            if !beats((most, listed.number)) {
                break;
            }
            let Some(loaded) = self.load(&listed, losses) else { continue };
            if let Some((at, found)) = answer(&loaded, losses)
                && beats((at, listed.number))
            {
                best = Some(((at, listed.number), found));
            }
        }
        Ok(best.map(|(_, found)| found))
    }

    /// The segments that may have the answer, each with the latest time that
    /// its answer can have.
    fn candidates(&self, kind: Kind, unix_ms: i64) -> Result<Vec<(i64, Listed)>, RecorderError> {
        let most = |(listed, outline): (Listed, Option<Outline>)| {
            let most = match outline?.seal {
                Some(seal) => seal.0[kind.place()].latest_before(unix_ms)?,
                // It has to be looked into.
                None => unix_ms,
            };
            Some((most, listed))
        };
        Ok(self.outlines()?.into_iter().filter_map(most).collect())
    }
}

fn latest(scan: &Scan, kind: Kind, unix_ms: i64) -> Option<usize> {
    let fits = |place: &usize| {
        let entry = &scan.records[*place];
        entry.is(kind) && entry.whole && entry.at.unix_ms <= unix_ms
    };
    let places = (0..scan.records.len()).filter(fits);
    places.max_by_key(|&place| (scan.records[place].at.unix_ms, place))
}

/// The records of `kind` that it takes to decode the one at `target`, which is
/// the last of them.
pub(super) fn chain_to(scan: &Scan, kind: Kind, target: usize) -> Vec<usize> {
    let mut chain = Vec::new();
    for place in (0..=target).rev().filter(|&place| scan.records[place].is(kind)) {
        chain.push(place);
        if scan.records[place].starts_chain {
            break;
        }
    }
    chain.reverse();
    chain
}
