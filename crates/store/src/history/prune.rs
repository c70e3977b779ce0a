use rusqlite::{Connection, OptionalExtension, params};

use super::archive::prune::Gone;
use super::counters::Counters;
use super::room::file_bytes;
use super::{History, HistoryError, archive, pushed};
use crate::StoreError;

/// What one call of [`History::prune`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Chunks that were deleted.
    pub chunks: usize,
    /// Blocks, stretches of process tables and events that were deleted.
    pub blocks: usize,
    /// True when there is more to do: call it again, after others had their turn.
    pub more: bool,
}

impl History {
    /// Forgets a server: from now on nothing of it is read, and what is told
    /// later under the same key is apart from it. Its chunks, blocks, process tables and events are
    /// deleted by [`prune`](Self::prune), piece by piece.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be written.
    pub fn remove_server(&self, server: &str) -> Result<(), HistoryError> {
        let mark = |connection: &Connection| {
            pushed::remove::mark(connection, server)?;
            for sql in [
                "UPDATE ring SET removed = TRUE WHERE server = ?1 AND removed = FALSE",
                "UPDATE archived SET removed = TRUE WHERE server = ?1 AND removed = FALSE",
                "DELETE FROM outgoing WHERE server = ?1",
            ] {
                connection.prepare_cached(sql)?.execute([server])?;
            }
            Ok(())
        };
        self.forget_sender(server, || self.write(mark))
    }

    /// The keys of all servers that something is known of.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn servers(&self) -> Result<Vec<String>, HistoryError> {
        self.read(|connection| {
            let sql = "SELECT server FROM ring WHERE removed = FALSE \
                 UNION SELECT server FROM archived WHERE removed = FALSE ORDER BY server";
            let mut query = connection.prepare_cached(sql)?;
            Ok(query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
        })
    }

    /// Deletes about `step` rows: those of removed servers first, then, while the cap is nearly
    /// reached, what [`append`](Self::append) would delete as well. Gives room back to
    /// the disk when the file is larger than the cap allows, which it is after the
    /// cap was lowered. [`append`](Self::append) and [`seal`](Self::seal) keep the cap by
    /// themselves; this is for a quiet moment.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be written.
    pub fn prune(&self, step: usize) -> Result<Dropped, HistoryError> {
        let step = step.max(1);
        let room = &self.0.room;
        let (removed, pruned, sealed, more) = self.write(|connection| {
            let (chunks, left) = drop_removed(connection, step)?;
            if left {
                return Ok((Gone { chunks, ..Gone::default() }, Gone::default(), false, true));
            }
            let (blocks, left) = archive::drop_removed(connection, step)?;
            if left {
                return Ok((Gone { blocks, ..Gone::default() }, Gone::default(), false, true));
            }
            let (blocks, left) = pushed::remove::drop_removed(connection, step)?;
            if left {
                return Ok((Gone { blocks, ..Gone::default() }, Gone::default(), false, true));
            }
            // What is sealed is left to upkeep, which makes windows of ticks before they go.
            let sealed = archive::holds_blocks(connection)?;
            let most = if sealed { 0 } else { step };
            let pruned = room.delete_down_to(connection, room.low_water(), most)?;
            let too_large = file_bytes(connection)? > room.file_bytes;
            let shrunk = too_large && shrink(connection, step)?;
            Ok((Gone::default(), pruned, sealed, pruned.rows() >= most.max(1) || shrunk))
        })?;
        let more = (sealed && self.give_up_sealed()?) || more;
        let counters = &self.0.counters;
        Counters::add(&counters.chunks_removed, removed.chunks as u64);
        Counters::add(&counters.blocks_removed, removed.blocks as u64);
        counters.pruned(&pruned);
        let blocks = removed.blocks + pruned.blocks + pruned.tables + pruned.events + pruned.pushed;
        Ok(Dropped { chunks: removed.chunks + pruned.chunks, blocks, more })
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
