//! Looks for blocks, segments and events that are stored and not found, as `history::verify` does
//! for chunks: triggers count them, and the index must have as many.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::{events, tables};
use crate::StoreError;

/// Where to begin, if there is a server in the archive: places in it are below zero.
pub(in crate::history) fn first(connection: &Connection) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT -1 FROM archived LIMIT 1";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?)
}

/// True when a server has not as many blocks, segments or events as it should, and where to go on.
pub(in crate::history) fn look(
    connection: &Connection,
    from: i64,
    step: usize,
) -> Result<(bool, Option<i64>), StoreError> {
    let sql = "SELECT id, \
         (SELECT coalesce(sum(blocks), 0) FROM held_block WHERE server = one.id AND width_ms >= 0), \
         (SELECT count(*) FROM block INDEXED BY block_by_time WHERE block.server = one.id), \
         (SELECT coalesce(sum(blocks), 0) FROM held_block WHERE server = one.id AND width_ms = ?3), \
         (SELECT count(*) FROM process_segment INDEXED BY process_segment_by_time \
          WHERE process_segment.server = one.id), \
         (SELECT coalesce(sum(blocks), 0) FROM held_block WHERE server = one.id AND width_ms = ?4), \
         (SELECT count(*) FROM kernel_event INDEXED BY kernel_event_by_time \
          WHERE kernel_event.server = one.id) \
         FROM archived AS one WHERE id > ?1 ORDER BY id LIMIT ?2";
    let most = i64::try_from(step).unwrap_or(i64::MAX);
    let mut query = connection.prepare_cached(sql)?;
    let mut rows = query.query(params![-1 - from, most, tables::WIDTH, events::WIDTH])?;
    let (mut last, mut seen) = (None, 0);
    while let Some(row) = rows.next()? {
        for held in [1, 3, 5] {
            if row.get::<_, i64>(held)? != row.get::<_, i64>(held + 1)? {
                return Ok((true, None));
            }
        }
        (last, seen) = (Some(row.get::<_, i64>(0)?), seen + 1);
    }
    Ok((false, last.filter(|_| seen == step).map(|id| -1 - id)))
}

/// Makes all indexes of the archive anew from their tables, and counts again. An event that came
/// again while an index hid it goes.
pub(in crate::history) fn mend(connection: &Connection) -> Result<(), StoreError> {
    mend_servers(connection)?;
    let again = "REINDEX block; REINDEX process_segment; REINDEX process_text; \
         REINDEX process_run; REINDEX series_key; REINDEX due; REINDEX kernel_event; \
         DELETE FROM kernel_event WHERE EXISTS (SELECT 1 FROM kernel_event AS one \
            WHERE one.server = kernel_event.server AND one.at_ms = kernel_event.at_ms \
            AND one.crc = kernel_event.crc AND one.bytes = kernel_event.bytes \
            AND one.id < kernel_event.id); \
         DELETE FROM held_block; \
         INSERT INTO held_block SELECT server, width_ms, count(*), sum(size) \
            FROM block NOT INDEXED GROUP BY server, width_ms; \
         INSERT INTO held_block SELECT server, -1, count(*), sum(size) \
            FROM process_segment NOT INDEXED GROUP BY server; \
         INSERT INTO held_block SELECT server, -3, count(*), sum(length(bytes) + 64) \
            FROM kernel_event NOT INDEXED GROUP BY server; \
         INSERT INTO held_block SELECT 0, width_ms, sum(blocks), sum(bytes) FROM held_block \
            GROUP BY width_ms; \
         INSERT INTO held_block SELECT 0, -2, count(*), \
            coalesce(sum(length(command) + length(cgroup) + 100), 0) \
            FROM process_text NOT INDEXED";
    Ok(connection.execute_batch(again)?)
}

/// A server that the index hid began a second time: the two become one, so that the index,
/// which allows each once, can be made.
fn mend_servers(connection: &Connection) -> Result<(), StoreError> {
    let sql = "SELECT sql FROM sqlite_schema WHERE type = 'index' AND name = 'archived_by_server'";
    let make: String = connection.query_row(sql, [], |row| row.get(0))?;
    connection.execute_batch("DROP INDEX archived_by_server")?;
    let mut firsts: HashMap<String, i64> = HashMap::new();
    let sql = "SELECT id, server FROM archived NOT INDEXED WHERE removed = FALSE ORDER BY id";
    let mut query = connection.prepare(sql)?;
    let all = query.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    for one in all.collect::<Result<Vec<_>, _>>()? {
        let (id, server) = one;
        let first = *firsts.entry(server).or_insert(id);
        if first == id {
            continue;
        }
        for sql in [
            "UPDATE block NOT INDEXED SET server = ?1 WHERE server = ?2",
            "UPDATE process_segment NOT INDEXED SET server = ?1 WHERE server = ?2",
            "UPDATE kernel_event NOT INDEXED SET server = ?1 WHERE server = ?2",
            "UPDATE OR REPLACE due SET server = ?1 WHERE server = ?2",
        ] {
            connection.execute(sql, [first, id])?;
        }
        connection.execute("DELETE FROM archived WHERE id = ?1", [id])?;
    }
    connection.execute_batch(&make)?;
    Ok(connection.execute_batch("REINDEX archived")?)
}
