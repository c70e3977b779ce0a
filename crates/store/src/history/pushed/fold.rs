//! Batches become runs, some series at a time.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::head::Head;
use super::memory::Memory;
use super::overlay::by_time;
use super::plan::{self, Rewrite};
use super::run::{self, Made};
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
/// How many series one step folds at the most,
const STEP_SERIES: usize = 500;
/// and after how many samples it ends.
const STEP_SAMPLES: usize = 200_000;
/// How often it is looked for series that have no sample any more.
const SWEEP_MS: i64 = 6 * 3_600_000;

/// How far folding and sweeping are.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// When samples were first seen in memory.
    since_ms: Option<i64>,
    work: Option<Work>,
    swept_ms: Option<i64>,
    /// The series after which sweeping goes on.
    sweep_after: i64,
}

/// What is being folded.
#[derive(Debug)]
struct Work {
    generation: Option<u64>,
    frozen: Arc<Head>,
    series: Vec<i64>,
    done: usize,
}

/// A series with new samples.
struct Todo {
    sender: i64,
    series: i64,
    tag: u32,
    new: Vec<(i64, f64)>,
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
            return self.fold_step(&mut clock).map(|()| true);
        }
        if clock.swept_ms.is_some_and(|swept| (swept..swept + SWEEP_MS).contains(&now_ms)) {
            return Ok(false);
        }
        match self.sweep_pushed(clock.sweep_after)? {
            Some(after) => clock.sweep_after = after,
            None => (clock.sweep_after, clock.swept_ms) = (0, Some(now_ms)),
        }
        Ok(clock.sweep_after > 0)
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
            self.fold_step(&mut clock)?;
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
            clock.work = Some(Work { generation, frozen, series, done: 0 });
        });
        clock.since_ms = None;
        Ok(clock.work.is_some())
    }

    fn fold_step(&self, clock: &mut Clock) -> Result<(), HistoryError> {
        let Some(work) = &mut clock.work else { return Ok(()) };
        let (rewrites, looked) = self.plan_step(work)?;
        let last = work.done + looked == work.series.len();
        let batches = if last { work.frozen.batches() } else { &[] };
        let runs: usize = rewrites.iter().map(|one| one.made.len()).sum();
        if !self.replace(work.generation, &rewrites, batches)? {
            // A run went meanwhile, to keep the cap: the next step looks anew.
            return Ok(());
        }
        work.done += looked;
        Counters::add(&self.0.counters.pushed_runs_made, runs as u64);
        if last {
            self.change_pushed(work.generation, |known| {
                known.frozen = None;
                known.folded += 1;
            });
            clock.work = None;
        }
        Ok(())
    }

    /// What is to be written for the next series, and how many of them that is.
    fn plan_step(&self, work: &Work) -> Result<(Vec<Replacing>, usize), HistoryError> {
        let next = work.series[work.done..].iter().take(STEP_SERIES);
        let todo: Vec<Option<Todo>> = {
            let known = self.pushed()?;
            next.map(|series| todo(&known, &work.frozen, *series)).collect()
        };
        let planned = self.0.archive.with_scratch(|scratch| {
            self.read(|connection| {
                let mut samples = 0;
                let mut planned: Vec<Option<(Todo, Vec<Rewrite>)>> = Vec::new();
                for one in todo {
                    if samples >= STEP_SAMPLES {
                        break;
                    }
                    let Some(one) = one else {
                        planned.push(None);
                        continue;
                    };
                    let of = (one.series, one.tag);
                    let rewrites = plan::rewrites(connection, of, &one.new, scratch)?;
                    samples += rewrites.iter().map(Rewrite::samples).sum::<usize>();
                    planned.push(Some((one, rewrites)));
                }
                Ok(planned)
            })
        })?;
        let looked = planned.len();
        let made = planned.into_iter().flatten().map(|(one, rewrites)| replacing(&one, &rewrites));
        let made: Result<Vec<Vec<Replacing>>, HistoryError> = made.collect();
        Ok((made?.into_iter().flatten().collect(), looked))
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

/// Nothing for a series that is not known any more.
fn todo(known: &Memory, frozen: &Head, series: i64) -> Option<Todo> {
    let of = known.series.get(&series)?;
    let new = by_time(frozen.samples(series)?.clone());
    (!new.is_empty()).then_some(Todo { sender: of.sender, series, tag: of.tag, new })
}

fn replacing(one: &Todo, rewrites: &[Rewrite]) -> Result<Vec<Replacing>, HistoryError> {
    let made = |rewrite: &Rewrite| {
        let made = rewrite.made(one.tag);
        let made = made.map_err(|why| HistoryError::Refused { why: why.to_string() })?;
        Ok(Replacing { sender: one.sender, series: one.series, old: rewrite.old.clone(), made })
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
mod tests {
    use super::*;
    use crate::{Push, PushedSamples};

    #[test]
    fn of_a_sender_that_is_removed_meanwhile_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(folder.path(), 1 << 30).unwrap();
        for sender in ["gone", "here"] {
            let labels = watchfire_model::LabelSet::of(&[]);
            let series = vec![PushedSamples { labels, samples: vec![(7, 1.0)] }];
            let push = Push { sender: sender.to_owned(), series, facts: Vec::new() };
            history.push(&[push]).unwrap();
        }
        let made = |sender: i64| {
            let made = vec![run::make(&[(7, 1.0)], 0).unwrap()];
            Replacing { sender, series: sender, old: Vec::new(), made }
        };
        history.remove_server("gone").unwrap();
        let generation = history.pushed().unwrap().generation;
        assert_eq!(history.replace(generation, &[made(1), made(2)], &[]), Ok(true));
        let left = |series| history.read(|connection| run::between(connection, series, 0, 9));
        assert_eq!((left(1).unwrap().len(), left(2).unwrap().len()), (0, 1));
        let gone = Replacing { old: vec![99], ..made(2) };
        assert_eq!(history.replace(generation, &[gone], &[1]), Ok(false), "that run is not there");
    }
}
