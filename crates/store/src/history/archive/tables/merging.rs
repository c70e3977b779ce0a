//! The segments of an hour become one.

use std::collections::HashMap;

use rusqlite::{Connection, params};
use watchfire_model::{ABSENT, is_absent};

use super::fields::{self, FIELDS};
use super::reading::Row;
use super::texts;
use super::{MOST_CELLS, MOST_STINTS, Segment, Stint, delete, runs};
use crate::StoreError;
use crate::block::{Block, Columns, KeyId, Scratch, SealOptions, seal};
use crate::history::archive::servers::Archived;
use crate::history::archive::spans::Span;

/// Segments that can be read.
#[derive(Default)]
pub(in crate::history::archive) struct Hour {
    segments: Vec<Opened>,
}

struct Opened {
    id: i64,
    head: super::head::Head,
    block: Block<Vec<u8>>,
    /// For each text its hash by name.
    names: Vec<i64>,
}

/// One segment in the place of several.
pub(in crate::history::archive) struct MergedTables {
    old: Vec<i64>,
    segment: Segment,
    tag: u32,
    texts: Vec<i64>,
    names: Vec<i64>,
}

/// The segments of a server that lie in an hour. Damaged ones are left out, and stay as they are.
pub(in crate::history::archive) fn segments_of(
    connection: &Connection,
    server: &Archived,
    span: Span,
) -> Result<Hour, StoreError> {
    let sql = "SELECT id FROM process_segment WHERE server = ?1 AND last_ms BETWEEN ?2 AND ?3 \
         AND first_ms >= ?2 ORDER BY id";
    let mut query = connection.prepare_cached(sql)?;
    let values = params![server.row, span.from_ms, span.last_ms()];
    let ids = query.query_map(values, |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    let mut segments = Vec::new();
    if ids.len() < 2 {
        return Ok(Hour { segments });
    }
    'segments: for id in ids {
        let Some(row) = Row::read(connection, id)? else { continue };
        let Some((head, block)) = row.open(server.tag) else { continue };
        let mut names = Vec::with_capacity(head.texts.len());
        for text in &head.texts {
            match texts::of_id(connection, *text)? {
                Some(texts) => names.push(runs::hash(&texts.name)),
                None => continue 'segments,
            }
        }
        segments.push(Opened { id, head, block, names });
    }
    Ok(Hour { segments })
}

/// Merges what fits one segment. Nothing when there is nothing to gain.
pub(in crate::history::archive) fn merged(hour: &Hour, tag: u32) -> Option<MergedTables> {
    let mut merging = Merging::default();
    let mut old = Vec::new();
    for one in &hour.segments {
        if merging.takes(one) && merging.add(one).is_some() {
            old.push(one.id);
        }
    }
    if old.len() < 2 {
        return None;
    }
    let (segment, texts, names) = merging.seal(tag)?;
    Some(MergedTables { old, segment, tag, texts, names })
}

impl MergedTables {
    /// Stores it in the place of the others, unless one of those is gone.
    pub(in crate::history::archive) fn replace(
        &self,
        connection: &Connection,
        server: i64,
    ) -> Result<(), StoreError> {
        let mut query = connection.prepare_cached("SELECT 1 FROM process_segment WHERE id = ?1")?;
        for id in &self.old {
            if !query.exists([id])? {
                return Ok(());
            }
        }
        for id in &self.old {
            delete(connection, *id)?;
        }
        let id = self.old.first().copied();
        self.segment.put_rows(connection, server, self.tag, (&self.texts, &self.names), id)
    }
}

/// Columns by stint, of all segments so far.
#[derive(Default)]
struct Merging {
    times: Vec<i64>,
    tables: [Vec<f64>; 3],
    stints: Vec<Stint>,
    by_stint: HashMap<(u32, i64, usize), usize>,
    texts: Vec<i64>,
    names: Vec<i64>,
    by_text: HashMap<i64, usize>,
    /// By field and stint: values at some of the times.
    columns: HashMap<(usize, usize), Vec<(usize, f64)>>,
}

impl Merging {
    fn takes(&self, one: &Opened) -> bool {
        let stints = self.stints.len() + one.head.stints.len();
        let tables = self.times.len() + one.block.head().ticks;
        stints <= MOST_STINTS && stints.saturating_mul(tables) <= MOST_CELLS
    }

    /// Adds a segment; nothing when a part of it is damaged, and then nothing was added.
    fn add(&mut self, one: &Opened) -> Option<()> {
        let mut scratch = Scratch::new();
        let mut times = Vec::new();
        one.block.timestamps(&mut scratch, &mut times).ok()?;
        let keys = one.block.keys().ok()?;
        let mut read: Vec<(KeyId, Vec<f64>)> = Vec::with_capacity(keys.len());
        let mut damaged = false;
        let found =
            one.block.read(&keys, 0..times.len(), &mut scratch, |number, values| match values {
                Ok(Some(values)) => read.push((keys[number], values.to_vec())),
                _ => damaged = true,
            });
        if damaged || found.is_err() || self.times.last() >= times.first() {
            return None;
        }
        let base = self.times.len();
        let own = one.head.stints.len();
        let places: Vec<usize> = one.head.stints.iter().map(|of| self.stint(one, of)).collect();
        for (key, values) in read {
            if key <= fields::NANOS {
                self.tables[key as usize].extend(values);
                continue;
            }
            let number = (key - fields::key(0, 0, own)) as usize;
            let (field, stint) = (number / own.max(1), number % own.max(1));
            let present = values.into_iter().enumerate().filter(|(_, value)| !is_absent(*value));
            let column = self.columns.entry((field, places[stint])).or_default();
            column.extend(present.map(|(tick, value)| (base + tick, value)));
        }
        self.times.extend(times);
        Some(())
    }

    fn stint(&mut self, one: &Opened, stint: &Stint) -> usize {
        let id = one.head.texts[stint.text];
        let next = self.texts.len();
        let text = *self.by_text.entry(id).or_insert(next);
        if text == next {
            self.texts.push(id);
            self.names.push(one.names[stint.text]);
        }
        let next = self.stints.len();
        let place = self.by_stint.entry((stint.pid, stint.start_ms, text)).or_insert(next);
        let known = self.stints.get(*place);
        if known.is_some_and(|known| stint.first_ms - known.last_ms > runs::JOINED_MS) {
            *place = next;
        }
        let place = *place;
        if place == next {
            self.stints.push(Stint { text, ..stint.clone() });
        }
        let known = &mut self.stints[place];
        known.first_ms = known.first_ms.min(stint.first_ms);
        known.last_ms = known.last_ms.max(stint.last_ms);
        place
    }

    fn seal(self, tag: u32) -> Option<(Segment, Vec<i64>, Vec<i64>)> {
        let (ticks, stints) = (self.times.len(), self.stints.len());
        let (&first_ms, &last_ms) = (self.times.first()?, self.times.last()?);
        let mut series: Vec<(KeyId, Vec<f64>)> = (0..).zip(self.tables).collect();
        for ((field, stint), values) in self.columns.into_iter().filter(|of| of.0.0 < FIELDS) {
            let mut column = vec![ABSENT; ticks];
            values.into_iter().for_each(|(tick, value)| column[tick] = value);
            series.push((fields::key(field, stint, stints), column));
        }
        let columns = Columns { timestamps: self.times, series };
        let bytes = seal(&columns, &SealOptions { tag, ..SealOptions::default() }).ok()?;
        let texts = Vec::new();
        let segment =
            Segment { first_ms, last_ms, tables: ticks, stints: self.stints, texts, bytes };
        Some((segment, self.texts, self.names))
    }
}
