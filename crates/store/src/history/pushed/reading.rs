//! Which series there are, and their samples.

use std::ops::ControlFlow;

use rusqlite::Connection;
use watchfire_model::{LabelSet, Matcher};

use super::memory::Memory;
use super::overlay::{by_time, over};
use super::run::{self, RunRow};
use super::told::{OnPushed, OnPushedSeries, PushedId, PushedSpan};
use crate::StoreError;
use crate::block::Scratch;
use crate::history::counters::Counters;
use crate::history::{Gap, History, HistoryError, Told};

/// So many samples of a series are told at once, and up to a run more.
const AT_ONCE: usize = 1 << 16;
/// So many series are looked at in one snapshot, so that none is held open for long and nobody
/// who writes waits for the memory.
const SERIES_AT_ONCE: usize = 256;

impl History {
    /// The names of all senders that something is stored of, sorted.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn pushed_senders(&self) -> Result<Vec<String>, HistoryError> {
        Ok(self.pushed()?.senders.keys().cloned().collect())
    }

    /// Gives the series of a sender that fit and have a sample in that time to `found`, the one
    /// that came first first: one part after another, each with what fits of some hundred series.
    /// A break ends it, and so does the end of the time for it: the answer is a break then.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn pushed_series(
        &self,
        sender: &str,
        matchers: &[Matcher],
        span: &PushedSpan<'_>,
        found: &mut OnPushedSeries<'_>,
    ) -> Result<ControlFlow<()>, HistoryError> {
        let (generation, candidates) = self.candidates(sender, matchers)?;
        for part in candidates.chunks(SERIES_AT_ONCE) {
            if (span.out_of_time)() {
                return Ok(ControlFlow::Break(()));
            }
            let fit = self.fitting(generation, part, matchers, span)?;
            // What left memory since then is in the runs of this later snapshot.
            let ControlFlow::Continue(kept) = self.with_samples(fit, span)? else {
                return Ok(ControlFlow::Break(()));
            };
            if found(kept).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Calls `found` with a place in `ids`, times in milliseconds since 1970 and as many values:
    /// series after series, each in rising time and each sample once. What is more than some ten
    /// thousand samples of a series comes in several parts, which follow one another. A break
    /// ends it, and so does the end of the time for it: the answer is cut then.
    ///
    /// `found` must not ask the history anything: one snapshot of it is held open.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn pushed_samples(
        &self,
        ids: &[PushedId],
        span: &PushedSpan<'_>,
        found: &mut OnPushed<'_>,
    ) -> Result<Told, HistoryError> {
        let mut told = Told::default();
        for (number, part) in ids.chunks(SERIES_AT_ONCE).enumerate() {
            let first = number * SERIES_AT_ONCE;
            self.samples_of_some(part, span, &mut told, &mut |place, times, values| {
                found(first + place, times, values)
            })?;
            if told.cut {
                break;
            }
        }
        Counters::add(&self.0.counters.damaged_rows, told.gaps.len() as u64);
        Ok(told)
    }

    fn samples_of_some(
        &self,
        ids: &[PushedId],
        span: &PushedSpan<'_>,
        told: &mut Told,
        found: &mut OnPushed<'_>,
    ) -> Result<(), HistoryError> {
        self.0.archive.with_scratch(|scratch| {
            loop {
                let folded = self.pushed()?.folded;
                let is_read = self.read(|connection| {
                    begin(connection)?;
                    let Some(wanted) = self.wanted(ids, span, folded) else {
                        return Ok(false);
                    };
                    let mut reading = Reading { connection, scratch, span, told };
                    for one in wanted {
                        if reading.series(one, found)?.is_break() {
                            reading.told.cut = true;
                            break;
                        }
                    }
                    Ok(true)
                })?;
                if is_read {
                    return Ok(());
                }
            }
        })
    }

    /// What memory has of series. Looked at after a snapshot began, it lacks nothing that is not
    /// in that, unless a fold came to its end since `folded` of them were counted: nothing then.
    fn wanted(&self, ids: &[PushedId], span: &PushedSpan<'_>, folded: u64) -> Option<Vec<Wanted>> {
        let known = self.pushed_if_known().filter(|known| known.folded == folded)?;
        Some(wanted(&known, ids, span))
    }

    /// The numbers of series among which are all that fit, and of which file they are.
    fn candidates(
        &self,
        sender: &str,
        matchers: &[Matcher],
    ) -> Result<(Option<u64>, Vec<i64>), HistoryError> {
        let known = self.pushed()?;
        let of = known.senders.get(sender);
        Ok((known.generation, of.map_or_else(Vec::new, |of| of.candidates(matchers))))
    }

    /// Those of some series that fit. None are of a file that was replaced meanwhile.
    fn fitting(
        &self,
        of: Option<u64>,
        series: &[i64],
        matchers: &[Matcher],
        span: &PushedSpan<'_>,
    ) -> Result<Vec<Fitting>, HistoryError> {
        let known = self.pushed()?;
        let Some(generation) = of.filter(|_| of == known.generation) else {
            return Ok(Vec::new());
        };
        let fitting = series.iter().filter_map(|series| {
            let one = known.series.get(series).filter(|one| one.labels.fits(matchers))?;
            Some(Fitting {
                id: PushedId { generation, series: *series },
                labels: one.labels.clone(),
                tag: one.tag,
                certain: known.unfolded(*series).any(|(time, _)| span.holds(time)),
            })
        });
        Ok(fitting.collect())
    }

    /// Those that have a sample in that time. A break when the time for it is over.
    fn with_samples(
        &self,
        fit: Vec<Fitting>,
        span: &PushedSpan<'_>,
    ) -> Result<ControlFlow<(), Vec<(PushedId, LabelSet)>>, HistoryError> {
        self.0.archive.with_scratch(|scratch| {
            self.read(|connection| {
                let mut kept = Vec::with_capacity(fit.len());
                for one in fit {
                    // A long series has many runs, even when none is of that time.
                    if !one.certain && (span.out_of_time)() {
                        return Ok(ControlFlow::Break(()));
                    }
                    if one.certain || has_samples(connection, &one, span, scratch)? {
                        kept.push((one.id, one.labels));
                    }
                }
                Ok(ControlFlow::Continue(kept))
            })
        })
    }
}

