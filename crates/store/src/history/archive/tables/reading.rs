//! The processes of a server at a moment.

use std::time::Duration;

use rusqlite::{Connection, params};
use watchfire_model::{ABSENT, Moment, ProcessRow, ProcessSort, ProcessTable, is_absent};

use super::fields::{self, FIELDS};
use super::head::{self, Head};
use super::texts;
use crate::StoreError;
use crate::block::{Block, KeyId, Scratch};
use crate::history::archive::rows::sound;
use crate::history::archive::servers::{self, Archived};
use crate::history::archive::spans::Level;
use crate::history::counters::Counters;
use crate::history::{History, HistoryError};

/// How many damaged segments are passed over in the search for a table.
const MOST_PASSED_OVER: i64 = 16;

/// A segment as its row has it.
#[derive(Debug)]
pub(in crate::history::archive) struct Row {
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
    crc: u32,
    head: Vec<u8>,
    pub(super) bytes: Vec<u8>,
}

impl History {
    /// The newest sealed process table of a server at or before `at_ms`, in milliseconds since
    /// 1970; its own moment says of when it is. Where that is damaged, the one before it.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn table_at(&self, server: &str, at_ms: i64) -> Result<Option<ProcessTable>, HistoryError> {
        let (table, damaged) = self.0.archive.with_scratch(|scratch| {
            self.read(|connection| {
                let Some(server) = servers::find(connection, server)? else {
                    return Ok((None, 0));
                };
                newest(connection, &server, at_ms, scratch)
            })
        })?;
        Counters::add(&self.0.counters.damaged_rows, damaged);
        Ok(table)
    }
}

/// The table, and how many segments were damaged.
fn newest(
    connection: &Connection,
    server: &Archived,
    at_ms: i64,
    scratch: &mut Scratch,
) -> Result<(Option<ProcessTable>, u64), StoreError> {
    // Segments may overlap: those that hold the moment, and then those that ended before it.
    let sql = "SELECT id, 1 FROM process_segment WHERE server = ?1 \
         AND last_ms BETWEEN ?2 AND ?3 AND first_ms <= ?2 \
         UNION ALL SELECT * FROM (SELECT id, 0 FROM process_segment WHERE server = ?1 \
         AND last_ms < ?2 ORDER BY last_ms DESC LIMIT ?4)";
    let latest = at_ms.saturating_add(Level::Ticks.span_ms());
    let mut query = connection.prepare_cached(sql)?;
    let values = params![server.row, at_ms, latest, MOST_PASSED_OVER];
    let found = query.query_map(values, |row| Ok((row.get(0)?, row.get::<_, bool>(1)?)))?;
    let found = found.collect::<Result<Vec<(i64, bool)>, _>>()?;
    let (mut best, mut damaged): (Option<ProcessTable>, u64) = (None, 0);
    for (id, holds) in found {
        match table(connection, server, id, at_ms, scratch)? {
            Some(Some(table)) => {
                if best.as_ref().is_none_or(|best| best.at.unix_ms <= table.at.unix_ms) {
                    best = Some(table);
                }
                if !holds {
                    // Those that follow ended before it.
                    break;
                }
            }
            Some(None) => {}
            None => damaged += 1,
        }
    }
    Ok((best, damaged))
}

/// The newest table of a segment at or before `at_ms`, if it has one; nothing of the segment
/// when it is damaged.
fn table(
    connection: &Connection,
    server: &Archived,
    id: i64,
    at_ms: i64,
    scratch: &mut Scratch,
) -> Result<Option<Option<ProcessTable>>, StoreError> {
    let Some(row) = Row::read(connection, id)? else { return Ok(None) };
    let Some((head, block)) = row.open(server.tag) else { return Ok(None) };
    let mut times = Vec::new();
    if block.timestamps(scratch, &mut times).is_err() {
        return Ok(None);
    }
    let Some(tick) = times.partition_point(|time| *time <= at_ms).checked_sub(1) else {
        return Ok(Some(None));
    };
    let Some((mut table, present)) = numbers(&head, &block, tick, scratch) else {
        return Ok(None);
    };
    table.at.unix_ms = times[tick];
    for (row, stint) in table.processes.iter_mut().zip(present) {
        let stint = &head.stints[stint];
        (row.pid, row.start_time_ms) = (stint.pid, stint.start_ms);
        match texts::of_id(connection, head.texts[stint.text])? {
            Some(texts) => texts.put(row),
            None => return Ok(None),
        }
    }
    table.processes.sort_by(|one, other| ProcessSort::Cpu.compare(one, other));
    Ok(Some(Some(table)))
}

