//! Quantiles of samples in a window.

use std::cmp::Ordering;

use super::windows::Need;
use super::{Around, Evaluator, Grid, table};
use crate::QueryError;
use crate::answer::value_text;
use crate::ast::Expr;

/// The `q`-quantile of numbers, between neighbours in proportion. Changes their order.
pub(super) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let last = values.len() - 1;
    let rank = q * last as f64;
    let place = (rank.floor() as usize).min(last);
    let weight = rank - rank.floor();
    let (_, lower, above) = values.select_nth_unstable_by(place, order);
    let upper = above.iter().copied().min_by(order).unwrap_or(*lower);
    *lower * (1.0 - weight) + upper * weight
}

/// By size, NaN first.
fn order(one: &f64, other: &f64) -> Ordering {
    other.is_nan().cmp(&one.is_nan()).then_with(|| one.total_cmp(other))
}

impl Evaluator<'_> {
    pub(super) fn quantile_over_time(
        &mut self,
        arguments: &[Expr],
        grid: Grid,
        around: Around<'_>,
    ) -> Result<table::Table, QueryError> {
        let quantiles = self.scalar(&arguments[0], grid)?;
        self.check_quantiles(&quantiles, &arguments[0]);
        let windows = self.windows(&arguments[1], grid, around)?;
        let mut scratch = Vec::new();
        let rows = self.over(windows, grid, Need::Values, |own, column, out| {
            column.each(&mut own.budget, out, |number, _, values| {
                scratch.clear();
                scratch.extend_from_slice(values);
                quantile(quantiles[number], &mut scratch)
            })
        })?;
        table::nameless(rows)
    }

    /// Warns of quantiles that cannot be.
    pub(super) fn check_quantiles(&mut self, quantiles: &[f64], argument: &Expr) {
        if let Some(wrong) = quantiles.iter().find(|q| !(0.0..=1.0).contains(*q)) {
            let what =
                format!("quantile value should be between 0 and 1, got {}", value_text(*wrong));
            self.notes.warn(&what, &argument.at);
        }
    }
}
