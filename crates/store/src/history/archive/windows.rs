//! The windows of tiers, and of ticks of which no tier is made yet.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use super::due;
use super::rows::{self, BlockRow};
use super::samples::{Reading, Ticks};
use super::servers;
use super::shape::{joined, only, part};
use super::spans::{Level, Span};
use super::told::{OnWindows, Told};
use crate::StoreError;
use crate::block::{Columns, KeyId, WindowColumns, Windows};
use crate::history::counters::Counters;
use crate::history::{History, HistoryError};

const MINUTE_MS: u32 = 60_000;
const HOUR_MS: u32 = 3_600_000;

impl History {
    /// Calls `found` with a place in `keys`, the beginnings of windows in milliseconds since 1970
    /// and what is known of them, in the order of time: of all windows that have a moment from
    /// `from_ms` to `to_ms`. They are of an hour when `width_ms` is that or more, else of a
    /// minute. Where no tier is made yet, they are made of the ticks. A break ends it.
    ///
    /// `found` must not ask the history anything: one snapshot of it is held open.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn windows(
        &self,
        server: &str,
        keys: &[KeyId],
        width_ms: u32,
        from_ms: i64,
        to_ms: i64,
        found: &mut OnWindows<'_>,
    ) -> Result<Told, HistoryError> {
        let level = if width_ms >= HOUR_MS { Level::Hours } else { Level::Minutes };
        let told = self.0.archive.with_scratch(|scratch| {
            self.read(|connection| {
                let Some(server) = servers::find(connection, server)? else {
                    return Ok(Told::default());
                };
                let mut reading = Reading::new(connection, server, scratch);
                reading.windows(level, keys, (from_ms, to_ms), found)?;
                Ok(reading.told)
            })
        })?;
        Counters::add(&self.0.counters.damaged_rows, told.gaps.len() as u64);
        Ok(told)
    }
}

