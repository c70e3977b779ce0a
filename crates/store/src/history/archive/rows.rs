//! The rows of blocks.

use rusqlite::{Connection, params};

use super::servers::Archived;
use super::spans::{Level, Span};
use crate::StoreError;

/// A block's row without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockRow {
    pub(super) id: i64,
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
}

/// The blocks of a server with anything from `from_ms` to `to_ms`, by their beginning.
pub(super) fn between(
    connection: &Connection,
    server: &Archived,
    level: Level,
    from_ms: i64,
    to_ms: i64,
) -> Result<Vec<BlockRow>, StoreError> {
    // A block lies within a span, so none that begins in time ends later than that.
    let latest = to_ms.saturating_add(level.span_ms());
    let sql = "SELECT id, first_ms, last_ms FROM block WHERE server = ?1 AND width_ms = ?2 \
         AND last_ms BETWEEN ?3 AND ?4 AND first_ms <= ?5";
    let mut query = connection.prepare_cached(sql)?;
    let earliest = from_ms.saturating_sub(level.width_ms());
    let values = params![server.row, level.width_ms(), earliest, latest, to_ms];
    let found = query.query_map(values, |row| {
        Ok(BlockRow { id: row.get(0)?, first_ms: row.get(1)?, last_ms: row.get(2)? })
    })?;
    let mut found = found.collect::<Result<Vec<_>, _>>()?;
    found.sort_unstable_by_key(|row| (row.first_ms, row.id));
    Ok(found)
}

/// The blocks of a server that lie in a span, the one that came first first.
pub(super) fn within(
    connection: &Connection,
    server: &Archived,
    level: Level,
    span: Span,
) -> Result<Vec<BlockRow>, StoreError> {
    let mut found = between(connection, server, level, span.from_ms, span.last_ms())?;
    found.retain(|row| row.first_ms >= span.from_ms);
    found.sort_unstable_by_key(|row| row.id);
    Ok(found)
}

/// Stores a block, under a number if it takes the place of others.
pub(super) fn put(
    connection: &Connection,
    server: i64,
    level: Level,
    (first_ms, last_ms): (i64, i64),
    bytes: &[u8],
    id: Option<i64>,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO block (id, server, width_ms, first_ms, last_ms, size, bytes) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let values = params![id, server, level.width_ms(), first_ms, last_ms, size, bytes];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// Deletes a block. False when it is not there.
pub(super) fn delete(connection: &Connection, id: i64) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached("DELETE FROM block WHERE id = ?1")?.execute([id])? == 1)
}

/// Deletes blocks that another one takes the place of. False, and nothing is changed, when one
/// is not there any more.
pub(super) fn replace(connection: &Connection, ids: &[i64]) -> Result<bool, StoreError> {
    let mut query = connection.prepare_cached("SELECT 1 FROM block WHERE id = ?1")?;
    for id in ids {
        if !query.exists([id])? {
            return Ok(false);
        }
    }
    for id in ids {
        delete(connection, *id)?;
    }
    Ok(true)
}

/// The bytes of a block, whole; nothing where SQLite cannot read them.
pub(super) fn bytes(connection: &Connection, id: i64) -> Result<Option<Vec<u8>>, StoreError> {
    let sql = "SELECT bytes FROM block WHERE id = ?1";
    sound(connection.prepare_cached(sql)?.query_row([id], |row| row.get(0)))
}

/// What was read, or nothing where it is damaged or not there.
pub(in crate::history) fn sound<T>(read: rusqlite::Result<T>) -> Result<Option<T>, StoreError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) => match error.sqlite_error_code() {
            None | Some(rusqlite::ErrorCode::DatabaseCorrupt) => Ok(None),
            Some(_) => Err(error.into()),
        },
    }
}
