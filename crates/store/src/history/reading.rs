use rusqlite::{Connection, ErrorCode};

use super::chunk::Chunk;
use super::counters::Counters;
use super::ring::{self, Ring};
use super::{History, HistoryError, archive};
use crate::StoreError;

/// The most chunks that are read from before a stretch of time to find where
/// their chain starts. A chain is at most a minute long.
pub const MAX_LEAD_IN: usize = 32;
/// The most bytes of chunks that one question gives back.
pub const MAX_READ_BYTES: usize = 32 << 20;
/// How many damaged chunks [`History::last`] passes over.
const MAX_PASSED_OVER: usize = 64;

/// Where a chunk is stored. It is of no use any more once the chunk is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkRow {
    pub(super) id: i64,
    /// The checksum: numbers of rows are used again.
    pub(super) crc: u32,
}

/// A chunk as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredChunk {
    /// Where it is stored.
    pub row: ChunkRow,
    /// The chunk, whole.
    pub chunk: Chunk,
    /// Records up to this sequence were in a chunk before it: pass over them,
    /// without decoding them, and go on with the chain as it is. A record's bytes
    /// are the same in whatever chunk it comes. Of a chunk that brings nothing new these are
    /// all of them.
    pub skip_to: u64,
    /// True when it is from before the stretch that was asked for, and only here
    /// so that the chain after it can be decoded.
    pub lead_in: bool,
}

impl StoredChunk {
    /// True when another chunk that is stored has all of its records, as one of a backfill has
    /// those of a chunk that came live. It says nothing, and goes with the other one.
    #[must_use]
    pub fn is_superseded(&self) -> bool {
        self.chunk.last <= self.skip_to
    }
}

/// A time of which something was stored that cannot be read any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The ring; zeros where it is of something sealed, which may be of several.
    pub ring: [u8; 16],
    /// From when on, in milliseconds since 1970.
    pub from_ms: i64,
    /// Until when, in milliseconds since 1970.
    pub to_ms: i64,
}

/// What is stored of a stretch of time of one server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stretch {
    /// The chunks, ring by ring, the ring that began first first, and in each in
    /// the order of their sequences. Where a chunk's `previous` is not the last
    /// sequence before it, something is missing in between.
    pub chunks: Vec<StoredChunk>,
    /// Where damage was met, ring by ring.
    pub gaps: Vec<Gap>,
    /// True when there was more than [`MAX_READ_BYTES`]: the latest part of the
    /// last ring that is here, and later rings, are left out. Ask for less.
    pub cut: bool,
}

impl History {
    /// The chunks of a server with anything between `from_ms` and `to_ms`, both
    /// included, by the agent's clock; each record once, as
    /// [`StoredChunk::skip_to`] says. A chunk whose checksum is wrong is left out
    /// and marked as a gap.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn chunks(&self, server: &str, from_ms: i64, to_ms: i64) -> Result<Stretch, HistoryError> {
        self.read(|connection| {
            let mut stretch = Stretch::default();
            let mut left = MAX_READ_BYTES;
            for ring in ring::all(connection, server)? {
                if stretch.cut {
                    break;
                }
                let mut reading = Reading { connection, server, ring, from_ms, to_ms };
                reading.read(&mut stretch, &mut left)?;
            }
            let damaged = stretch.gaps.len() as u64;
            Counters::add(&self.0.counters.damaged_rows, damaged);
            Ok(stretch)
        })
    }

    /// The latest time of which a server told, in milliseconds since 1970 by its
    /// own clock, as far as it is still stored, sealed or not.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn last(&self, server: &str) -> Result<Option<i64>, HistoryError> {
        self.read(|connection| {
            let mut last = archive::last(connection, server)?;
            for ring in ring::all(connection, server)? {
                let sql = "SELECT id FROM chunk WHERE ring = ?1 ORDER BY to_ms DESC LIMIT ?2";
                for row in ids(connection, sql, &[ring.row, MAX_PASSED_OVER as i64])? {
                    if let Some((_, chunk)) = fetch(connection, server, &ring, row)? {
                        last = last.max(Some(chunk.to_ms));
                        break;
                    }
                    Counters::add(&self.0.counters.damaged_rows, 1);
                }
            }
            Ok(last)
        })
    }
}

struct Reading<'a> {
    connection: &'a Connection,
    server: &'a str,
    ring: Ring,
    from_ms: i64,
    to_ms: i64,
}

