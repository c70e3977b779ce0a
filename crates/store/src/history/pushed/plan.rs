//! Which runs are made anew when samples come to a series, so that runs do not overlap and do
//! not stay small.

use std::ops::Range;

use rusqlite::Connection;

use super::overlay::over;
use super::run::{self, MOST_SAMPLES, Made, RunRow};
use crate::StoreError;
use crate::block::{Scratch, SealError};

/// How many runs beside the new samples may be drawn in.
const BESIDE: i64 = 6;

/// Runs of a series, and what takes their place.
#[derive(Debug)]
pub(super) struct Rewrite {
    pub(super) old: Vec<i64>,
    pub(super) new: Vec<Vec<(i64, f64)>>,
}

impl Rewrite {
    /// The new runs.
    pub(super) fn made(&self, tag: u32) -> Result<Vec<Made>, SealError> {
        self.new.iter().map(|samples| run::make(samples, tag)).collect()
    }

    /// How many samples are written.
    pub(super) fn samples(&self) -> usize {
        self.new.iter().map(Vec::len).sum()
    }
}

/// A stretch of a series: runs that overlap, or none, and the new samples within it.
struct Part<'a> {
    runs: &'a [RunRow],
    new: &'a [(i64, f64)],
}

impl Part<'_> {
    fn size(&self) -> usize {
        let stored = self.runs.iter().map(|run| run.samples.min(MOST_SAMPLES));
        stored.sum::<usize>() + self.new.len()
    }

    fn changes(&self) -> bool {
        !self.new.is_empty()
    }
}

/// What is to be done for samples that rise in time, of which there is at least one.
pub(super) fn rewrites(
    connection: &Connection,
    (series, tag): (i64, u32),
    new: &[(i64, f64)],
    scratch: &mut Scratch,
) -> Result<Vec<Rewrite>, StoreError> {
    let within = (new[0].0, new[new.len() - 1].0);
    let met = run::between(connection, series, within.0, within.1)?;
    let (before, after) = run::beside(connection, series, within, BESIDE)?;
    let runs: Vec<&[RunRow]> =
        [&before, &met, &after].into_iter().flat_map(|runs| run::apart(runs)).collect();
    let parts = cut(&runs, new);
    let mut rewrites = Vec::new();
    for group in groups(&parts) {
        rewrites.push(rewrite(connection, tag, &parts[group], scratch)?);
    }
    Ok(rewrites)
}

/// The parts in the order of time.
fn cut<'a>(runs: &[&'a [RunRow]], mut new: &'a [(i64, f64)]) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    let mut push = |runs: &'a [RunRow], new: &'a [(i64, f64)]| {
        if !runs.is_empty() || !new.is_empty() {
            parts.push(Part { runs, new });
        }
    };
    for &runs in runs {
        let first_ms = runs.iter().map(|run| run.first_ms).min().unwrap_or(i64::MIN);
        let last_ms = runs.iter().map(|run| run.last_ms).max().unwrap_or(i64::MAX);
        let (between, rest) = new.split_at(new.partition_point(|(time, _)| *time < first_ms));
        let (within, rest) = rest.split_at(rest.partition_point(|(time, _)| *time <= last_ms));
        push(&[], between);
        push(runs, within);
        new = rest;
    }
    push(&[], new);
    parts
}

/// Parts that become runs together: those with new samples that follow one another, and beside
/// them what is not larger. So a series that grows has few small runs, and a sample is written
/// anew as often as its run doubles.
fn groups(parts: &[Part<'_>]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while let Some(ahead) = parts[at..].iter().position(Part::changes) {
        let (mut start, mut end) = (at + ahead, at + ahead);
        let mut size = 0;
        while let Some(part) = parts.get(end) {
            let drawn_in = part.size() <= size && size + part.size() <= MOST_SAMPLES;
            if !part.changes() && !drawn_in {
                break;
            }
            size += part.size();
            end += 1;
        }
        while start > at {
            let more = parts[start - 1].size();
            if more > size || size + more > MOST_SAMPLES {
                break;
            }
            (start, size) = (start - 1, size + more);
        }
        groups.push(start..end);
        at = end;
    }
    groups
}

