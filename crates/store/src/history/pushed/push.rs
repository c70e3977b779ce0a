//! What senders push goes to the disk as batches, and into memory.

use std::sync::atomic::Ordering;

use super::admission::{Admitted, Caps, admit};
use super::left_out::LeftOut;
use super::new_rows::NewRows;
use super::told::{Push, Pushed};
use crate::history::counters::Counters;
use crate::history::{History, HistoryError};

impl History {
    /// Stores samples of senders, and says what came of each push. All that is not left out is
    /// on the disk when this returns `Ok`: in one transaction, or in several when all together
    /// would take more than a quarter of what the history may have. Of two samples of one series
    /// and time the later one counts, and within a push the one that comes last.
    ///
    /// # Errors
    /// [`HistoryError`] when the disk refuses. What is not stored then may be pushed again, and
    /// so may what is.
    pub fn push(&self, pushes: &[Push]) -> Result<Vec<Pushed>, HistoryError> {
        self.push_within(&Caps::of(self.0.room.file_bytes), pushes)
    }

    pub(super) fn push_within(
        &self,
        caps: &Caps,
        pushes: &[Push],
    ) -> Result<Vec<Pushed>, HistoryError> {
        self.fold_if_too_much()?;
        let _one_at_a_time = self.0.pushed.writing();
        self.store_pushes(caps, pushes)
    }

    /// Stores them, half by half when they take too much for one transaction. Nobody else gives
    /// numbers to what is new meanwhile.
    fn store_pushes(&self, caps: &Caps, pushes: &[Push]) -> Result<Vec<Pushed>, HistoryError> {
        loop {
            let known = self.pushed_or_fresh()?;
            let mut admitted = admit(&known, caps, pushes);
            drop(known);
            let Admitted { rows, next, .. } = &mut admitted;
            for of in &mut *rows {
                of.encode(&mut next.batch)?;
            }
            let bytes: usize = rows.iter().map(NewRows::bytes).sum();
            if bytes > caps.file {
                return self.store_halves(caps, pushes);
            }
            // What is refused whole costs no transaction.
            let costs_nothing = rows.iter().all(NewRows::is_empty);
            if costs_nothing || self.put_pushed(&admitted, bytes)? {
                return Ok(self.learn_pushed(admitted));
            }
            // Another file took the place of the one that the rows were made for.
        }
    }

    fn store_halves(&self, caps: &Caps, pushes: &[Push]) -> Result<Vec<Pushed>, HistoryError> {
        if let [one] = pushes {
            let pushed = Pushed::nothing_of(one, LeftOut::Large);
            self.count_refused(&[pushed]);
            return Ok(vec![pushed]);
        }
        let (first, rest) = pushes.split_at(pushes.len() / 2);
        let mut all = self.store_pushes(caps, first)?;
        all.extend(self.store_pushes(caps, rest)?);
        Ok(all)
    }

    /// Writes it all. False when it is of another file.
    fn put_pushed(&self, admitted: &Admitted<'_>, bytes: usize) -> Result<bool, HistoryError> {
        let gone = self.write(|connection| {
            if admitted.generation != Some(self.0.connections.generation()) {
                return Ok(None);
            }
            let gone = self.0.room.make(connection, bytes)?;
            for of in &admitted.rows {
                of.put(connection)?;
            }
            Ok(Some(gone))
        })?;
        if let Some(gone) = &gone {
            self.0.counters.pruned(gone);
        }
        Ok(gone.is_some())
    }

    /// Makes known and counts what was committed.
    fn learn_pushed(&self, admitted: Admitted<'_>) -> Vec<Pushed> {
        let counters = &self.0.counters;
        let samples: usize = admitted.pushed.iter().map(|one| one.samples).sum();
        Counters::add(&counters.samples_pushed, samples as u64);
        Counters::add(&counters.pushed_labels_refused, admitted.labels_refused as u64);
        Counters::add(&counters.pushed_facts_refused, admitted.facts_refused as u64);
        self.count_refused(&admitted.pushed);
        self.change_pushed(admitted.generation, |known| {
            known.next = admitted.next;
            admitted.rows.into_iter().for_each(|of| of.learn(known));
        });
        admitted.pushed
    }

    fn count_refused(&self, all: &[Pushed]) {
        let counters = &self.0.counters;
        let series: usize = all.iter().map(|one| one.refused_series).sum();
        let samples: usize = all.iter().map(|one| one.refused_samples).sum();
        Counters::add(&counters.pushed_series_refused, series as u64);
        Counters::add(&counters.pushed_samples_refused, samples as u64);
        if all.iter().filter_map(|one| one.why).any(LeftOut::is_for_want_of_room) {
            self.0.pushed.crowded.store(true, Ordering::Relaxed);
        }
    }
}