impl Reading<'_> {
    fn windows(
        &mut self,
        level: Level,
        keys: &[KeyId],
        (from_ms, to_ms): (i64, i64),
        found: &mut OnWindows<'_>,
    ) -> Result<(), StoreError> {
        let mut spans = BTreeSet::new();
        for row in rows::between(self.connection, &self.server, level, from_ms, to_ms)? {
            spans.insert(level.span(row.first_ms));
        }
        let due = due::spans(self.connection, &self.server, from_ms, to_ms)?;
        spans.extend(due.iter().map(|span| level.span(span.from_ms)));
        let places: HashMap<KeyId, usize> =
            keys.iter().enumerate().map(|(place, key)| (*key, place)).collect();
        let earliest = from_ms.saturating_sub(level.width_ms()).saturating_add(1);
        for span in spans {
            let windows = match level {
                Level::Hours => self.hours(span, Some(keys))?,
                Level::Ticks | Level::Minutes => self.minutes(span, Some(keys))?,
            };
            let first = windows.starts.partition_point(|start| *start < earliest);
            let end = windows.starts.partition_point(|start| *start <= to_ms).max(first);
            if first == end {
                continue;
            }
            let wanted = part(&windows, first..end);
            let flow = wanted.series.iter().try_for_each(|(key, columns)| match places.get(key) {
                Some(place) => found(*place, &wanted.starts, columns),
                None => ControlFlow::Continue(()),
            });
            if flow.is_break() {
                self.told.cut = true;
                break;
            }
        }
        Ok(())
    }

    /// What is known of six hours by the minute: from the tier, or, where ticks came since that
    /// was made, from the ticks that are still there.
    pub(super) fn minutes(
        &mut self,
        span: Span,
        keys: Option<&[KeyId]>,
    ) -> Result<Windows, StoreError> {
        let parts = self.tier(Level::Minutes, span, keys)?;
        if !due::is(self.connection, &self.server, Level::Minutes, span)? {
            return Ok(joined(parts, MINUTE_MS));
        }
        let ticks_from = self.server.reach.ticks_from_ms;
        let mut all: Vec<Windows> =
            parts.iter().flat_map(|part| only(part, |start| start < ticks_from)).collect();
        let mut last = None;
        for hour in span.hours().filter(|hour| hour.from_ms >= ticks_from) {
            let columns = self.hour(hour, keys)?;
            if columns.timestamps.is_empty() {
                last = Some(HashMap::new());
                continue;
            }
            let before = match last.take() {
                Some(before) => before,
                None => self.last_values_before(hour, keys)?,
            };
            all.push(Windows::of_ticks(&columns, MINUTE_MS, |key| before.get(&key).copied()));
            last = Some(last_values(&columns));
        }
        Ok(joined(all, MINUTE_MS))
    }

    /// What is known of ten days by the hour.
    pub(super) fn hours(
        &mut self,
        span: Span,
        keys: Option<&[KeyId]>,
    ) -> Result<Windows, StoreError> {
        let parts = self.tier(Level::Hours, span, keys)?;
        let minutes_from = self.server.reach.minutes_from_ms;
        let due = due::spans(self.connection, &self.server, span.from_ms, span.last_ms())?;
        let anew = |start: i64| {
            start >= minutes_from
                && due.iter().any(|span| (span.from_ms..span.to_ms).contains(&start))
        };
        let mut all: Vec<Windows> =
            parts.iter().flat_map(|part| only(part, |start| !anew(start))).collect();
        for span in &due {
            let hours = Windows::joined(&[self.minutes(*span, keys)?], HOUR_MS);
            all.extend(only(&hours, |start| start >= minutes_from));
        }
        Ok(joined(all, HOUR_MS))
    }

    /// The windows that the blocks of a tier have in a span, block by block.
    pub(super) fn tier(
        &mut self,
        level: Level,
        span: Span,
        keys: Option<&[KeyId]>,
    ) -> Result<Vec<Windows>, StoreError> {
        let blocks = rows::within(self.connection, &self.server, level, span)?;
        let mut all = Vec::with_capacity(blocks.len());
        for row in &blocks {
            all.extend(self.tier_block(level, row, keys)?);
        }
        Ok(all)
    }

    /// The windows of one block of a tier.
    pub(super) fn tier_block(
        &mut self,
        level: Level,
        row: &BlockRow,
        keys: Option<&[KeyId]>,
    ) -> Result<Option<Windows>, StoreError> {
        const FIELDS: usize = WindowColumns::FIELDS;
        let Some(part) = self.open(level, row)? else { return Ok(None) };
        let all;
        let keys = match keys {
            Some(keys) => keys,
            None => {
                all = part.directory.keys().unwrap_or_default();
                &all
            }
        };
        let mut places = Vec::with_capacity(keys.len() * FIELDS);
        for (number, &key) in keys.iter().enumerate() {
            match part.directory.field_places(key) {
                Ok(None) => {}
                Ok(Some(found)) => {
                    let numbered = |(field, place)| (place, number * FIELDS + field);
                    places.extend(found.into_iter().enumerate().map(numbered));
                }
                Err(_) => self.gap(row.first_ms, row.last_ms),
            }
        }
        let mut columns: HashMap<usize, WindowColumns> = HashMap::new();
        let ticks = 0..part.times.len();
        let _ =
            self.groups(row, &part, &mut places, Ticks::All(ticks), &mut |number, values, _| {
                let of_key = columns.entry(number / FIELDS).or_default();
                of_key.by_field()[number % FIELDS].extend_from_slice(values);
                ControlFlow::Continue(())
            })?;
        // Of a key whose fields are in a damaged group in part, nothing is told.
        columns.retain(|_, one| one.by_field().iter().all(|of| of.len() == part.times.len()));
        let series = columns.into_iter().map(|(number, columns)| (keys[number], columns));
        let mut series: Vec<(KeyId, WindowColumns)> = series.collect();
        series.sort_unstable_by_key(|(key, _)| *key);
        let width_ms = u32::try_from(level.width_ms()).unwrap_or(MINUTE_MS);
        Ok(Some(Windows { width_ms, starts: part.times, series }))
    }

    /// The last value of each key in the hour before.
    fn last_values_before(
        &mut self,
        hour: Span,
        keys: Option<&[KeyId]>,
    ) -> Result<HashMap<KeyId, f64>, StoreError> {
        Ok(last_values(&self.hour(Level::Ticks.span(hour.from_ms - 1), keys)?))
    }
}

fn last_values(columns: &Columns) -> HashMap<KeyId, f64> {
    let last = |values: &Vec<f64>| values.iter().rev().copied().find(|value| value.is_finite());
    columns.series.iter().filter_map(|(key, values)| Some((*key, last(values)?))).collect()
}
