//! Tiers: what is left of the ticks of a window of time.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use watchfire_model::{ABSENT, is_absent};

use super::sums::{Risen, added};
use super::{Columns, KeyId};

/// The windows of one server, all of one width, by column.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Windows {
    /// The width of a window in milliseconds.
    pub width_ms: u32,
    /// When each window begins, in milliseconds since 1970: multiples of the
    /// width, rising. A window without a tick is left out.
    pub starts: Vec<i64>,
    /// For each key what is known of it in each window. Rising by key.
    pub series: Vec<(KeyId, WindowColumns)>,
}

/// One series by window; every field is [`ABSENT`] where the window has no value.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WindowColumns {
    /// The least value. A NaN is only there when all values are NaN.
    pub min: Vec<f64>,
    /// The greatest value, likewise.
    pub max: Vec<f64>,
    /// The sum of the values, exact in their decimals.
    pub sum: Vec<f64>,
    /// How many values there were.
    pub count: Vec<f64>,
    /// The last value.
    pub last: Vec<f64>,
    /// How far a counter rose: from the last value before the window, through
    /// those in it, a fall being a start from 0. `rate()` over tiers adds these up.
    pub increase: Vec<f64>,
}

impl WindowColumns {
    /// Fields of a key.
    pub(crate) const FIELDS: usize = 6;

    /// The mean value in window `number`, when it has one.
    #[must_use]
    pub fn mean(&self, number: usize) -> Option<f64> {
        let (&sum, &count) = (self.sum.get(number)?, self.count.get(number)?);
        (!is_absent(count)).then(|| sum / count)
    }

    /// The fields in the order of the format.
    pub(super) fn fields(&self) -> [&Vec<f64>; Self::FIELDS] {
        [&self.last, &self.min, &self.max, &self.sum, &self.count, &self.increase]
    }

    /// The fields in the order of the format, to be filled.
    pub(crate) fn by_field(&mut self) -> [&mut Vec<f64>; Self::FIELDS] {
        self.fields_mut()
    }

    /// The same windows from `range` alone.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        let mut part = Self::default();
        for (to, from) in part.fields_mut().into_iter().zip(self.fields()) {
            to.extend_from_slice(&from[range.clone()]);
        }
        part
    }

    pub(super) fn fields_mut(&mut self) -> [&mut Vec<f64>; Self::FIELDS] {
        [
            &mut self.last,
            &mut self.min,
            &mut self.max,
            &mut self.sum,
            &mut self.count,
            &mut self.increase,
        ]
    }
}

impl Windows {
    /// Makes windows of ticks. `before` gives the last value of a key before the
    /// first tick, where one is known: a counter's rise since then belongs to the
    /// first window. A width of 0 is taken for 1.
    #[must_use]
    pub fn of_ticks(
        columns: &Columns,
        width_ms: u32,
        before: impl Fn(KeyId) -> Option<f64>,
    ) -> Self {
        let width_ms = width_ms.max(1);
        let (starts, ranges) = cut(&columns.timestamps, width_ms);
        let mut series: Vec<(KeyId, WindowColumns)> = columns
            .series
            .iter()
            .map(|(key, values)| (*key, of_values(values, before(*key), &ranges)))
            .collect();
        series.sort_by_key(|(key, _)| *key);
        Self { width_ms, starts, series }
    }

    /// Makes windows of `width_ms` of narrower ones of one server, or joins those
    /// of the same width, as where blocks meet within a window. `parts` come in the
    /// order of time, and only their first and last windows may be the same.
    #[must_use]
    pub fn joined(parts: &[Self], width_ms: u32) -> Self {
        let width_ms = width_ms.max(1);
        let starts: Vec<i64> = parts.iter().flat_map(|part| part.starts.iter().copied()).collect();
        let keys: BTreeSet<KeyId> =
            parts.iter().flat_map(|part| part.series.iter().map(|(key, _)| *key)).collect();
        let (starts, ranges) = cut(&starts, width_ms);
        let by_key: Vec<BTreeMap<KeyId, &WindowColumns>> = parts
            .iter()
            .map(|part| part.series.iter().map(|(key, columns)| (*key, columns)).collect())
            .collect();
        let series = keys.into_iter().map(|key| {
            let mut all = WindowColumns::default();
            for (part, by_key) in parts.iter().zip(&by_key) {
                for (number, field) in all.fields_mut().into_iter().enumerate() {
                    match by_key.get(&key) {
                        Some(columns) => field.extend_from_slice(columns.fields()[number]),
                        None => field.resize(field.len() + part.starts.len(), ABSENT),
                    }
                }
            }
            (key, of_windows(&all, &ranges))
        });
        Self { width_ms, starts, series: series.collect() }
    }
}

/// The windows that have a time, and which of `times` are in each. Times that do
/// not rise are not expected, and then a window may come twice.
fn cut(times: &[i64], width_ms: u32) -> (Vec<i64>, Vec<Range<usize>>) {
    let width = i64::from(width_ms);
    let start = |time: i64| time.div_euclid(width).saturating_mul(width);
    let (mut starts, mut ranges) = (Vec::new(), Vec::new());
    let mut at = 0;
    for window in times.chunk_by(|one, next| start(*one) == start(*next)) {
        starts.push(start(window[0]));
        ranges.push(at..at + window.len());
        at += window.len();
    }
    (starts, ranges)
}

fn of_values(values: &[f64], before: Option<f64>, ranges: &[Range<usize>]) -> WindowColumns {
    let each = |of: &dyn Fn(&mut dyn Iterator<Item = f64>) -> Option<f64>| {
        let present = |range: &Range<usize>| {
            of(&mut values[range.clone()].iter().copied().filter(|&value| !is_absent(value)))
        };
        ranges.iter().map(|range| present(range).unwrap_or(ABSENT)).collect::<Vec<f64>>()
    };
    WindowColumns {
        min: each(&|values| values.reduce(f64::min)),
        max: each(&|values| values.reduce(f64::max)),
        sum: added(values, ranges),
        count: each(&|values| Some(values.count() as f64).filter(|&count| count > 0.0)),
        last: each(&|values| values.last()),
        increase: Risen::new(values, before).by_window(ranges),
    }
}

fn of_windows(parts: &WindowColumns, ranges: &[Range<usize>]) -> WindowColumns {
    let each = |values: &[f64], of: fn(f64, f64) -> f64| -> Vec<f64> {
        let present = |range: &Range<usize>| {
            let values = values[range.clone()].iter().copied();
            values.filter(|&value| !is_absent(value)).reduce(of)
        };
        ranges.iter().map(|range| present(range).unwrap_or(ABSENT)).collect()
    };
    WindowColumns {
        min: each(&parts.min, f64::min),
        max: each(&parts.max, f64::max),
        sum: added(&parts.sum, ranges),
        count: added(&parts.count, ranges),
        last: each(&parts.last, |_, last| last),
        increase: added(&parts.increase, ranges),
    }
}
