//! Ticks as packed columns. Only in memory, and of one width a column, so that it is packed
//! and read in no time: what is sealed is packed better.

use watchfire_model::ABSENT;

use super::rows::Rows;

/// What values are whole numbers of: ones, tenths and so on, as far as exporters count.
const PER_ONE: [f64; 6] = [1.0, 1e2, 1e3, 1e6, 1e9, 1e1];
/// Whole numbers from here on may have lost their lowest digit.
const MOST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// The first byte of a column that has one value.
const RESTS: u8 = 0;
/// Of one that has a value for each tick, as it is.
const PLAIN: u8 = 1;
/// Of one that counts something: this and the place in [`PER_ONE`], then the first number, the
/// least step, the bytes of a step, and what each step is above the least.
const COUNTED: u8 = 2;

#[derive(Debug)]
pub(super) struct Packed {
    times: Box<[i64]>,
    /// Where each column begins.
    starts: Box<[u32]>,
    columns: Box<[u8]>,
}

impl Packed {
    /// The ticks in `rows`, of which there is one at least.
    pub(super) fn of(rows: &Rows) -> Self {
        let (mut starts, mut columns) = (Vec::with_capacity(rows.width()), Vec::new());
        let (mut values, mut numbers) = (Vec::new(), Vec::new());
        for place in 0..rows.width() {
            starts.push(columns.len() as u32);
            if rows.rests(place) {
                columns.push(RESTS);
                columns.extend_from_slice(&rows.first(place).to_le_bytes());
                continue;
            }
            values.clear();
            rows.column(place, &mut values);
            if let Some(unit) = counted(&values, &mut numbers) {
                columns.push(COUNTED + unit);
                put_counted(&numbers, &mut columns);
            } else {
                columns.push(PLAIN);
                columns.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            }
        }
        Self { times: rows.times().into(), starts: starts.into(), columns: columns.into() }
    }

    pub(super) fn times(&self) -> &[i64] {
        &self.times
    }

    /// The time of the last tick.
    pub(super) fn until_ms(&self) -> i64 {
        self.times.last().copied().unwrap_or(i64::MIN)
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.times) + size_of_val(&*self.starts) + self.columns.len()
    }

    /// Appends a value for each tick.
    pub(super) fn column(&self, place: usize, column: &mut Vec<f64>) {
        let ticks = self.times.len();
        let Some(&start) = self.starts.get(place) else {
            column.resize(column.len() + ticks, ABSENT);
            return;
        };
        let (&kind, bytes) =
            self.columns[start as usize..].split_first().expect("every column was written");
        match kind {
            RESTS => column.resize(column.len() + ticks, value(&bytes[..8])),
            PLAIN => column.extend(bytes.chunks_exact(8).take(ticks).map(value)),
            unit => read_counted(bytes, PER_ONE[usize::from(unit - COUNTED)], ticks, column),
        }
    }
}

/// What all values are whole numbers of, exactly, and the numbers.
fn counted(values: &[f64], numbers: &mut Vec<i64>) -> Option<u8> {
    let counts = |per_one: &f64| {
        numbers.clear();
        values.iter().all(|&value| {
            let number = (value * per_one).round() as i64;
            numbers.push(number);
            // By way of the whole number, which has one zero where floats have two.
            let back = number as f64 / per_one;
            (number as f64).abs() < MOST_WHOLE && back.to_bits() == value.to_bits()
        })
    };
    PER_ONE.iter().position(counts).map(|unit| unit as u8)
}

fn put_counted(numbers: &[i64], out: &mut Vec<u8>) {
    let steps = || numbers.windows(2).map(|pair| pair[1] - pair[0]);
    let least = steps().min().unwrap_or(0);
    let most = (steps().max().unwrap_or(0) - least) as u64;
    let width: u8 = match most {
        0 => 0,
        1..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    };
    out.extend_from_slice(&numbers[0].to_le_bytes());
    out.extend_from_slice(&least.to_le_bytes());
    out.push(width);
    for step in steps() {
        out.extend_from_slice(&(step - least).to_le_bytes()[..usize::from(width)]);
    }
}

fn read_counted(bytes: &[u8], per_one: f64, ticks: usize, column: &mut Vec<f64>) {
    let (first, least, width) = (whole(&bytes[..8]), whole(&bytes[8..16]), bytes[16]);
    let bytes = &bytes[17..];
    let mut number = first;
    column.push(number as f64 / per_one);
    let mut step = |above: i64| {
        number += least + above;
        number as f64 / per_one
    };
    let steps = ticks.saturating_sub(1);
    match width {
        0 => column.extend((0..steps).map(|_| step(0))),
        1 => column.extend(bytes[..steps].iter().map(|above| step(i64::from(*above)))),
        2 => column.extend(bytes.chunks_exact(2).take(steps).map(|above| step(whole(above)))),
        4 => column.extend(bytes.chunks_exact(4).take(steps).map(|above| step(whole(above)))),
        _ => column.extend(bytes.chunks_exact(8).take(steps).map(|above| step(whole(above)))),
    }
}

/// The number in up to eight bytes, lowest first.
#[inline]
fn whole(bytes: &[u8]) -> i64 {
    let mut wide = [0; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    i64::from_le_bytes(wide)
}

#[inline]
fn value(bytes: &[u8]) -> f64 {
    f64::from_bits(whole(bytes).cast_unsigned())
}
