//! A removed sender goes piece by piece.

use rusqlite::{Connection, OptionalExtension, params};

use crate::StoreError;
use crate::history::{History, HistoryError};

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
}
