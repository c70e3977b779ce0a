//! Lines through samples, and smoothing along them.

use watchfire_model::ABSENT;

use super::table::{self, Table};
use super::windows::Need;
use super::{Around, Evaluator, Grid};
use crate::QueryError;
use crate::answer::value_text;
use crate::ast::Expr;
use crate::kahan::Sum;

/// Slope per second and value at `origin` of the line with the least squares.
pub(super) fn line(times: &[i64], values: &[f64], origin: i64) -> (f64, f64) {
    if values.iter().all(|value| *value == values[0]) {
        return if values[0].is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, values[0]) };
    }
    let [mut x, mut y, mut xy, mut xx] = [Sum::default(); 4];
    for (time, value) in times.iter().zip(values) {
        let seconds = (time - origin) as f64 / 1e3;
        x.add(seconds);
        y.add(*value);
        xy.add(seconds * value);
        xx.add(seconds * seconds);
    }
    let [x, y, xy, xx] = [x, y, xy, xx].map(|sum| sum.sum + sum.lost);
    let count = values.len() as f64;
    let slope = (xy - x * y / count) / (xx - x * x / count);
    (slope, y / count - slope * x / count)
}

/// The last smoothed value of a window by Holt's double exponential smoothing.
fn smoothed(values: &[f64], factor: f64, trend_factor: f64) -> f64 {
    let (mut before, mut last) = (0.0, values[0]);
    let mut trend = values[1] - values[0];
    for (number, value) in values[1..].iter().enumerate() {
        if number > 0 {
            trend = trend_factor * (last - before) + (1.0 - trend_factor) * trend;
        }
        (before, last) = (last, factor * value + (1.0 - factor) * (last + trend));
    }
    last
}

impl Evaluator<'_> {
    pub(super) fn predict_linear(
        &mut self,
        arguments: &[Expr],
        grid: Grid,
        around: Around<'_>,
    ) -> Result<Table, QueryError> {
        let ahead = self.scalar(&arguments[1], grid)?;
        let windows = self.windows(&arguments[0], grid, around)?;
        let rows = self.over(windows, grid, Need::Values, |own, column, out| {
            column.each(&mut own.budget, out, |number, times, values| {
                if values.len() < 2 {
                    return ABSENT;
                }
                // From the moment that is evaluated, wherever the window ends.
                let (slope, now) = line(times, values, column.grid.time(number));
                slope * ahead[number] + now
            })
        })?;
        table::nameless(rows)
    }

    pub(super) fn smoothed(
        &mut self,
        arguments: &[Expr],
        grid: Grid,
        around: Around<'_>,
    ) -> Result<Table, QueryError> {
        let factors = self.factors(&arguments[1], "smoothing", grid)?;
        let trend_factors = self.factors(&arguments[2], "trend", grid)?;
        let windows = self.windows(&arguments[0], grid, around)?;
        let rows = self.over(windows, grid, Need::Values, |own, column, out| {
            column.each(&mut own.budget, out, |number, _, values| {
                if values.len() < 2 {
                    return ABSENT;
                }
                smoothed(values, factors[number], trend_factors[number])
            })
        })?;
        table::nameless(rows)
    }

    fn factors(&mut self, of: &Expr, what: &str, grid: Grid) -> Result<Vec<f64>, QueryError> {
        let factors = self.scalar(of, grid)?;
        match factors.iter().find(|factor| !(**factor > 0.0 && **factor < 1.0)) {
            Some(wrong) => Err(QueryError::Execution(format!(
                "invalid {what} factor: expected more than 0 and less than 1, got {}",
                value_text(*wrong)
            ))),
            None => Ok(factors),
        }
    }
}
