//! Batches become runs, some series at a time.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::head::Head;
use super::memory::Memory;
use super::overlay::by_time;
use super::plan::{self, Rewrite};
use super::run::{self, Made};
use super::sweep::Sweep;
use crate::StoreError;
use crate::history::counters::Counters;
use crate::history::{History, HistoryError};

/// Batches become runs when memory holds so many samples,
const FOLD_SAMPLES: usize = 500_000;
/// or so long after the first of them was seen,
const FOLD_AFTER_MS: i64 = 10 * 60_000;
/// or when they take more than this share of the file.
const FOLD_SHARE: u64 = 32;
/// Beyond so many samples in memory, who pushes makes runs first.
const MOST_HELD: usize = 2_000_000;
/// What one step does at the most: its transaction holds up all others that write.
const STEP: Step = Step { series: 500, samples: 200_000, rows: 2_000 };

/// How far folding and sweeping are.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// When samples were first seen in memory.
    since_ms: Option<i64>,
    work: Option<Work>,
    pub(super) sweep: Sweep,
}

/// How much a step may do.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Step {
    pub(super) series: usize,
    /// Samples that are written, which take 16 bytes each at the most.
    pub(super) samples: usize,
    /// Rows that are deleted or written.
    pub(super) rows: usize,
}

/// What is being folded: series after series, then batches go, those that came first first. So
/// what a crash leaves of them says the same as the runs, or is newer.
#[derive(Debug)]
struct Work {
    generation: Option<u64>,
    frozen: Arc<Head>,
    series: Vec<i64>,
    at: Place,
    /// The samples, in rising time, of a series that a step did not come to the end of.
    kept: Option<(i64, Vec<(i64, f64)>)>,
}

/// How far the work is.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// How many series are done,
    series: usize,
    /// and how many samples of the next one.
    samples: usize,
    /// How many batches are gone.
    batches: usize,
}

/// What a step writes.
struct Planned {
    replacing: Vec<Replacing>,
    /// Where the work is then.
    then: Place,
    /// What the step may still do.
    left: Step,
}

/// New runs of a series in the place of old ones.
struct Replacing {
    sender: i64,
    series: i64,
    old: Vec<i64>,
    made: Vec<Made>,
}

impl History {
    /// One step of upkeep: makes runs of some series, or drops some that have no sample any
    /// more. False when nothing is to be done.
    pub(in crate::history) fn tend_pushed(&self, now_ms: i64) -> Result<bool, HistoryError> {
        let mut clock = self.0.pushed.clock();
        if self.begin_fold(&mut clock, Some(now_ms))? {
            return self.fold_step(&mut clock, STEP).map(|()| true);
        }
        self.sweep_if_due(&mut clock, now_ms)
    }

    /// Who pushes more than upkeep folds does the work itself: memory has its limit.
    pub(super) fn fold_if_too_much(&self) -> Result<(), HistoryError> {
        let too_much = |known: &Memory| {
            let frozen = known.frozen.as_ref().map_or(0, |frozen| frozen.len());
            known.head.len() + frozen > MOST_HELD
        };
        while too_much(&*self.pushed_or_fresh()?) {
            let mut clock = self.0.pushed.clock();
            if !self.begin_fold(&mut clock, None)? {
                break;
            }
            self.fold_step(&mut clock, STEP)?;
        }
        Ok(())
    }

    /// Takes what is in memory as the next work, when it is time or `now_ms` is none. False when
    /// there is no work.
    fn begin_fold(&self, clock: &mut Clock, now_ms: Option<i64>) -> Result<bool, HistoryError> {
        let generation = self.pushed()?.generation;
        if clock.work.as_ref().is_some_and(|work| work.generation == generation) {
            return Ok(true);
        }
        clock.work = None;
        let is_time = {
            let known = self.pushed()?;
            is_time(&known.head, clock, now_ms, self.0.room.file_bytes / FOLD_SHARE)
        };
        if !is_time {
            return Ok(false);
        }
        self.change_pushed(generation, |known| {
            let frozen = Arc::new(std::mem::take(&mut known.head));
            known.frozen = Some(Arc::clone(&frozen));
            let series = frozen.series();
            clock.work =
                Some(Work { generation, frozen, series, at: Place::default(), kept: None });
        });
        clock.since_ms = None;
        Ok(clock.work.is_some())
    }

    fn fold_step(&self, clock: &mut Clock, most: Step) -> Result<(), HistoryError> {
        let Some(work) = &mut clock.work else { return Ok(()) };
        let mut planned = self.plan_step(work, most)?;
        let batches = work.batches_to_go(&planned);
        planned.then.batches += batches.len();
        let runs: usize = planned.replacing.iter().map(|one| one.made.len()).sum();
        if !self.replace(work.generation, &planned.replacing, batches)? {
            // A run went meanwhile, to keep the cap: the next step looks anew.
            return Ok(());
        }
        work.at = planned.then;
        Counters::add(&self.0.counters.pushed_runs_made, runs as u64);
        if work.is_done() {
            self.change_pushed(work.generation, |known| {
                known.frozen = None;
                known.folded += 1;
            });
            clock.work = None;
        }
        Ok(())
    }

