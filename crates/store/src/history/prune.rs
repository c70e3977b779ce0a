use rusqlite::{Connection, OptionalExtension, params};

use super::counters::Counters;
use super::room::file_bytes;
use super::{History, HistoryError};
use crate::StoreError;

/// What one call of [`History::prune`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Chunks that were deleted.
    pub chunks: usize,
    /// True when there is more to do: call it again, after others had their turn.
    pub more: bool,
}

impl History {
    /// Forgets a server: from now on nothing of it is read, and what is told
    /// later under the same key is apart from it. Its chunks are deleted by
    /// [`prune`](Self::prune), piece by piece.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be written.
    pub fn remove_server(&self, server: &str) -> Result<(), HistoryError> {
        self.write(|connection| {
            let sql = "UPDATE ring SET removed = TRUE WHERE server = ?1 AND removed = FALSE";
            connection.prepare_cached(sql)?.execute([server])?;
            Ok(())
        })
    }

    /// The keys of all servers that something is known of.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn servers(&self) -> Result<Vec<String>, HistoryError> {
        self.read(|connection| {
            let sql = "SELECT DISTINCT server FROM ring WHERE removed = FALSE ORDER BY server";
            let mut query = connection.prepare_cached(sql)?;
            Ok(query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
        })
    }

    /// Deletes about `step` chunks: those of removed servers first, then those
    /// that are stored longest while the cap is nearly reached. Gives room back to
    /// the disk when the file is larger than the cap allows, which it is after the
    /// cap was lowered. [`append`](Self::append) keeps the cap by itself; this is
    /// for a quiet moment.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be written.
    pub fn prune(&self, step: usize) -> Result<Dropped, HistoryError> {
        let step = step.max(1);
        let room = &self.0.room;
        let (removed, pruned, more) = self.write(|connection| {
            let (removed, left) = drop_removed(connection, step)?;
            if left {
                return Ok((removed, 0, true));
            }
            let low_water = room.file_bytes - room.file_bytes / 32;
            let pruned = room.delete_down_to(connection, low_water, step)?;
            let too_large = file_bytes(connection)? > room.file_bytes;
            let shrunk = too_large && shrink(connection, step)?;
            Ok((removed, pruned, pruned >= step || shrunk))
        })?;
        let counters = &self.0.counters;
        Counters::add(&counters.chunks_removed, removed as u64);
        Counters::add(&counters.chunks_pruned, pruned as u64);
        Ok(Dropped { chunks: removed + pruned, more })
    }
}

/// Deletes up to `step` chunks of one removed ring, and the ring with the last
/// one. Says whether there may be more.
fn drop_removed(connection: &Connection, step: usize) -> Result<(usize, bool), StoreError> {
    let sql = "SELECT id FROM ring WHERE removed = TRUE ORDER BY id LIMIT 1";
    let found = connection.prepare_cached(sql)?.query_row([], |row| row.get(0));
    let Some(ring) = found.optional()? else { return Ok((0, false)) };
    let ring: i64 = ring;
    let sql = "DELETE FROM chunk WHERE id IN (SELECT id FROM chunk WHERE ring = ?1 LIMIT ?2)";
    let most = i64::try_from(step).unwrap_or(i64::MAX);
    let deleted = connection.prepare_cached(sql)?.execute(params![ring, most])?;
    if deleted < step {
        connection.prepare_cached("DELETE FROM interval WHERE ring = ?1")?.execute([ring])?;
        connection.prepare_cached("DELETE FROM held WHERE ring = ?1")?.execute([ring])?;
        connection.prepare_cached("DELETE FROM ring WHERE id = ?1")?.execute([ring])?;
    }
    Ok((deleted, true))
}

/// Gives up to `pages` free pages back. Says whether there may be more.
fn shrink(connection: &Connection, pages: usize) -> Result<bool, StoreError> {
    let before = file_bytes(connection)?;
    let mut query = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = query.query([])?;
    while rows.next()?.is_some() {}
    Ok(file_bytes(connection)? < before)
}
