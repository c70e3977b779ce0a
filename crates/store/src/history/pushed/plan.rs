//! Which runs are made anew when samples come to a series, so that runs do not overlap and do
//! not stay small.

use std::ops::Range;

use rusqlite::Connection;

use super::fold::Step;
use super::overlay::over;
use super::run::{self, MOST_SAMPLES, Made, RunRow};
use crate::StoreError;
use crate::block::{Scratch, SealError};

/// How many runs beside the new samples may be drawn in.
const BESIDE: i64 = 6;
/// Of so many runs that overlap, none is made anew: new samples get runs of their own. These
/// have higher numbers, so they count.
const MOST_TOGETHER: usize = 64;

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
}

/// A stretch of a series: runs that overlap, or none, and the new samples within it.
struct Part<'a> {
    runs: &'a [RunRow],
    new: &'a [(i64, f64)],
}

impl Part<'_> {
    /// True where runs overlap without end, because one of them is damaged.
    fn is_tangled(&self) -> bool {
        self.runs.len() > MOST_TOGETHER
    }

    /// The runs that are made anew when it changes.
    fn untangled(&self) -> &[RunRow] {
        if self.is_tangled() { &[] } else { self.runs }
    }

    fn size(&self) -> usize {
        let stored = self.untangled().iter().map(|run| run.samples.min(MOST_SAMPLES));
        stored.sum::<usize>() + self.new.len()
    }

    /// How many rows go and come when it changes.
    fn rows(&self) -> usize {
        self.untangled().len() + self.size().div_ceil(MOST_SAMPLES)
    }

    fn changes(&self) -> bool {
        !self.new.is_empty()
    }
}

/// What is to be done for samples that rise in time, of which there is at least one; and for how
/// many of them that is. It is for those that come first, for one at least, and beyond the runs in
/// which that one lies for no more than there is room for in `left`.
pub(super) fn rewrites(
    connection: &Connection,
    (series, tag): (i64, u32),
    new: &[(i64, f64)],
    left: &mut Step,
    scratch: &mut Scratch,
) -> Result<(Vec<Rewrite>, usize), StoreError> {
    let new = &new[..new.len().min(left.samples.max(1))];
    let within = (new[0].0, new[new.len() - 1].0);
    let met = run::between(connection, series, within.0, within.1)?;
    let (before, after) = run::beside(connection, series, within, BESIDE)?;
    let runs: Vec<&[RunRow]> =
        [&before, &met, &after].into_iter().flat_map(|runs| run::apart(runs)).collect();
    let mut parts = cut(&runs, new);
    parts.truncate(as_many_as_fit(&parts, left));
    let mut rewrites = Vec::new();
    for group in groups(&parts) {
        rewrites.push(rewrite(connection, tag, &parts[group], scratch)?);
    }
    Ok((rewrites, parts.iter().map(|part| part.new.len()).sum()))
}

/// How many of the parts there is room for, and takes that. What changes first always has some.
fn as_many_as_fit(parts: &[Part<'_>], left: &mut Step) -> usize {
    let mut is_first = true;
    for (at, part) in parts.iter().enumerate().filter(|(_, part)| part.changes()) {
        let (samples, rows) = (part.size(), part.rows());
        if !is_first && (samples > left.samples || rows > left.rows) {
            // What comes next has no room either.
            (left.samples, left.rows) = (0, 0);
            return at;
        }
        is_first = false;
        left.samples = left.samples.saturating_sub(samples);
        left.rows = left.rows.saturating_sub(rows);
    }
    parts.len()
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
        if parts[start].is_tangled() {
            groups.push(start..start + 1);
            at = start + 1;
            continue;
        }
        let mut size = 0;
        while let Some(part) = parts.get(end) {
            let drawn_in = part.size() <= size && size + part.size() <= MOST_SAMPLES;
            if part.is_tangled() || !(part.changes() || drawn_in) {
                break;
            }
            size += part.size();
            end += 1;
        }
        while start > at {
            let more = parts[start - 1].size();
            if parts[start - 1].is_tangled() || more > size || size + more > MOST_SAMPLES {
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
        let mut in_order = part.untangled().to_vec();
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
    fn runs_that_overlap_without_end_are_left_as_they_are() {
        let one = |id: i64| RunRow { id, first_ms: id, last_ms: 9_000, samples: 2_000 };
        let tangle: Vec<RunRow> = (0..=MOST_TOGETHER as i64).map(one).collect();
        let (before, after) = (run(-50, 10), run(10_000, 10));
        let runs: [&[RunRow]; 3] = [&before, &tangle, &after];
        let new = [-20, 5, 7, 9_500].map(|time| (time, 0.0));
        let parts = cut(&runs, &new);
        assert_eq!(groups(&parts), [1..2, 2..3, 3..4]);
        assert_eq!((parts[2].size(), parts[2].rows(), parts[2].untangled().len()), (2, 1, 0));
        let few: [&[RunRow]; 1] = [&tangle[1..]];
        assert_eq!(cut(&few, &new[1..3])[0].untangled().len(), MOST_TOGETHER);
    }

    #[test]
    fn as_much_is_taken_as_there_is_room_for_and_something_always() {
        let runs: Vec<Vec<RunRow>> = (0..9).map(|at| run(at * 1_000, 100)).collect();
        let runs: Vec<&[RunRow]> = runs.iter().map(Vec::as_slice).collect();
        // A sample in each run but the second.
        let new = [0, 2, 3, 4, 5, 6, 7, 8].map(|at| (at * 1_000 + 50, 0.0));
        let parts = cut(&runs, &new);
        let taken = |samples, rows| {
            let mut left = Step { samples, rows, ..Step::default() };
            let count = as_many_as_fit(&parts, &mut left);
            (count, left.samples, left.rows)
        };
        assert_eq!(taken(0, 0), (2, 0, 0), "the first one, and what does not change");
        assert_eq!(taken(202, 99), (3, 0, 0));
        assert_eq!(taken(302, 99), (3, 0, 0));
        assert_eq!(taken(9_999, 6), (4, 0, 0));
        assert_eq!(taken(9_999, 99), (9, 9_999 - 808, 99 - 16));
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
