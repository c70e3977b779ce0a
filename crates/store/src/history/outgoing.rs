//! What of the history is still to be handed over to another store.
//!
//! Nothing is copied: with a chunk the stretch of time that it covers is noted, in the same
//! transaction, and whoever hands it over reads the history. Stretches that touch are one, so
//! that a target that is away for a day costs a row a server.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};

use super::archive::SCHEMA;
use super::chunk::Chunk;
use super::{History, HistoryError};
use crate::StoreError;

/// The most targets.
pub const MAX_TARGETS: usize = 8;
/// The most stretches of one server for one target. One more is joined to the newest, holes and
/// all: what lies between is handed over twice at worst.
pub const MAX_OUTGOING: usize = 16;
/// Stretches that are no farther from one another are one, in milliseconds.
const JOINED_MS: i64 = 15_000;

/// A stretch of a server's history that is to be handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The key of the server.
    pub server: String,
    /// Milliseconds since 1970, both ends included.
    pub from_ms: i64,
    /// The last moment of it.
    pub to_ms: i64,
    id: i64,
    again: i64,
}

/// To whom all that comes is to be handed over.
#[derive(Debug, Default)]
pub(super) struct Targets(Mutex<Vec<String>>);

impl History {
    /// From now on all that [`append`](Self::append) stores is to be handed over to each of
    /// `targets`, at most [`MAX_TARGETS`]. What waits for any other is forgotten.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be written.
    pub fn hand_over_to(&self, targets: &[String]) -> Result<(), HistoryError> {
        let targets: Vec<String> = targets.iter().take(MAX_TARGETS).cloned().collect();
        self.write(|connection| {
            for target in waiting_for(connection)?.iter().filter(|one| !targets.contains(one)) {
                let sql = "DELETE FROM outgoing WHERE target = ?1";
                connection.prepare_cached(sql)?.execute([target])?;
            }
            Ok(())
        })?;
        *self.0.outgoing.lock() = targets;
        Ok(())
    }

    /// At most `limit` stretches that wait for `target`: those that begin first come first.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn outgoing(&self, target: &str, limit: usize) -> Result<Vec<Outgoing>, HistoryError> {
        self.read(|connection| {
            let sql = "SELECT id, server, from_ms, to_ms, again FROM outgoing \
                 WHERE target = ?1 ORDER BY from_ms LIMIT ?2";
            let mut query = connection.prepare_cached(sql)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let found = query.query_map(params![target, limit], |row| {
                Ok(Outgoing {
                    id: row.get(0)?,
                    server: row.get(1)?,
                    from_ms: row.get(2)?,
                    to_ms: row.get(3)?,
                    again: row.get(4)?,
                })
            })?;
            Ok(found.collect::<Result<_, _>>()?)
        })
    }

    /// Notes that each of these was handed over up to and with that moment. What came into it
    /// meanwhile, and so may be missing, is to be handed over again. Gives how many stretches
    /// became shorter.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be written: then it is handed over again.
    pub fn handed_over(&self, done: &[(Outgoing, i64)]) -> Result<usize, HistoryError> {
        self.write(|connection| done.iter().map(|(one, to)| cut(connection, one, *to)).sum())
    }
}

impl Targets {
    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a chunk that was stored just now, for each target.
    pub(super) fn note(&self, connection: &Connection, chunk: &Chunk) -> Result<(), StoreError> {
        if chunk.server.ends_with(SCHEMA) {
            return Ok(());
        }
        self.lock().iter().try_for_each(|target| note(connection, target, chunk))
    }
}

fn waiting_for(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut query = connection.prepare_cached("SELECT DISTINCT target FROM outgoing")?;
    Ok(query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

fn note(connection: &Connection, target: &str, chunk: &Chunk) -> Result<(), StoreError> {
    let (from, to) = (chunk.from_ms, chunk.to_ms);
    let touched = touched(connection, target, chunk)?;
    let row = match touched {
        Some(row) => Some(row),
        None => newest_of_too_many(connection, target, &chunk.server)?,
    };
    let Some(row) = row else {
        let sql = "INSERT INTO outgoing (target, server, from_ms, to_ms) VALUES (?1, ?2, ?3, ?4)";
        connection.prepare_cached(sql)?.execute(params![target, chunk.server, from, to])?;
        return Ok(());
    };
    // What lies behind the end is seen by its moment; all else has to be counted.
    let sql = "UPDATE outgoing SET again = again + (?2 <= to_ms), \
         from_ms = min(from_ms, ?2), to_ms = max(to_ms, ?3) WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![row, from, to])?;
    Ok(())
}

/// A stretch that the chunk touches.
fn touched(
    connection: &Connection,
    target: &str,
    chunk: &Chunk,
) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT id FROM outgoing WHERE target = ?1 AND server = ?2 AND to_ms >= ?3 \
         AND from_ms <= ?4 ORDER BY to_ms DESC LIMIT 1";
    let from = chunk.from_ms.saturating_sub(JOINED_MS);
    let to = chunk.to_ms.saturating_add(JOINED_MS);
    let values = params![target, chunk.server, from, to];
    let mut query = connection.prepare_cached(sql)?;
    Ok(query.query_row(values, |row| row.get(0)).optional()?)
}

fn newest_of_too_many(
    connection: &Connection,
    target: &str,
    server: &str,
) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT id FROM outgoing WHERE target = ?1 AND server = ?2 ORDER BY to_ms DESC";
    let mut query = connection.prepare_cached(sql)?;
    let rows = query.query_map(params![target, server], |row| row.get(0))?;
    let rows: Vec<i64> = rows.collect::<Result<_, _>>()?;
    Ok(rows.first().copied().filter(|_| rows.len() >= MAX_OUTGOING))
}

/// Leaves of a stretch what comes after that moment, and counts it. The number of a stretch that
/// is gone may be another server's by now.
fn cut(connection: &Connection, one: &Outgoing, to_ms: i64) -> Result<usize, StoreError> {
    let values = params![one.id, one.again, to_ms, one.server];
    let sql = "DELETE FROM outgoing WHERE id = ?1 AND again = ?2 AND to_ms <= ?3 AND server = ?4";
    let gone = connection.prepare_cached(sql)?.execute(values)?;
    let sql = "UPDATE outgoing SET from_ms = ?3 + 1 WHERE id = ?1 AND again = ?2 AND server = ?4";
    Ok(gone + connection.prepare_cached(sql)?.execute(values)?)
}

#[cfg(test)]
mod tests;