fn rewrite(
    connection: &Connection,
    tag: u32,
    parts: &[Part<'_>],
    scratch: &mut Scratch,
) -> Result<Rewrite, StoreError> {
    let (mut old, mut samples) = (Vec::new(), Vec::new());
    for part in parts {
        let mut in_order = part.runs.to_vec();
        in_order.sort_unstable_by_key(|run| run.id);
        let mut stored = Vec::new();
        for run in &in_order {
            // What is damaged stays as it is, as the mark of a gap.
            if let Some(read) = run::read(connection, run, tag, scratch)? {
                stored = over(&stored, &read);
                old.push(run.id);
            }
        }
        samples.extend(over(&stored, part.new));
    }
    old.sort_unstable();
    let pieces = samples.len().div_ceil(MOST_SAMPLES).max(1);
    let new = samples.chunks(samples.len().div_ceil(pieces).max(1)).map(<[_]>::to_vec).collect();
    Ok(Rewrite { old, new })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(first_ms: i64, samples: usize) -> Vec<RunRow> {
        vec![RunRow { id: first_ms, first_ms, last_ms: first_ms + samples as i64 - 1, samples }]
    }

    /// The groups for new samples at `times` among runs of so many samples, one each millisecond:
    /// the first part of each and the one after its last.
    fn grouped(runs: &[(i64, usize)], times: Range<i64>) -> Vec<(usize, usize)> {
        let runs: Vec<Vec<RunRow>> = runs.iter().map(|(at, count)| run(*at, *count)).collect();
        let runs: Vec<&[RunRow]> = runs.iter().map(Vec::as_slice).collect();
        let new: Vec<(i64, f64)> = times.map(|time| (time, 0.0)).collect();
        groups(&cut(&runs, &new)).into_iter().map(|group| (group.start, group.end)).collect()
    }

    #[test]
    fn small_runs_are_drawn_in_and_large_ones_are_not() {
        assert_eq!(grouped(&[], 0..9), [(0, 1)]);
        assert_eq!(grouped(&[(0, 100)], 200..240), [(1, 2)]);
        assert_eq!(grouped(&[(0, 200), (200, 80), (280, 40)], 400..440), [(1, 4)]);
        assert_eq!(grouped(&[(0, 100), (100, 60), (180, 40)], 300..340), [(0, 4)]);
        assert_eq!(grouped(&[(0, 2000), (3000, 2000)], 4500..8000), [(1, 3)]);
        assert_eq!(grouped(&[(500, 40)], 300..340), [(0, 2)]);
    }

    #[test]
    fn a_sample_within_a_run_changes_that_run_alone() {
        assert_eq!(grouped(&[(0, 1500), (1500, 1500), (3000, 1500)], 1600..1601), [(1, 2)]);
        assert_eq!(grouped(&[(0, 100), (100, 100), (200, 100)], 99..201), [(0, 3)]);
    }

    #[test]
    fn a_series_that_grows_is_seldom_written_anew() {
        let mut runs: Vec<(i64, usize)> = Vec::new();
        let (mut written, mut at) = (0, 0);
        for _ in 0..1000 {
            let parts: Vec<Vec<RunRow>> = runs.iter().map(|(first, n)| run(*first, *n)).collect();
            let slices: Vec<&[RunRow]> = parts.iter().map(Vec::as_slice).collect();
            let from = slices.len().saturating_sub(BESIDE as usize);
            let new: Vec<(i64, f64)> = (at..at + 40).map(|time| (time, 0.0)).collect();
            let cut = cut(&slices[from..], &new);
            let group = groups(&cut).pop().unwrap();
            let size = cut[group.clone()].iter().map(Part::size).sum();
            written += size;
            runs.truncate(from + group.start);
            runs.push((at + 40 - size as i64, size));
            at += 40;
        }
        assert!(runs.len() < 40, "{runs:?}");
        assert!(written < 7 * 40_000, "{written}");
    }
}
