//! Process tables: the texts of each process once for all servers, its numbers in columns, and
//! which names are in which segment.
//!
//! A segment holds the tables of one server from up to an hour. A process that kept its texts
//! is a *stint* in it; one that called exec has several.

mod fields;
mod gather;
mod head;
mod merging;
mod reading;
mod runs;
mod texts;

use rusqlite::{Connection, OptionalExtension, params};

use super::due;
use super::servers::Archived;
use super::spans::Level;
use crate::StoreError;

pub(super) use gather::gather;
pub(super) use merging::{Hour, merged, segments_of};
pub(super) use reading::is_sound;
pub use runs::MAX_RUN_PIDS;
pub(super) use texts::sweep;
pub(super) use texts::{Texts, checksum as text_checksum};

use texts::Interning;

/// How `held_block` names segments.
pub(super) const WIDTH: i64 = -1;

/// The most stints times tables of one segment: some 50 MB while it is made or read.
const MOST_CELLS: usize = 300_000;
/// The most stints of one segment: so that their columns fit a block.
const MOST_STINTS: usize = 12_000;

/// A process with its texts, within a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stint {
    pid: u32,
    start_ms: i64,
    /// Its texts' place among those of the segment.
    text: usize,
    /// When the first and the last table has it.
    first_ms: i64,
    last_ms: i64,
}

/// Process tables that are ready to be stored.
#[derive(Debug)]
pub(super) struct Segment {
    first_ms: i64,
    last_ms: i64,
    tables: usize,
    stints: Vec<Stint>,
    texts: Vec<Texts>,
    /// A block of columns.
    bytes: Vec<u8>,
}

impl Segment {
    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
            + self.stints.len() * 12
            + self.texts.iter().map(Texts::size).sum::<usize>() / 4
    }

    /// How many tables it has.
    pub(super) fn tables(&self) -> usize {
        self.tables
    }

    /// Stores it, with the texts that nobody told before.
    pub(super) fn put(&self, connection: &Connection, server: &Archived) -> Result<(), StoreError> {
        let mut interning = Interning::new(connection, self.last_ms);
        let texts: Vec<i64> =
            self.texts.iter().map(|texts| interning.id_of(texts)).collect::<Result<_, _>>()?;
        let names: Vec<i64> = self.texts.iter().map(|texts| runs::hash(&texts.name)).collect();
        self.put_rows(connection, server.row, server.tag, (&texts, &names), None)?;
        due::note(connection, server.row, Level::Ticks, Level::Ticks.span(self.first_ms))
    }

    /// Stores the row of the segment and one for each name, for texts of these numbers and
    /// hashes of names.
    fn put_rows(
        &self,
        connection: &Connection,
        server: i64,
        tag: u32,
        (texts, names): (&[i64], &[i64]),
        id: Option<i64>,
    ) -> Result<(), StoreError> {
        let head = head::write(self.first_ms, &self.stints, texts, &self.bytes);
        let crc = head::checksum(tag, self.first_ms, self.last_ms, &head);
        let sql = "INSERT INTO process_segment (id, server, first_ms, last_ms, size, crc, head, \
             bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let size = i64::try_from(head.len() + self.bytes.len()).unwrap_or(i64::MAX);
        let times = (self.first_ms, self.last_ms);
        let values = params![id, server, times.0, times.1, size, crc, head, self.bytes];
        let segment = connection.prepare_cached(sql)?.insert(values)?;
        let mut last: std::collections::BTreeMap<i64, i64> = std::collections::BTreeMap::new();
        for stint in &self.stints {
            let to_ms = last.entry(names[stint.text]).or_insert(stint.last_ms);
            *to_ms = stint.last_ms.max(*to_ms);
        }
        let sql = "INSERT INTO process_run (name, to_ms, segment) VALUES (?1, ?2, ?3)";
        let mut insert = connection.prepare_cached(sql)?;
        for (name, to_ms) in last {
            insert.execute([name, to_ms, segment])?;
        }
        Ok(())
    }
}

/// Deletes the segment that came first, or the oldest one of a server, and texts that nothing
/// holds since. Says how many rows went.
pub(super) fn delete_oldest(
    connection: &Connection,
    server: Option<i64>,
) -> Result<usize, StoreError> {
    let of_server = "SELECT id FROM process_segment WHERE server = ?1 ORDER BY last_ms LIMIT 1";
    let of_all = "SELECT id FROM process_segment ORDER BY id LIMIT 1";
    let number = |row: &rusqlite::Row<'_>| row.get(0);
    let mut found: Option<i64> = None;
    if let Some(server) = server {
        found = connection.prepare_cached(of_server)?.query_row([server], number).optional()?;
    }
    if found.is_none() {
        found = connection.prepare_cached(of_all)?.query_row([], number).optional()?;
    }
    let mut gone = 0;
    if let Some(id) = found {
        gone = delete(connection, id)?;
    }
    Ok(gone + sweep(connection, 256)?)
}

fn delete(connection: &Connection, id: i64) -> Result<usize, StoreError> {
    let sql = "DELETE FROM process_segment WHERE id = ?1";
    Ok(connection.prepare_cached(sql)?.execute([id])?)
}
