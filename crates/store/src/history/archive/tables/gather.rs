//! From process tables to segments.

use std::collections::HashMap;

use watchfire_model::{ABSENT, ProcessRow, ProcessTable, is_absent};

use super::fields::{self, FIELDS};
use super::runs::JOINED_MS;
use super::texts::Texts;
use super::{MOST_CELLS, MOST_STINTS, Segment, Stint};
use crate::block::{Columns, SealError, SealOptions, seal};
use crate::history::archive::spans::Level;

/// Makes segments of tables, each within an hour.
pub(in crate::history::archive) fn gather(
    tables: &[ProcessTable],
    tag: u32,
) -> Result<Vec<Segment>, SealError> {
    let mut in_order: Vec<&ProcessTable> = tables.iter().collect();
    in_order.sort_by_key(|table| table.at.unix_ms);
    // Of two of one millisecond the later one counts: the sort keeps their order.
    in_order.reverse();
    in_order.dedup_by_key(|table| table.at.unix_ms);
    in_order.reverse();
    let mut segments = Vec::new();
    let mut gathering = Gathering::default();
    for table in in_order {
        if !gathering.takes(table) {
            segments.extend(std::mem::take(&mut gathering).seal(tag)?);
        }
        gathering.add(table);
    }
    segments.extend(gathering.seal(tag)?);
    Ok(segments)
}

/// The tables of a segment.
#[derive(Debug, Default)]
struct Gathering<'a> {
    times: Vec<i64>,
    tables: Vec<&'a ProcessTable>,
    stints: Vec<Stint>,
    texts: Vec<Texts>,
    by_text: HashMap<[Option<&'a str>; 6], usize>,
    by_stint: HashMap<(u32, i64, usize), usize>,
    /// For each table the stints of its rows.
    rows: Vec<Vec<usize>>,
}

impl<'a> Gathering<'a> {
    /// Whether the table goes to those that are there.
    fn takes(&self, table: &ProcessTable) -> bool {
        let Some(&first) = self.times.first() else { return true };
        let stints = self.stints.len() + table.processes.len() / 4;
        Level::Ticks.span(first) == Level::Ticks.span(table.at.unix_ms)
            && stints.saturating_mul(self.times.len() + 1) <= MOST_CELLS
            && self.stints.len() + table.processes.len() <= MOST_STINTS
    }

    fn add(&mut self, table: &'a ProcessTable) {
        let at = table.at.unix_ms;
        let mut rows = Vec::with_capacity(table.processes.len());
        // A table that is above the limit by itself is cut; `total` tells that there were more.
        for row in table.processes.iter().take(MOST_STINTS) {
            let text = self.text(row);
            let next = self.stints.len();
            let stint = self.by_stint.entry((row.pid, row.start_time_ms, text)).or_insert(next);
            if self.stints.get(*stint).is_some_and(|of| at - of.last_ms > JOINED_MS) {
                *stint = next;
            }
            let stint = *stint;
            if stint == next {
                let (pid, start_ms) = (row.pid, row.start_time_ms);
                self.stints.push(Stint { pid, start_ms, text, first_ms: at, last_ms: at });
            }
            self.stints[stint].last_ms = at;
            rows.push(stint);
        }
        self.times.push(at);
        self.tables.push(table);
        self.rows.push(rows);
    }

    fn text(&mut self, row: &'a ProcessRow) -> usize {
        let next = self.texts.len();
        let place = *self.by_text.entry(Texts::parts_of(row)).or_insert(next);
        if place == next {
            self.texts.push(Texts::of(row));
        }
        place
    }

    fn seal(self, tag: u32) -> Result<Option<Segment>, SealError> {
        let (Some(&first_ms), Some(&last_ms)) = (self.times.first(), self.times.last()) else {
            return Ok(None);
        };
        let (ticks, stints) = (self.times.len(), self.stints.len());
        let mut columns: Vec<Vec<f64>> = vec![Vec::new(); FIELDS * stints];
        for (tick, (table, of_rows)) in self.tables.iter().zip(&self.rows).enumerate() {
            for (row, stint) in table.processes.iter().zip(of_rows) {
                for (field, value) in fields::of(row).into_iter().enumerate() {
                    if is_absent(value) {
                        continue;
                    }
                    let column = &mut columns[field * stints + stint];
                    column.resize(tick.max(column.len()), ABSENT);
                    column.truncate(tick);
                    column.push(value);
                }
            }
        }
        let of_tables = |of: fn(&ProcessTable) -> f64| -> Vec<f64> {
            self.tables.iter().map(|table| of(table)).collect()
        };
        let mut series = vec![
            (fields::TOTAL, of_tables(|table| f64::from(table.total))),
            (fields::SECONDS, of_tables(|table| table.at.monotonic.as_secs() as f64)),
            (fields::NANOS, of_tables(|table| f64::from(table.at.monotonic.subsec_nanos()))),
        ];
        for (number, mut column) in columns.into_iter().enumerate().filter(|(_, of)| !of.is_empty())
        {
            column.resize(ticks, ABSENT);
            series.push((fields::key(number / stints, number % stints, stints), column));
        }
        let columns = Columns { timestamps: self.times, series };
        let bytes = seal(&columns, &SealOptions { tag, ..SealOptions::default() })?;
        let (stints, texts, tables) = (self.stints, self.texts, self.tables.len());
        Ok(Some(Segment { first_ms, last_ms, tables, stints, texts, bytes }))
    }
}