    /// What is to be written for the next series.
    fn plan_step(&self, work: &mut Work, most: Step) -> Result<Planned, HistoryError> {
        let owners = self.owners(work, most)?;
        let (mut then, mut left) = (work.at, most);
        let mut all = Vec::new();
        self.0.archive.with_scratch(|scratch| {
            self.read(|connection| {
                for owner in owners {
                    if left.is_used_up() {
                        break;
                    }
                    let samples = work.take_sorted(then.series);
                    let new = &samples[then.samples..];
                    let Some(owner) = owner.filter(|_| !new.is_empty()) else {
                        then = then.next_series();
                        continue;
                    };
                    let of = (owner.series, owner.tag);
                    let (rewrites, taken) =
                        plan::rewrites(connection, of, new, &mut left, scratch)?;
                    all.push((owner, rewrites));
                    if taken < new.len() {
                        then.samples += taken;
                        work.kept = Some((work.series[then.series], samples));
                        break;
                    }
                    then = then.next_series();
                }
                Ok(())
            })
        })?;
        let made = all.iter().map(|(owner, rewrites)| replacing(owner, rewrites));
        let made = made.collect::<Result<Vec<Vec<Replacing>>, HistoryError>>()?;
        Ok(Planned { replacing: made.into_iter().flatten().collect(), then, left })
    }

    /// Whose the next series are; nobody's when one is not known any more.
    fn owners(&self, work: &Work, most: Step) -> Result<Vec<Option<Owner>>, HistoryError> {
        let known = self.pushed()?;
        let next = work.series[work.at.series..].iter().take(most.series);
        Ok(next.map(|series| owner(&known, *series)).collect())
    }

    /// Puts runs in the place of others, and drops batches that are in runs now. False, and
    /// nothing is changed, when one of the old runs is not there any more.
    fn replace(
        &self,
        generation: Option<u64>,
        all: &[Replacing],
        batches: &[i64],
    ) -> Result<bool, HistoryError> {
        let bytes = all.iter().flat_map(|one| &one.made).map(|made| made.bytes.len() + 70).sum();
        let gone = self.write(|connection| {
            let here = generation == Some(self.0.connections.generation());
            if !here || !are_there(connection, all)? {
                return Ok(None);
            }
            for id in all.iter().flat_map(|one| &one.old) {
                run::delete(connection, *id)?;
            }
            let gone = self.0.room.make(connection, bytes)?;
            put_all(connection, all)?;
            let mut delete = connection.prepare_cached("DELETE FROM pushed_batch WHERE id = ?1")?;
            for batch in batches {
                delete.execute([batch])?;
            }
            Ok(Some(gone))
        })?;
        if let Some(gone) = &gone {
            self.0.counters.pruned(gone);
        }
        Ok(gone.is_some())
    }
}

fn is_time(head: &Head, clock: &mut Clock, now_ms: Option<i64>, most_bytes: u64) -> bool {
    if head.batches().is_empty() {
        clock.since_ms = None;
        return false;
    }
    let Some(now_ms) = now_ms else { return true };
    let since = clock.since_ms.filter(|since| *since <= now_ms).unwrap_or(now_ms);
    clock.since_ms = Some(since);
    head.len() >= FOLD_SAMPLES
        || head.bytes() as u64 >= most_bytes
        || now_ms.saturating_sub(since) >= FOLD_AFTER_MS
}

impl Step {
    fn is_used_up(self) -> bool {
        self.samples == 0 || self.rows == 0
    }
}

impl Place {
    fn next_series(self) -> Self {
        Self { series: self.series + 1, samples: 0, ..self }
    }
}

impl Work {
    /// The samples of the series at a place, in rising time.
    fn take_sorted(&mut self, at: usize) -> Vec<(i64, f64)> {
        let series = self.series[at];
        match self.kept.take() {
            Some((of, samples)) if of == series => samples,
            _ => by_time(self.frozen.samples(series).cloned().unwrap_or_default()),
        }
    }

    /// The batches that go next once all series are done.
    fn batches_to_go(&self, planned: &Planned) -> &[i64] {
        if planned.then.series < self.series.len() {
            return &[];
        }
        let waiting = &self.frozen.batches()[planned.then.batches..];
        &waiting[..waiting.len().min(planned.left.rows)]
    }

    fn is_done(&self) -> bool {
        self.at.series == self.series.len() && self.at.batches == self.frozen.batches().len()
    }
}

/// Whose a series is.
struct Owner {
    sender: i64,
    series: i64,
    /// Where the checksums of its runs begin.
    tag: u32,
}

fn owner(known: &Memory, series: i64) -> Option<Owner> {
    let of = known.series.get(&series)?;
    Some(Owner { sender: of.sender, series, tag: of.tag })
}

fn replacing(owner: &Owner, rewrites: &[Rewrite]) -> Result<Vec<Replacing>, HistoryError> {
    let Owner { sender, series, tag } = *owner;
    let made = |rewrite: &Rewrite| {
        let made = rewrite.made(tag);
        let made = made.map_err(|why| HistoryError::Refused { why: why.to_string() })?;
        Ok(Replacing { sender, series, old: rewrite.old.clone(), made })
    };
    rewrites.iter().map(made).collect()
}

fn are_there(connection: &Connection, all: &[Replacing]) -> Result<bool, StoreError> {
    let mut query = connection.prepare_cached("SELECT 1 FROM pushed_run WHERE id = ?1")?;
    for id in all.iter().flat_map(|one| &one.old) {
        if !query.exists([id])? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes the new runs, under the numbers of the old ones as far as these go: they are the order
/// in which what is in them came. Of a sender that was removed meanwhile nothing is written.
fn put_all(connection: &Connection, all: &[Replacing]) -> Result<(), StoreError> {
    let sql = "SELECT id FROM pushed_sender WHERE id = ?1 AND removed = FALSE";
    let mut query = connection.prepare_cached(sql)?;
    let mut here = None;
    for one in all {
        if here != Some(one.sender) {
            here = query.query_row([one.sender], |row| row.get(0)).optional()?;
        }
        if here != Some(one.sender) {
            continue;
        }
        for (number, made) in one.made.iter().enumerate() {
            run::put(connection, one.sender, one.series, one.old.get(number).copied(), made)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