/// A series that fits.
struct Fitting {
    id: PushedId,
    labels: LabelSet,
    tag: u32,
    /// A sample in memory is in that time.
    certain: bool,
}

/// A series whose samples are wanted.
struct Wanted {
    place: usize,
    series: i64,
    tag: u32,
    /// What is in no run yet, in the order in which it came.
    unfolded: Vec<(i64, f64)>,
    /// Batches of its sender that are damaged.
    gaps: Vec<Gap>,
}

/// The snapshot of a reader begins with its first question.
fn begin(connection: &Connection) -> Result<(), StoreError> {
    connection.prepare_cached("SELECT 1 FROM pushed_sender LIMIT 1")?.exists([])?;
    Ok(())
}

fn wanted(known: &Memory, ids: &[PushedId], span: &PushedSpan<'_>) -> Vec<Wanted> {
    let within = |gap: &Gap| gap.from_ms <= span.to_ms && gap.to_ms >= span.from_ms;
    let one = |(place, id): (usize, &PushedId)| {
        let here = Some(id.generation) == known.generation;
        let of = known.series.get(&id.series).filter(|_| here)?;
        let unfolded = known.unfolded(id.series).filter(|(time, _)| span.holds(*time));
        let gaps = known.gaps.iter().filter(|(sender, gap)| *sender == of.sender && within(gap));
        Some(Wanted {
            place,
            series: id.series,
            tag: of.tag,
            unfolded: unfolded.collect(),
            gaps: gaps.map(|(_, gap)| *gap).collect(),
        })
    };
    ids.iter().enumerate().filter_map(one).collect()
}

