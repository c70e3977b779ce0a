//! Looks for runs that are stored and not found, as `history::verify` does for chunks: triggers
//! count them, and the indexes must have as many.

use rusqlite::{Connection, OptionalExtension, params};

use crate::StoreError;

/// The tables that are looked through whole.
pub(in crate::history) const SMALL_TABLES: [&str; 2] = ["pushed_sender", "held_pushed"];

/// Places among the senders are up to here: the least number is before the first one.
pub(in crate::history) const LAST_PLACE: i64 = i64::MIN / 2;

/// Where to begin, if there is a sender.
pub(in crate::history) fn first(connection: &Connection) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT 1 FROM pushed_sender LIMIT 1";
    let any = connection.prepare_cached(sql)?.exists([])?;
    Ok(any.then_some(i64::MIN))
}

/// True when a sender has not as many runs as it should, and where to go on.
pub(in crate::history) fn look(
    connection: &Connection,
    from: i64,
    step: usize,
) -> Result<(bool, Option<i64>), StoreError> {
    let most = i64::try_from(step).unwrap_or(i64::MAX);
    let sql = "SELECT id FROM pushed_sender NOT INDEXED WHERE id > ?1 ORDER BY id LIMIT ?2";
    let mut query = connection.prepare_cached(sql)?;
    let ids = query.query_map(params![from.wrapping_sub(i64::MIN), most], |row| row.get(0))?;
    let ids = ids.collect::<Result<Vec<i64>, _>>()?;
    for id in &ids {
        if !is_whole(connection, *id)? {
            return Ok((true, None));
        }
    }
    Ok((false, ids.last().filter(|_| ids.len() == step).map(|id| i64::MIN + id)))
}

fn is_whole(connection: &Connection, sender: i64) -> Result<bool, StoreError> {
    let sql = "SELECT runs FROM held_pushed WHERE sender = ?1";
    let held = connection.prepare_cached(sql)?.query_row([sender], |row| row.get(0)).optional()?;
    let held: i64 = held.unwrap_or(0);
    let by_sender = "SELECT count(*) FROM pushed_run INDEXED BY pushed_run_by_sender \
         WHERE sender = ?1";
    // Each number of an entry is looked at, so that damage to one is met.
    let by_time = "SELECT count(*) FROM pushed_series AS of \
         JOIN pushed_run AS run INDEXED BY pushed_run_by_time ON run.series = of.id \
         WHERE of.sender = ?1 AND first_ms <= last_ms AND samples > 0";
    for sql in [by_sender, by_time] {
        let found: i64 = connection.prepare_cached(sql)?.query_row([sender], |row| row.get(0))?;
        if found != held {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes all indexes anew from their tables, and counts again.
pub(in crate::history) fn mend(connection: &Connection) -> Result<(), StoreError> {
    let again = "REINDEX pushed_sender; REINDEX pushed_series; REINDEX pushed_batch; \
         REINDEX pushed_run; DELETE FROM held_pushed; \
         INSERT INTO held_pushed SELECT sender, sum(runs), sum(bytes) FROM ( \
            SELECT sender, 1 AS runs, length(bytes) + 70 AS bytes FROM pushed_run NOT INDEXED \
            UNION ALL \
            SELECT sender, 0, length(bytes) + 40 FROM pushed_batch NOT INDEXED \
            UNION ALL \
            SELECT sender, 0, length(labels) + 20 FROM pushed_series NOT INDEXED) \
         GROUP BY sender; \
         INSERT INTO held_pushed SELECT 0, sum(runs), sum(bytes) FROM held_pushed \
            HAVING count(*) > 0";
    Ok(connection.execute_batch(again)?)
}
