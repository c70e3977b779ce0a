//! One number of the samples of a window.

use super::budget::Budget;
use super::quantile::quantile;
use super::regression::line;
use super::slide;
use super::windows::Column;
use crate::QueryError;
use crate::functions::Over;
use crate::kahan::{Mean, Sum};
use watchfire_model::ABSENT;

/// The number of each window.
pub(super) fn fill(
    over: Over,
    column: &Column<'_>,
    budget: &mut Budget<'_>,
    out: &mut [f64],
) -> Result<(), QueryError> {
    match over {
        Over::Min => extremes(column, out, |new, old| new <= old),
        Over::Max => extremes(column, out, |new, old| new >= old),
        Over::Changes => {
            steps(column, out, |old, new| new != old && !(new.is_nan() && old.is_nan()))
        }
        Over::Resets => steps(column, out, |old, new| new < old),
        Over::Sum | Over::Avg if slide::pays(column) => {
            return slide::sums(column, budget, out, |values, total| {
                let value = match over {
                    Over::Sum => total.total(),
                    _ => total.sum / values.len() as f64 + total.lost / values.len() as f64,
                };
                // What overflows, or is none, depends on the order in which it is added.
                if value.is_finite() { value } else { one(over, &[], values) }
            });
        }
        _ => return column.each(budget, out, |_, times, values| one(over, times, values)),
    }
    Ok(())
}

/// The number of one window, which has at least one sample.
pub(super) fn one(over: Over, times: &[i64], values: &[f64]) -> f64 {
    let seconds = |place: usize| times[place] as f64 / 1000.0;
    let last = values.len() - 1;
    match over {
        Over::Sum => sum(values),
        Over::Avg => mean(values),
        Over::Count => values.len() as f64,
        Over::Stddev => variance(values).sqrt(),
        Over::Stdvar => variance(values),
        Over::Mad => median_deviation(values),
        Over::Last => values[last],
        Over::First => values[0],
        Over::Present => 1.0,
        Over::Deriv if last == 0 => ABSENT,
        Over::Deriv => line(times, values, times[0]).0,
        Over::TimeOfFirst => seconds(0),
        Over::TimeOfLast => seconds(last),
        Over::TimeOfMin => seconds(place(values, |new, old| new <= old)),
        Over::TimeOfMax => seconds(place(values, |new, old| new >= old)),
        Over::Min => values[place(values, |new, old| new < old)],
        Over::Max => values[place(values, |new, old| new > old)],
        Over::Changes => count(values, |old, new| new != old && !(new.is_nan() && old.is_nan())),
        Over::Resets => count(values, |old, new| new < old),
    }
}

/// Where the best value stands; any number is better than NaN.
fn place(values: &[f64], better: impl Fn(f64, f64) -> bool) -> usize {
    let mut best = 0;
    for (place, value) in values.iter().enumerate() {
        if better(*value, values[best]) || (values[best].is_nan() && !value.is_nan()) {
            best = place;
        }
    }
    best
}

fn count(values: &[f64], is: impl Fn(f64, f64) -> bool) -> f64 {
    values.windows(2).filter(|pair| is(pair[0], pair[1])).count() as f64
}

/// How often a step from one sample to the next `is` so, within each window: two sums of which
/// the difference is taken, so that windows that overlap cost nothing more.
fn steps(column: &Column<'_>, out: &mut [f64], is: impl Fn(f64, f64) -> bool) {
    let (first, last) = column.bounds.span();
    let mut before = Vec::with_capacity(last - first);
    let mut total = 0_u32;
    before.push(0);
    for pair in column.values[first..last].windows(2) {
        total += u32::from(is(pair[0], pair[1]));
        before.push(total);
    }
    for (value, (start, end)) in out.iter_mut().zip(column.bounds.iter()) {
        if start < end {
            *value = f64::from(before[end - 1 - first] - before[start - first]);
        }
    }
}

/// The best value of each window. Keeps those that may still be the best once earlier ones have
/// left, so that each sample comes and goes once.
fn extremes(column: &Column<'_>, out: &mut [f64], at_least: impl Fn(f64, f64) -> bool) {
    let mut candidates = std::collections::VecDeque::new();
    let mut next = 0;
    for (value, (start, end)) in out.iter_mut().zip(column.bounds.iter()) {
        for place in next.max(start)..end {
            let new = column.values[place];
            if !new.is_nan() {
                while candidates.back().is_some_and(|&old| at_least(new, column.values[old])) {
                    candidates.pop_back();
                }
                candidates.push_back(place);
            }
        }
        next = next.max(end);
        while candidates.front().is_some_and(|&old| old < start) {
            candidates.pop_front();
        }
        if start < end {
            // No candidate: all are NaN.
            *value = candidates.front().map_or(f64::NAN, |&best| column.values[best]);
        }
    }
}

fn sum(values: &[f64]) -> f64 {
    let mut sum = Sum::default();
    values.iter().for_each(|value| sum.add(*value));
    sum.total()
}

fn mean(values: &[f64]) -> f64 {
    let mut mean = Mean::default();
    values.iter().for_each(|value| mean.add(*value));
    mean.mean()
}

/// The mean square of the distance to the mean, by Welford, with compensated sums.
fn variance(values: &[f64]) -> f64 {
    let (mut count, mut mean, mut squares) = (0.0, Sum::default(), Sum::default());
    for value in values {
        count += 1.0;
        let delta = value - (mean.sum + mean.lost);
        mean.add(delta / count);
        squares.add(delta * (value - (mean.sum + mean.lost)));
    }
    (squares.sum + squares.lost) / count
}

fn median_deviation(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    let median = quantile(0.5, &mut sorted);
    sorted.iter_mut().for_each(|value| *value = (*value - median).abs());
    quantile(0.5, &mut sorted)
}
