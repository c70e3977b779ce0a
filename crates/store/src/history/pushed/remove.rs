//! A removed sender goes piece by piece, and so do series that have no samples any more.

use rusqlite::{Connection, OptionalExtension, params};

use crate::StoreError;
use crate::history::{History, HistoryError};

/// How many series are looked at in one step.
const SWEEP_STEP: usize = 2_000;

/// Marks a sender as removed.
pub(in crate::history) fn mark(connection: &Connection, sender: &str) -> Result<(), StoreError> {
    let sql = "UPDATE pushed_sender SET removed = TRUE WHERE sender = ?1 AND removed = FALSE";
    connection.prepare_cached(sql)?.execute([sender])?;
    Ok(())
}

/// Deletes up to `step` rows of one removed sender, and the sender with the last one. Says
/// whether there may be more.
pub(in crate::history) fn drop_removed(
    connection: &Connection,
    step: usize,
) -> Result<(usize, bool), StoreError> {
    let sql = "SELECT id FROM pushed_sender WHERE removed = TRUE ORDER BY id LIMIT 1";
    let found = connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?;
    let Some(sender) = found else { return Ok((0, false)) };
    let sender: i64 = sender;
    let mut deleted = 0;
    for table in ["pushed_batch", "pushed_run", "pushed_series"] {
        let sql = format!(
            "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE sender = ?1 LIMIT ?2)"
        );
        let left = i64::try_from(step - deleted).unwrap_or(i64::MAX);
        deleted += connection.prepare_cached(&sql)?.execute(params![sender, left])?;
    }
    if deleted < step {
        for sql in [
            "DELETE FROM pushed_fact WHERE sender = ?1",
            "DELETE FROM held_pushed WHERE sender = ?1",
            "DELETE FROM pushed_sender WHERE id = ?1",
        ] {
            connection.prepare_cached(sql)?.execute([sender])?;
        }
    }
    Ok((deleted, true))
}

impl History {
    /// Does `work`, and forgets a sender that it marks as removed.
    pub(in crate::history) fn forget_sender(
        &self,
        sender: &str,
        work: impl FnOnce() -> Result<(), HistoryError>,
    ) -> Result<(), HistoryError> {
        let _one_at_a_time = self.0.pushed.writing();
        // What cannot be read is not in memory, and is removed from the file all the same.
        let generation = self.pushed().ok().and_then(|known| known.generation);
        work()?;
        self.change_pushed(generation, |known| known.forget_sender(sender));
        Ok(())
    }

    /// Deletes series that have no sample any more, of some that follow the series `after`.
    /// Says where to go on.
    pub(super) fn sweep_pushed(&self, after: i64) -> Result<Option<i64>, HistoryError> {
        let _one_at_a_time = self.0.pushed.writing();
        let generation = self.pushed()?.generation;
        let sql = "SELECT id, EXISTS (SELECT 1 FROM pushed_run INDEXED BY pushed_run_by_time \
             WHERE pushed_run.series = one.id) FROM pushed_series AS one \
             WHERE id > ?1 ORDER BY id LIMIT ?2";
        let looked: Vec<(i64, bool)> = self.read(|connection| {
            let mut query = connection.prepare_cached(sql)?;
            let rows = query
                .query_map([after, SWEEP_STEP as i64], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        let known = self.pushed()?;
        let empty = |&&(id, has_runs): &&(i64, bool)| {
            !has_runs && known.series.contains_key(&id) && !known.holds(id)
        };
        let gone: Vec<i64> = looked.iter().filter(empty).map(|(id, _)| *id).collect();
        drop(known);
        if !gone.is_empty() {
            self.write(|connection| {
                if generation != Some(self.0.connections.generation()) {
                    return Ok(());
                }
                let sql = "DELETE FROM pushed_series WHERE id = ?1";
                let mut delete = connection.prepare_cached(sql)?;
                for id in &gone {
                    delete.execute([id])?;
                }
                Ok(())
            })?;
            self.change_pushed(generation, |known| known.forget_series(&gone));
        }
        Ok(looked.last().map(|(id, _)| *id).filter(|_| looked.len() == SWEEP_STEP))
    }
}
