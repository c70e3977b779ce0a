use rusqlite::{Connection, params};

use super::chunk::{BadChunk, Chunk, Numbers};
use super::counters::Counters;
use super::coverage::{Interval, learn};
use super::{History, HistoryError, ring};
use crate::StoreError;

/// What came of the chunks of one [`History::append`]. Whatever is not refused
/// is on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Appended {
    /// Chunks that were stored.
    pub stored: usize,
    /// Chunks of which everything was known already.
    pub known: usize,
    /// Chunks that cannot be stored, by their place in the group, and why. One
    /// agent's bad chunk does not hold up the others.
    pub refused: Vec<(usize, BadChunk)>,
}

impl History {
    /// Stores a group of chunks and makes room for them by deleting those that
    /// are stored longest. What it does not refuse is on the disk when this
    /// returns `Ok`. A chunk of which everything is known changes nothing.
    ///
    /// A large group is several transactions. When this returns `Err`, a part may
    /// be stored, so give the whole group again: what is there stays once.
    ///
    /// # Errors
    /// [`HistoryError::Full`] and [`HistoryError::Io`]: nothing is to be acknowledged.
    pub fn append(&self, chunks: &[Chunk]) -> Result<Appended, HistoryError> {
        let mut appended = Appended::default();
        let mut good = Vec::with_capacity(chunks.len());
        for (place, chunk) in chunks.iter().enumerate() {
            match chunk.numbers() {
                Ok(numbers) => good.push((chunk, numbers)),
                Err(why) => appended.refused.push((place, why)),
            }
        }
        let counters = &self.0.counters;
        let mut rest = good.as_slice();
        while !rest.is_empty() {
            let (group, after) = rest.split_at(self.0.room.group_len(rest));
            let stored = self.write(|connection| self.append_group(connection, group))?;
            let bytes: usize = stored.iter().sum();
            appended.stored += stored.len();
            appended.known += group.len() - stored.len();
            Counters::add(&counters.chunks_stored, stored.len() as u64);
            Counters::add(&counters.bytes_stored, bytes as u64);
            rest = after;
        }
        Counters::add(&counters.chunks_known, appended.known as u64);
        Counters::add(&counters.chunks_refused, appended.refused.len() as u64);
        Ok(appended)
    }

    /// Stores one group and returns how many bytes each stored chunk had.
    fn append_group(
        &self,
        connection: &Connection,
        group: &[(&Chunk, Numbers)],
    ) -> Result<Vec<usize>, StoreError> {
        let counters = &self.0.counters;
        let incoming = group.iter().map(|(chunk, _)| chunk.bytes.len()).sum();
        let pruned = self.0.room.make(connection, incoming)?;
        let mut stored = Vec::with_capacity(group.len());
        for (chunk, numbers) in group {
            if append_one(connection, chunk, numbers, counters)? {
                self.0.outgoing.note(connection, chunk)?;
                stored.push(chunk.bytes.len());
            }
        }
        counters.pruned(&pruned);
        Ok(stored)
    }
}

/// Stores one chunk unless everything of it is known.
fn append_one(
    connection: &Connection,
    chunk: &Chunk,
    numbers: &Numbers,
    counters: &Counters,
) -> Result<bool, StoreError> {
    let ring = ring::of_chunk(connection, chunk, counters)?;
    let told = Interval { after: numbers.after(), upto: numbers.last };
    if !learn(connection, &ring, told, counters)? {
        return Ok(false);
    }
    let sql = "INSERT INTO chunk (ring, previous, first, last, from_ms, to_ms, starts_chain, \
         crc, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    connection.prepare_cached(sql)?.execute(params![
        ring.row,
        numbers.previous,
        numbers.first,
        numbers.last,
        chunk.from_ms,
        chunk.to_ms,
        chunk.starts_chain,
        chunk.checksum(ring.tag),
        chunk.bytes,
    ])?;
    Ok(true)
}
