//! What of the history is still to be handed over to another store.
//!
//! Nothing is copied: with a chunk the stretch of time that it covers is noted, in the same
//! transaction, and whoever hands it over reads the history. Stretches that touch are one, so
//! that a target that is away for a day costs a row a server.

mod taken;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};

use super::archive::SCHEMA;
use super::chunk::Chunk;
use super::{History, HistoryError};
use crate::StoreError;
use crate::findings::Findings;

pub(super) use taken::{Went, Whose};

/// The most targets.
pub const MAX_TARGETS: usize = 8;
/// The most stretches of one server for one target. One more is joined to the newest, holes and
/// all: what lies between is handed over twice at worst.
pub const MAX_OUTGOING: usize = 16;
/// A target that is so far behind is worth a note, in milliseconds.
const FAR_BEHIND_MS: i64 = 10 * 60_000;
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

/// How much of a server's history waits for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The key of the server.
    pub server: String,
    /// From the oldest moment of it that waits to the newest one, in milliseconds.
    pub lag_ms: i64,
}

/// To whom all that comes is to be handed over.
#[derive(Debug, Default)]
pub(super) struct Targets(Mutex<Vec<Target>>);

#[derive(Debug)]
struct Target {
    url: String,
    /// Of each server what the cap took before it was handed over, in milliseconds of its time,
    /// since that was asked for.
    taken_ms: HashMap<String, u64>,
}

impl History {
    /// From now on all that [`append`](Self::append) stores is to be handed over to each of
    /// `targets`, at most [`MAX_TARGETS`]. What waits for any other is forgotten.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be written.
    pub fn hand_over_to(&self, targets: &[String]) -> Result<(), HistoryError> {
        let targets = &targets[..targets.len().min(MAX_TARGETS)];
        self.write(|connection| {
            for target in waiting_for(connection)?.iter().filter(|one| !targets.contains(one)) {
                let sql = "DELETE FROM outgoing WHERE target = ?1";
                connection.prepare_cached(sql)?.execute([target])?;
            }
            Ok(())
        })?;
        let target = |url: &String| Target { url: url.clone(), taken_ms: HashMap::new() };
        *self.0.outgoing.lock() = targets.iter().map(target).collect();
        Ok(())
    }

    /// At most `limit` stretches that wait for `target`, of the servers whose keys are `wanted`:
    /// those that begin first come first.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn outgoing(
        &self,
        target: &str,
        limit: usize,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<Outgoing>, HistoryError> {
        self.read(|connection| {
            let sql = "SELECT id, server, from_ms, to_ms, again FROM outgoing \
                 WHERE target = ?1 ORDER BY from_ms";
            let mut query = connection.prepare_cached(sql)?;
            let mut rows = query.query([target])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()?.filter(|_| found.len() < limit) {
                if wanted(row.get_ref(1)?.as_str().unwrap_or_default()) {
                    found.push(Outgoing {
                        id: row.get(0)?,
                        server: row.get(1)?,
                        from_ms: row.get(2)?,
                        to_ms: row.get(3)?,
                        again: row.get(4)?,
                    });
                }
            }
            Ok(found)
        })
    }

    /// How much waits for `target`, server by server.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn waiting(&self, target: &str) -> Result<Vec<Waiting>, HistoryError> {
        self.read(|connection| waiting(connection, target))
    }

    /// Of each server how much of its time the cap took before it was handed over to `target`,
    /// in milliseconds, since this was asked last: ticks, of which windows may be left. What is
    /// being handed over in that moment counts too.
    #[must_use]
    pub fn taken_unsent(&self, target: &str) -> Vec<(String, u64)> {
        let mut targets = self.0.outgoing.lock();
        let found = targets.iter_mut().find(|one| one.url == target);
        found.map(|one| one.taken_ms.drain().collect()).unwrap_or_default()
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
    fn lock(&self) -> MutexGuard<'_, Vec<Target>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a chunk that was stored just now, for each target.
    pub(super) fn note(&self, connection: &Connection, chunk: &Chunk) -> Result<(), StoreError> {
        if chunk.server.ends_with(SCHEMA) {
            return Ok(());
        }
        self.lock().iter().try_for_each(|target| note(connection, &target.url, chunk))
    }
}

/// Notes the targets that are far behind. That is no damage, and where there is any it is of no
/// interest.
pub(super) fn examine(connection: &Connection, findings: &mut Findings) -> Result<(), StoreError> {
    if !findings.are_good() {
        return Ok(());
    }
    for target in waiting_for(connection)? {
        let mut behind = waiting(connection, &target)?;
        behind.retain(|one| one.lag_ms >= FAR_BEHIND_MS);
        if let Some(most_ms) = behind.iter().map(|one| one.lag_ms).max() {
            let (servers, minutes) = (behind.len(), most_ms / 60_000);
            findings.told.push(format!(
                "{target} is behind: up to {minutes} minutes of a server have yet to be handed \
                 over (servers that are so: {servers}); the hub's log says what keeps them"
            ));
        }
    }
    Ok(())
}

fn waiting_for(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut query = connection.prepare_cached("SELECT DISTINCT target FROM outgoing")?;
    Ok(query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

fn waiting(connection: &Connection, target: &str) -> Result<Vec<Waiting>, StoreError> {
    let sql = "SELECT server, max(to_ms) - min(from_ms) FROM outgoing \
         WHERE target = ?1 GROUP BY server ORDER BY server";
    let mut query = connection.prepare_cached(sql)?;
    let found = query
        .query_map([target], |row| Ok(Waiting { server: row.get(0)?, lag_ms: row.get(1)? }))?;
    Ok(found.collect::<Result<_, _>>()?)
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
