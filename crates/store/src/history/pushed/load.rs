//! From the file to memory.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row};

use super::batch::{self, Batch};
use super::facts;
use super::labels::{self, Texts};
use super::memory::{Memory, Next, Sender};
use crate::StoreError;
use crate::block::Scratch;
use crate::history::Gap;
use crate::history::counters::Counters;

/// Where the checksums of a sender's rows begin.
pub(super) fn tag(sender: &str) -> u32 {
    crc32fast::hash(sender.as_bytes())
}

/// Reads senders, series, facts and what is in no run yet. What is damaged is left out. Indexes
/// are left alone: one that hides a row must not lose what the table has.
pub(super) fn load(connection: &Connection, counters: &Counters) -> Result<Memory, StoreError> {
    let mut memory = Memory::default();
    let mut known = HashMap::new();
    for (row, sender) in senders(connection)? {
        let mut of = Sender::new(row);
        facts::load(connection, row, tag(&sender), counters, |facts| of.add_facts(facts))?;
        memory.senders.insert(sender.clone(), of);
        known.insert(row, sender);
    }
    series(connection, &mut memory, &known, counters)?;
    batches(connection, &mut memory, &known, counters)?;
    memory.next = Next {
        sender: next(connection, "pushed_sender")?,
        series: next(connection, "pushed_series")?,
        batch: next(connection, "pushed_batch")?,
    };
    Ok(memory)
}

/// The senders that are not removed, with their rows.
pub(super) fn senders(connection: &Connection) -> Result<Vec<(i64, String)>, StoreError> {
    let sql = "SELECT id, sender FROM pushed_sender NOT INDEXED WHERE removed = FALSE ORDER BY id";
    let mut query = connection.prepare(sql)?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The names of the senders that are not removed, by their rows.
type Known = HashMap<i64, String>;

fn series(
    connection: &Connection,
    memory: &mut Memory,
    known: &Known,
    counters: &Counters,
) -> Result<(), StoreError> {
    let sql = "SELECT id, crc, labels, sender FROM pushed_series NOT INDEXED ORDER BY id";
    let mut query = connection.prepare(sql)?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let Some(sender) = known.get(&row.get(3)?) else { continue };
        let Some(of) = memory.senders.get_mut(sender) else { continue };
        match one_series(row, tag(sender), &mut of.texts) {
            Some((id, crc, labels)) => memory.add_series(sender, id, labels, crc),
            None => Counters::add(&counters.damaged_rows, 1),
        }
    }
    Ok(())
}

/// A series' number, tag and labels, if its checksum is right. Columns: id, crc, labels.
pub(super) fn one_series(
    row: &Row<'_>,
    sender_tag: u32,
    texts: &mut Texts,
) -> Option<(i64, u32, watchfire_model::LabelSet)> {
    let (id, crc) = (row.get(0).ok()?, row.get(1).ok()?);
    let bytes = row.get_ref(2).ok()?.as_blob().ok()?;
    let right = labels::tag(sender_tag, id, bytes) == crc;
    let labels = labels::read(bytes, texts).filter(|_| right)?;
    Some((id, crc, labels))
}

fn batches(
    connection: &Connection,
    memory: &mut Memory,
    known: &Known,
    counters: &Counters,
) -> Result<(), StoreError> {
    let scratch = &mut Scratch::new();
    let sql = "SELECT id, first_ms, last_ms, crc, bytes, sender FROM pushed_batch NOT INDEXED \
         ORDER BY id";
    let mut query = connection.prepare(sql)?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let sender = row.get(5)?;
        let Some(name) = known.get(&sender) else { continue };
        let Some((id, stored)) = one_batch(row) else {
            Counters::add(&counters.damaged_rows, 1);
            continue;
        };
        match Batch::read(&stored, tag(name), scratch) {
            Ok(batch) => learn(memory, id, &batch, stored.bytes.len()),
            Err(_) => {
                Counters::add(&counters.damaged_rows, 1);
                let gap = Gap { ring: [0; 16], from_ms: stored.first_ms, to_ms: stored.last_ms };
                memory.gaps.push((sender, gap));
            }
        }
    }
    Ok(())
}

fn learn(memory: &mut Memory, id: i64, batch: &Batch, bytes: usize) {
    for (series, samples) in batch.samples() {
        if memory.series.contains_key(&series) {
            memory.head.add(series, &samples);
        }
    }
    memory.head.note(id, bytes);
}

/// A batch's number and row, if they are of the right types. Columns: id, `first_ms`,
/// `last_ms`, crc, bytes.
pub(super) fn one_batch(row: &Row<'_>) -> Option<(i64, batch::Row)> {
    let read = || {
        let stored = batch::Row {
            first_ms: row.get(1)?,
            last_ms: row.get(2)?,
            crc: row.get(3)?,
            bytes: row.get(4)?,
        };
        Ok::<_, rusqlite::Error>((row.get(0)?, stored))
    };
    read().ok()
}

/// The number of the next row of a table whose numbers are not used again.
fn next(connection: &Connection, table: &str) -> Result<i64, StoreError> {
    let sql = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
    let used: Option<i64> =
        connection.prepare_cached(sql)?.query_row([table], |row| row.get(0)).optional()?;
    let sql = format!("SELECT coalesce(max(id), 0) FROM {table}");
    let last: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
    Ok(last.max(used.unwrap_or(0)).saturating_add(1))
}
