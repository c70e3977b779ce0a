//! Looks for chunks that are stored and not found. A checksum cannot tell: what an
//! index hides is never read. So a trigger counts the chunks of each ring, and the
//! index must have as many.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rusqlite::Connection;

use super::counters::Counters;
use super::{History, HistoryError, archive, pushed};
use crate::StoreError;
use crate::connection::look_through_table;

/// What one call of [`History::verify`] looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verified {
    /// Where to go on; `None` once all rings were looked at.
    pub next: Option<i64>,
    /// True when an index hid something, and was made anew.
    pub mended: bool,
}

impl History {
    /// Compares the chunks that the index knows of `step` rings, and then the blocks of as many
    /// servers, and the runs of as many senders, with those that were stored, from where an earlier call ended (0 at first), and makes the index
    /// anew when it hides any. With the first rings, it looks through the small
    /// tables as well. It reads no chunk and no block; call it in quiet moments, piece by piece.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read or written.
    pub fn verify(&self, from: i64, step: usize) -> Result<Verified, HistoryError> {
        let (wrong, next) = self.read(|connection| {
            let sound = from != 0 || small_tables_are_sound(connection)?;
            let looked = match from {
                0.. => look(connection, from, step.max(1)),
                from if from <= pushed::verify::LAST_PLACE => {
                    pushed::verify::look(connection, from, step.max(1))
                }
                _ => archive::verify::look(connection, from, step.max(1)),
            };
            match looked {
                // What of it is in a table and not in an index, making those anew tells.
                Err(StoreError::Damaged { .. }) => Ok((true, None)),
                Ok((wrong, None)) if from > pushed::verify::LAST_PLACE => {
                    Ok((wrong || !sound, pushed::verify::first(connection)?))
                }
                other => other.map(|(wrong, next)| (wrong || !sound, next)),
            }
        })?;
        if wrong {
            tracing::error!("an index of history.db hid what is stored: it is made anew");
            self.write(mend)?;
            Counters::add(&self.0.counters.indexes_mended, 1);
        }
        Ok(Verified { next, mended: wrong })
    }
}

/// Tables that are looked through whole.
const SMALL_TABLES: [&str; 6] = ["ring", "interval", "held", "archived", "due", "held_block"];

fn small_tables_are_sound(connection: &Connection) -> Result<bool, StoreError> {
    for table in SMALL_TABLES.into_iter().chain(pushed::verify::SMALL_TABLES) {
        match look_through_table(connection, table) {
            Ok(()) => {}
            Err(StoreError::Damaged { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// True when a ring has not as many chunks as it should, and where to go on.
fn look(
    connection: &Connection,
    from: i64,
    step: usize,
) -> Result<(bool, Option<i64>), StoreError> {
    let sql = "SELECT id, coalesce((SELECT chunks FROM held WHERE held.ring = one.id), 0), \
         (SELECT count(*) FROM chunk INDEXED BY chunk_by_time WHERE chunk.ring = one.id) \
         FROM ring AS one WHERE id > ?1 ORDER BY id LIMIT ?2";
    let most = i64::try_from(step).unwrap_or(i64::MAX);
    let mut query = connection.prepare_cached(sql)?;
    let mut rows = query.query([from, most])?;
    let (mut last, mut seen) = (None, 0);
    while let Some(row) = rows.next()? {
        let (held, found): (i64, i64) = (row.get(1)?, row.get(2)?);
        if held != found {
            return Ok((true, None));
        }
        (last, seen) = (Some(row.get(0)?), seen + 1);
    }
    let next = last.filter(|_| seen == step);
    Ok((false, if next.is_some() { next } else { archive::verify::first(connection)? }))
}

/// Makes all indexes anew from their tables. What is damaged in a table itself
/// comes out as [`StoreError::Damaged`], and a fresh file takes its place.
fn mend(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch("REINDEX interval; REINDEX chunk")?;
    mend_rings(connection)?;
    archive::verify::mend(connection)?;
    pushed::verify::mend(connection)?;
    for table in SMALL_TABLES.into_iter().chain(pushed::verify::SMALL_TABLES) {
        look_through_table(connection, table)?;
    }
    let count = "DELETE FROM held; INSERT INTO held (ring, chunks, bytes) \
         SELECT ring, count(*), sum(length(bytes)) FROM chunk NOT INDEXED GROUP BY ring";
    Ok(connection.execute_batch(count)?)
}

/// A ring that the index hid began a second time with the next chunk, and then the index,
/// which allows each once, cannot be made: so the two become one first.
fn mend_rings(connection: &Connection) -> Result<(), StoreError> {
    let sql = "SELECT sql FROM sqlite_schema WHERE type = 'index' AND name = 'ring_by_server'";
    let make: String = connection.query_row(sql, [], |row| row.get(0))?;
    connection.execute_batch("DROP INDEX ring_by_server")?;
    let sql = "SELECT id, server, ring FROM ring NOT INDEXED WHERE removed = FALSE ORDER BY id";
    let mut query = connection.prepare(sql)?;
    let mut rows = query.query([])?;
    let mut firsts: HashMap<(String, Vec<u8>), i64> = HashMap::new();
    let mut doubles = Vec::new();
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        match firsts.entry((row.get(1)?, row.get(2)?)) {
            Entry::Occupied(first) => doubles.push((*first.get(), id)),
            Entry::Vacant(place) => _ = place.insert(id),
        }
    }
    drop(rows);
    drop(query);
    for (first, second) in doubles {
        merge(connection, first, second)?;
    }
    connection.execute_batch(&make)?;
    Ok(connection.execute_batch("REINDEX ring")?)
}

/// Gives what is kept of the ring `second` to `first`. Their checksums begin with the
/// server and the ring's own id, which are the same. Where both have an interval that
/// begins at one place, the later one goes: what only it covered is asked for again.
fn merge(connection: &Connection, first: i64, second: i64) -> Result<(), StoreError> {
    let widest = "UPDATE ring SET widest_ms = max(widest_ms, \
         (SELECT widest_ms FROM ring AS other WHERE other.id = ?2)) WHERE id = ?1";
    let steps = [
        widest,
        "UPDATE chunk SET ring = ?1 WHERE ring = ?2",
        "UPDATE OR IGNORE interval SET ring = ?1 WHERE ring = ?2",
    ];
    for step in steps {
        connection.execute(step, [first, second])?;
    }
    connection.execute("DELETE FROM interval WHERE ring = ?1", [second])?;
    connection.execute("DELETE FROM ring WHERE id = ?1", [second])?;
    Ok(())
}
