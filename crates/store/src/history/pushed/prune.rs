//! What goes when the cap is reached: what came first first, by arrival and not by the times
//! that were sent. A sender that holds far more than the others loses its own first.

use rusqlite::{Connection, params};

use crate::StoreError;

/// How many times the mean of all senders one may hold before its own go first.
const MOST_SHARES: i64 = 8;
/// How many rows go at once.
const STEP: i64 = 64;

/// Which share of the file pushed series may take before they go first.
pub(in crate::history) fn share(file: u64) -> u64 {
    file / 4
}

/// What all senders hold, in bytes.
pub(in crate::history) fn held(connection: &Connection) -> Result<i64, StoreError> {
    let sql = "SELECT coalesce(sum(bytes), 0) FROM held_pushed WHERE sender = 0";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// Deletes the oldest runs, or else the oldest batches, and says how many.
pub(in crate::history) fn delete_oldest(connection: &Connection) -> Result<usize, StoreError> {
    if let Some(sender) = heavy(connection)? {
        let sql = "DELETE FROM pushed_run WHERE id IN \
             (SELECT id FROM pushed_run WHERE sender = ?1 ORDER BY id LIMIT ?2)";
        let gone = connection.prepare_cached(sql)?.execute(params![sender, STEP])?;
        if gone > 0 {
            return Ok(gone);
        }
    }
    for table in ["pushed_run", "pushed_batch"] {
        let sql = format!(
            "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} ORDER BY id LIMIT ?1)"
        );
        let gone = connection.prepare_cached(&sql)?.execute([STEP])?;
        if gone > 0 {
            return Ok(gone);
        }
    }
    Ok(0)
}

/// The sender that holds too much, if one does.
fn heavy(connection: &Connection) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT held.sender, bytes FROM held_pushed AS held \
         JOIN pushed_sender AS one ON one.id = held.sender WHERE bytes > 0 AND removed = FALSE \
         ORDER BY bytes DESC";
    let mut query = connection.prepare_cached(sql)?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let held = rows.collect::<Result<Vec<(i64, i64)>, _>>()?;
    let total: i64 = held.iter().map(|(_, bytes)| *bytes).fold(0, i64::saturating_add);
    let senders = i64::try_from(held.len()).unwrap_or(i64::MAX).max(1);
    let most = (total / senders).saturating_mul(MOST_SHARES).min(total / 2);
    Ok(held.first().filter(|(_, bytes)| *bytes > most).map(|(sender, _)| *sender))
}
