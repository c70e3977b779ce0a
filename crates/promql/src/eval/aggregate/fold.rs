//! Several columns to one.

use watchfire_model::{ABSENT, is_absent};

use super::super::quantile::quantile;
use crate::ast::Aggregator;
use crate::kahan::{Mean, NOTHING, Sum, added};

/// Counts, means and squares of distances by Welford.
#[derive(Debug, Clone, Copy, Default)]
struct Spread {
    count: f64,
    mean: f64,
    squares: f64,
}

/// The value of each moment out of those of all columns.
pub(super) fn folded(
    operator: Aggregator,
    columns: &[&[f64]],
    parameters: &[f64],
    count: usize,
) -> Vec<f64> {
    match operator {
        Aggregator::Sum => sums(columns, count).map(Sum::total),
        Aggregator::Avg => means(columns, count),
        Aggregator::Min => fold(columns, count, f64::NAN, least, |value| value),
        Aggregator::Max => fold(columns, count, f64::NAN, greatest, |value| value),
        Aggregator::Group => fold(columns, count, (), |(), _| {}, |()| 1.0),
        Aggregator::Stddev => {
            fold(columns, count, Spread::default(), Spread::add, |one| one.variance().sqrt())
        }
        Aggregator::Stdvar => {
            fold(columns, count, Spread::default(), Spread::add, Spread::variance)
        }
        Aggregator::Quantile => quantiles(columns, parameters, count),
        // The others pick series and do not come here.
        _ => fold(columns, count, 0.0, |total, _| *total += 1.0, |total| total),
    }
}

/// The sums of all columns, as columns themselves: without a branch in the inner loop, so that
/// several moments are added at once.
struct Sums {
    sums: Vec<f64>,
    lost: Vec<f64>,
    counts: Vec<f64>,
}

fn sums(columns: &[&[f64]], count: usize) -> Sums {
    let mut all =
        Sums { sums: vec![NOTHING; count], lost: vec![0.0; count], counts: vec![0.0; count] };
    for column in columns {
        let states = all.sums.iter_mut().zip(&mut all.lost).zip(&mut all.counts);
        for (((sum, lost), count), value) in states.zip(*column) {
            let there = !is_absent(*value);
            (*sum, *lost) = added(if there { *value } else { NOTHING }, *sum, *lost);
            *count += f64::from(u8::from(there));
        }
    }
    all
}

impl Sums {
    fn iter(&self) -> impl Iterator<Item = (Sum, f64)> {
        let sums = self.sums.iter().zip(&self.lost).zip(&self.counts);
        sums.map(|((sum, lost), count)| (Sum { sum: *sum, lost: *lost }, *count))
    }

    fn map(&self, by: impl Fn(Sum) -> f64) -> Vec<f64> {
        self.iter().map(|(sum, count)| if count > 0.0 { by(sum) } else { ABSENT }).collect()
    }
}

fn means(columns: &[&[f64]], count: usize) -> Vec<f64> {
    let all = sums(columns, count);
    if !all.sums.iter().all(|sum| sum.is_finite()) {
        // A sum that overflows says nothing about the mean.
        return fold(columns, count, Mean::default(), Mean::add, Mean::mean);
    }
    let mean = |(Sum { sum, lost }, count): (Sum, f64)| {
        if count > 0.0 { sum / count + lost / count } else { ABSENT }
    };
    all.iter().map(mean).collect()
}

fn fold<S: Copy>(
    columns: &[&[f64]],
    count: usize,
    start: S,
    add: impl Fn(&mut S, f64),
    done: impl Fn(S) -> f64,
) -> Vec<f64> {
    let mut states = vec![(start, false); count];
    for column in columns {
        for ((state, any), value) in states.iter_mut().zip(*column) {
            if !is_absent(*value) {
                add(state, *value);
                *any = true;
            }
        }
    }
    states.into_iter().map(|(state, any)| if any { done(state) } else { ABSENT }).collect()
}

fn least(best: &mut f64, value: f64) {
    if value < *best || best.is_nan() {
        *best = value;
    }
}

fn greatest(best: &mut f64, value: f64) {
    if value > *best || best.is_nan() {
        *best = value;
    }
}

impl Spread {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }

    fn variance(self) -> f64 {
        self.squares / self.count
    }
}

fn quantiles(columns: &[&[f64]], parameters: &[f64], count: usize) -> Vec<f64> {
    let mut there = Vec::with_capacity(columns.len());
    (0..count)
        .map(|number| {
            there.clear();
            there.extend(columns.iter().map(|column| column[number]).filter(|v| !is_absent(*v)));
            if there.is_empty() { ABSENT } else { quantile(parameters[number], &mut there) }
        })
        .collect()
}
