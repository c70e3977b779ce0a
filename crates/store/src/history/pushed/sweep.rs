//! Series that have no sample any more go, and give their place to others.

use std::sync::atomic::Ordering;

use super::fold::Clock;
use crate::history::{History, HistoryError};

/// How often it is looked for them,
const EVERY_MS: i64 = 6 * 3_600_000;
/// and how often when new series find no room, and samples went to keep the cap.
const CROWDED_MS: i64 = 10 * 60_000;
/// How many series are looked at in one step.
const STEP: usize = 2_000;

/// How far it is.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    /// When all were looked at, if they were.
    done_ms: Option<i64>,
    /// The series after which it goes on.
    after: i64,
    /// How many rows had gone to keep the cap when it began.
    pruned: u64,
}

impl History {
    /// One step, when it is time. True when there is more to look at.
    pub(super) fn sweep_if_due(
        &self,
        clock: &mut Clock,
        now_ms: i64,
    ) -> Result<bool, HistoryError> {
        let sweep = &mut clock.sweep;
        let pruned = self.0.counters.pushed_runs_pruned.load(Ordering::Relaxed);
        let crowded = &self.0.pushed.crowded;
        if sweep.after == 0 {
            let is_worth_it = crowded.load(Ordering::Relaxed) && pruned > sweep.pruned;
            if !sweep.is_due(now_ms, is_worth_it) {
                return Ok(false);
            }
            sweep.pruned = pruned;
            crowded.store(false, Ordering::Relaxed);
        }
        match self.sweep_pushed(sweep.after)? {
            Some(after) => sweep.after = after,
            None => (sweep.after, sweep.done_ms) = (0, Some(now_ms)),
        }
        Ok(sweep.after > 0)
    }

    /// Deletes series that have no sample any more, of some that follow the series `after`.
    /// Says where to go on.
    fn sweep_pushed(&self, after: i64) -> Result<Option<i64>, HistoryError> {
        let _one_at_a_time = self.0.pushed.writing();
        let generation = self.pushed()?.generation;
        let sql = "SELECT id, EXISTS (SELECT 1 FROM pushed_run INDEXED BY pushed_run_by_time \
             WHERE pushed_run.series = one.id) FROM pushed_series AS one \
             WHERE id > ?1 ORDER BY id LIMIT ?2";
        let looked: Vec<(i64, bool)> = self.read(|connection| {
            let mut query = connection.prepare_cached(sql)?;
            let rows =
                query.query_map([after, STEP as i64], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        let known = self.pushed()?;
        let empty = |&&(id, has_runs): &&(i64, bool)| {
            !has_runs && known.series.contains_key(&id) && !known.holds(id)
        };
        let gone: Vec<i64> = looked.iter().filter(empty).map(|(id, _)| *id).collect();
        drop(known);
        if !gone.is_empty() {
            self.drop_series(generation, &gone)?;
        }
        Ok(looked.last().map(|(id, _)| *id).filter(|_| looked.len() == STEP))
    }

    fn drop_series(&self, generation: Option<u64>, gone: &[i64]) -> Result<(), HistoryError> {
        self.write(|connection| {
            if generation != Some(self.0.connections.generation()) {
                return Ok(());
            }
            let sql = "DELETE FROM pushed_series WHERE id = ?1";
            let mut delete = connection.prepare_cached(sql)?;
            for id in gone {
                delete.execute([id])?;
            }
            Ok(())
        })?;
        self.change_pushed(generation, |known| known.forget_series(gone));
        Ok(())
    }
}

impl Sweep {
    fn is_due(&self, now_ms: i64, is_worth_it: bool) -> bool {
        let most = if is_worth_it { CROWDED_MS } else { EVERY_MS };
        !self.done_ms.is_some_and(|done| (done..done + most).contains(&now_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::pushed::admission::Caps;
    use crate::history::pushed::prune;
    use crate::history::pushed::testing::{caps, push};
    use crate::{LeftOut, Pushed};

    const HOUR_MS: i64 = 3_600_000;

    /// All that is to be done at a time.
    fn tend(history: &History, now_ms: i64) {
        while history.tend_pushed(now_ms).unwrap() {}
    }

    fn push_one(history: &History, caps: &Caps, number: usize) -> Pushed {
        history.push_within(caps, &[push("a", [number], &[(7, 1.0)])]).unwrap()[0]
    }

    #[test]
    fn a_series_whose_samples_were_pruned_gives_its_place_back() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(folder.path(), 1 << 30).unwrap();
        let three = Caps { series: 3, ..caps() };
        history.push_within(&three, &[push("a", 0..3, &[(7, 1.0)])]).unwrap();
        tend(&history, 0);
        tend(&history, HOUR_MS);
        assert_eq!(push_one(&history, &three, 3).why, Some(LeftOut::Series));
        // As long as nothing was pruned, to look would be in vain.
        tend(&history, 2 * HOUR_MS);
        assert_eq!(push_one(&history, &three, 3).why, Some(LeftOut::Series));
        let gone = history.write(prune::delete_oldest).unwrap();
        history
            .0
            .counters
            .pruned(&crate::history::archive::prune::Gone { pushed: gone, ..Default::default() });
        assert_eq!(push_one(&history, &three, 3).why, Some(LeftOut::Series));
        tend(&history, 2 * HOUR_MS + 1);
        assert_eq!(push_one(&history, &three, 3).samples, 1, "there is a place again");
        assert_eq!(history.pushed().unwrap().series.len(), 1);
    }

    #[test]
    fn it_looks_no_more_often_than_it_may() {
        let sweep = Sweep { done_ms: Some(HOUR_MS), ..Sweep::default() };
        let due = |now_ms, is_worth_it| sweep.is_due(now_ms, is_worth_it);
        assert!(Sweep::default().is_due(0, false));
        assert!(!due(HOUR_MS + CROWDED_MS - 1, true) && due(HOUR_MS + CROWDED_MS, true));
        assert!(!due(HOUR_MS + EVERY_MS - 1, false) && due(HOUR_MS + EVERY_MS, false));
        assert!(due(0, false), "a clock that was set back holds up nothing");
    }
}