/// The table at a tick without its texts, and of which stints its rows are.
fn numbers(
    head: &Head,
    block: &Block<Vec<u8>>,
    tick: usize,
    scratch: &mut Scratch,
) -> Option<(ProcessTable, Vec<usize>)> {
    let stints = head.stints.len();
    let mut keys: Vec<KeyId> = vec![fields::TOTAL, fields::SECONDS, fields::NANOS];
    let of_tables = keys.len();
    for field in 0..FIELDS {
        keys.extend((0..stints).map(|stint| fields::key(field, stint, stints)));
    }
    let mut values = vec![ABSENT; keys.len()];
    let mut damaged = false;
    let read = block.read(&keys, tick..tick + 1, scratch, |number, found| match found {
        Ok(Some(found)) => values[number] = found.first().copied().unwrap_or(ABSENT),
        Ok(None) => {}
        Err(_) => damaged = true,
    });
    if damaged || read.is_err() {
        return None;
    }
    let monotonic = Duration::new(values[1] as u64, values[2] as u32 % 1_000_000_000);
    let at = Moment { monotonic, unix_ms: 0 };
    let mut table = ProcessTable { at, processes: Vec::new(), total: values[0] as u32 };
    let mut present = Vec::new();
    for stint in 0..stints {
        let of: [f64; FIELDS] =
            std::array::from_fn(|field| values[of_tables + field * stints + stint]);
        if is_absent(of[0]) {
            continue;
        }
        let mut row = ProcessRow::default();
        if !fields::put(&of, &mut row) {
            return None;
        }
        table.processes.push(row);
        present.push(stint);
    }
    Some((table, present))
}

impl Row {
    /// The row; nothing when SQLite cannot read it.
    pub(in crate::history::archive) fn read(
        connection: &Connection,
        id: i64,
    ) -> Result<Option<Self>, StoreError> {
        let sql = "SELECT first_ms, last_ms, crc, head, bytes FROM process_segment \
             WHERE id = ?1";
        let read = connection.prepare_cached(sql)?.query_row([id], |row| {
            Ok(Self {
                first_ms: row.get(0)?,
                last_ms: row.get(1)?,
                crc: row.get(2)?,
                head: row.get(3)?,
                bytes: row.get(4)?,
            })
        });
        sound(read)
    }

    /// Checks and opens it; nothing when it is damaged.
    pub(super) fn open(self, tag: u32) -> Option<(Head, Block<Vec<u8>>)> {
        if head::checksum(tag, self.first_ms, self.last_ms, &self.head) != self.crc {
            return None;
        }
        let head = Head::parse(self.first_ms, &self.head).ok()?;
        if !head.belongs_to(&self.bytes) {
            return None;
        }
        Some((head, Block::open(self.bytes, tag).ok()?))
    }
}

/// The front of a segment without its numbers; nothing when it is damaged or gone.
pub(super) fn head_of(
    connection: &Connection,
    id: i64,
    tag: u32,
) -> Result<Option<Head>, StoreError> {
    let sql = "SELECT first_ms, last_ms, crc, head FROM process_segment WHERE id = ?1";
    let read = connection.prepare_cached(sql)?.query_row([id], |row| {
        let head: Vec<u8> = row.get(3)?;
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, u32>(2)?, head))
    });
    let Some((first_ms, last_ms, crc, head)) = sound(read)? else { return Ok(None) };
    if head::checksum(tag, first_ms, last_ms, &head) != crc {
        return Ok(None);
    }
    Ok(Head::parse(first_ms, &head).ok())
}

/// Whether every checksum of a segment is right.
pub(in crate::history::archive) fn is_sound(
    connection: &Connection,
    id: i64,
    tag: u32,
) -> Result<bool, StoreError> {
    let Some(row) = Row::read(connection, id)? else { return Ok(false) };
    let Some((head, block)) = row.open(tag) else { return Ok(false) };
    let mut scratch = Scratch::new();
    let mut times = Vec::new();
    let Ok(keys) = block.keys() else { return Ok(false) };
    let mut sound = block.timestamps(&mut scratch, &mut times).is_ok();
    let read = block.read(&keys, 0..1, &mut scratch, |_, found| sound &= found.is_ok());
    sound &= read.is_ok();
    for text in head.texts {
        sound &= texts::of_id(connection, text)?.is_some();
    }
    Ok(sound)
}