impl Reading<'_> {
    fn read(&mut self, stretch: &mut Stretch, left: &mut usize) -> Result<(), StoreError> {
        let sql = "SELECT id FROM chunk WHERE ring = ?1 AND to_ms BETWEEN ?2 AND ?3 \
             ORDER BY to_ms, id";
        let until = self.to_ms.saturating_add(self.ring.widest_ms);
        let mut gaps = Gaps::new(self.ring.id, self.from_ms, self.to_ms);
        let mut found = Vec::new();
        for row in ids(self.connection, sql, &[self.ring.row, self.from_ms, until])? {
            let Some((row, chunk)) = fetch(self.connection, self.server, &self.ring, row)? else {
                gaps.damaged();
                continue;
            };
            gaps.good(&chunk);
            if chunk.from_ms > self.to_ms {
                continue;
            }
            if chunk.bytes.len() > *left {
                stretch.cut = true;
                break;
            }
            *left -= chunk.bytes.len();
            found.push((row, chunk));
        }
        stretch.gaps.extend(gaps.end());
        found.sort_by_key(|(_, chunk)| (chunk.first, chunk.last));
        let lead_in = match found.first() {
            Some((_, first)) => self.lead_in(first)?,
            None => Vec::new(),
        };
        stretch.chunks.extend(each_record_once(lead_in, found));
        Ok(())
    }

    /// The chunks before `first` that its chain needs, in order. Empty when the
    /// start of the chain is not there.
    fn lead_in(&self, first: &Chunk) -> Result<Vec<(ChunkRow, Chunk)>, StoreError> {
        let sql = "SELECT id FROM chunk WHERE ring = ?1 AND to_ms <= ?2 \
             ORDER BY to_ms DESC, id DESC LIMIT ?3";
        let mut chain: Vec<(ChunkRow, Chunk)> = Vec::new();
        if first.starts_chain {
            return Ok(chain);
        }
        let most = MAX_LEAD_IN as i64 * 2;
        for row in ids(self.connection, sql, &[self.ring.row, first.to_ms, most])? {
            let before = chain.last().map_or(first, |(_, chunk)| chunk);
            if chain.len() == MAX_LEAD_IN || before.previous == 0 {
                break;
            }
            let Some((row, chunk)) = fetch(self.connection, self.server, &self.ring, row)? else {
                continue;
            };
            if chunk.first < before.first && chunk.last >= before.previous {
                let starts = chunk.starts_chain;
                chain.push((row, chunk));
                if starts {
                    chain.reverse();
                    return Ok(chain);
                }
            }
        }
        Ok(Vec::new())
    }
}

/// Marks which records of each chunk were in one before it: all of them where another chunk
/// supersedes it. That one is here too unless it is damaged or cut off, since it covers the time
/// of this one; so whoever deletes the one can delete both.
fn each_record_once(
    lead_in: Vec<(ChunkRow, Chunk)>,
    found: Vec<(ChunkRow, Chunk)>,
) -> impl Iterator<Item = StoredChunk> {
    let lead_in = lead_in.into_iter().map(|chunk| (chunk, true));
    let mut reached = 0;
    let found = found.into_iter().map(|chunk| (chunk, false));
    lead_in.chain(found).map(move |((row, chunk), lead_in)| {
        let skip_to = reached;
        reached = reached.max(chunk.last);
        StoredChunk { row, chunk, skip_to, lead_in }
    })
}

/// Finds the times between what is good.
struct Gaps {
    ring: [u8; 16],
    good_until: i64,
    to_ms: i64,
    open: bool,
    gaps: Vec<Gap>,
}

impl Gaps {
    fn new(ring: [u8; 16], from_ms: i64, to_ms: i64) -> Self {
        Self { ring, good_until: from_ms, to_ms, open: false, gaps: Vec::new() }
    }

    fn damaged(&mut self) {
        self.open = true;
    }

    fn good(&mut self, chunk: &Chunk) {
        self.close(chunk.from_ms);
        self.good_until = self.good_until.max(chunk.to_ms);
    }

    fn end(mut self) -> Vec<Gap> {
        self.close(self.to_ms);
        self.gaps
    }

    fn close(&mut self, at: i64) {
        let (from_ms, to_ms) = (self.good_until.min(self.to_ms), at.min(self.to_ms));
        if std::mem::take(&mut self.open) {
            self.gaps.push(Gap { ring: self.ring, from_ms, to_ms: to_ms.max(from_ms) });
        }
    }
}

fn ids(connection: &Connection, sql: &str, of: &[i64]) -> Result<Vec<i64>, StoreError> {
    let mut query = connection.prepare_cached(sql)?;
    let found = query.query_map(rusqlite::params_from_iter(of), |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Whether the chunk in that row is what was stored.
pub(super) fn is_sound(
    connection: &Connection,
    server: &str,
    ring: &Ring,
    row: i64,
) -> Result<bool, StoreError> {
    Ok(fetch(connection, server, ring, row)?.is_some())
}

/// The chunk in that row, or nothing when it is damaged.
fn fetch(
    connection: &Connection,
    server: &str,
    ring: &Ring,
    row: i64,
) -> Result<Option<(ChunkRow, Chunk)>, StoreError> {
    let sql = "SELECT previous, first, last, from_ms, to_ms, starts_chain, crc, bytes \
         FROM chunk WHERE id = ?1";
    let mut query = connection.prepare_cached(sql)?;
    let read = query.query_row([row], |row| {
        let chunk = Chunk {
            server: server.to_owned(),
            ring: ring.id,
            previous: row.get::<_, i64>(0)?.cast_unsigned(),
            first: row.get::<_, i64>(1)?.cast_unsigned(),
            last: row.get::<_, i64>(2)?.cast_unsigned(),
            from_ms: row.get(3)?,
            to_ms: row.get(4)?,
            starts_chain: row.get(5)?,
            bytes: row.get(7)?,
        };
        Ok((chunk, row.get::<_, u32>(6)?))
    });
    match read {
        Ok((chunk, crc)) if chunk.checksum(ring.tag) == crc => {
            Ok(Some((ChunkRow { id: row, crc }, chunk)))
        }
        Ok(_) => Ok(None),
        Err(error) => match error.sqlite_error_code() {
            None | Some(ErrorCode::DatabaseCorrupt) => Ok(None),
            Some(_) => Err(error.into()),
        },
    }
}