/// True when a series has a sample in that time, or something that cannot be read.
fn has_samples(
    connection: &Connection,
    one: &Fitting,
    span: &PushedSpan<'_>,
    scratch: &mut Scratch,
) -> Result<bool, StoreError> {
    let Some(runs) = run::between_unless_damaged(connection, one.id.series, span.ends())? else {
        return Ok(true);
    };
    // A run has samples at both of its ends.
    let has_end = |run: &RunRow| span.holds(run.first_ms) || span.holds(run.last_ms);
    if runs.iter().any(has_end) {
        return Ok(true);
    }
    for run in runs {
        let samples = run::read(connection, &run, one.tag, scratch)?;
        if samples.is_none_or(|samples| samples.iter().any(|(time, _)| span.holds(*time))) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One question.
struct Reading<'a> {
    connection: &'a Connection,
    scratch: &'a mut Scratch,
    span: &'a PushedSpan<'a>,
    told: &'a mut Told,
}

impl Reading<'_> {
    fn series(
        &mut self,
        wanted: Wanted,
        found: &mut OnPushed<'_>,
    ) -> Result<ControlFlow<()>, StoreError> {
        wanted.gaps.iter().for_each(|gap| self.gap(*gap));
        let span = self.span;
        let (from_ms, to_ms) = span.ends();
        let runs = run::between_unless_damaged(self.connection, wanted.series, span.ends())?;
        if runs.is_none() {
            self.gap(Gap { ring: [0; 16], from_ms, to_ms });
        }
        let runs = runs.unwrap_or_default();
        let unfolded = by_time(wanted.unfolded);
        let mut unfolded = unfolded.as_slice();
        let mut ready: Vec<(i64, f64)> = Vec::new();
        for together in run::apart(&runs) {
            let ControlFlow::Continue(stored) = self.overlaid(together, wanted.tag)? else {
                return Ok(ControlFlow::Break(()));
            };
            // Runs that follow begin later, so up to here nothing more comes.
            let until = together.iter().map(|run| run.last_ms).max().unwrap_or(i64::MIN);
            let newer = unfolded.partition_point(|(time, _)| *time <= until);
            let (newer, later) = unfolded.split_at(newer);
            unfolded = later;
            let within = |(time, _): &(i64, f64)| span.holds(*time);
            ready.extend(over(&stored, newer).into_iter().filter(within));
            if ready.len() >= AT_ONCE && tell(&mut ready, wanted.place, found).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if (span.out_of_time)() {
            return Ok(ControlFlow::Break(()));
        }
        ready.extend_from_slice(unfolded);
        Ok(tell(&mut ready, wanted.place, found))
    }

    /// Runs that overlap, as one: the later one counts. A break when the time is over.
    fn overlaid(
        &mut self,
        runs: &[RunRow],
        tag: u32,
    ) -> Result<ControlFlow<(), Vec<(i64, f64)>>, StoreError> {
        let mut in_order = runs.to_vec();
        in_order.sort_unstable_by_key(|run| run.id);
        let mut samples = Vec::new();
        for run in &in_order {
            if (self.span.out_of_time)() {
                return Ok(ControlFlow::Break(()));
            }
            match run::read(self.connection, run, tag, self.scratch)? {
                Some(read) => samples = over(&samples, &read),
                None => {
                    self.gap(Gap { ring: [0; 16], from_ms: run.first_ms, to_ms: run.last_ms });
                }
            }
        }
        Ok(ControlFlow::Continue(samples))
    }

    fn gap(&mut self, gap: Gap) {
        if !self.told.gaps.contains(&gap) {
            self.told.gaps.push(gap);
        }
    }
}

fn tell(ready: &mut Vec<(i64, f64)>, place: usize, found: &mut OnPushed<'_>) -> ControlFlow<()> {
    if ready.is_empty() {
        return ControlFlow::Continue(());
    }
    let (times, values) = ready.drain(..).unzip();
    found(place, times, values)
}

#[cfg(test)]
mod tests;
