//! Calls: each function to what does it.

use watchfire_model::{ABSENT, LabelSet, is_absent};

use super::table::{self, Row, Table};
use super::windows::Need;
use super::{Around, Columns, Evaluator, Grid, dates, math, nothing, over};
use crate::QueryError;
use crate::ast::{Expr, Kind};
use crate::functions::{Does, Function};

impl Evaluator<'_> {
    pub(super) fn call(
        &mut self,
        function: &Function,
        arguments: &[Expr],
        grid: Grid,
        around: Around<'_>,
    ) -> Result<Columns, QueryError> {
        // What a function makes of nothing takes room too.
        self.budget.take(grid.count)?;
        let grouping = around.grouping;
        let around = Around { function: function.name, grouping, ..Around::default() };
        let table = match function.does {
            Does::Pi => return Ok(Columns::Scalar(vec![std::f64::consts::PI; grid.count])),
            Does::Time => return Ok(Columns::Scalar(seconds(grid).collect())),
            Does::Scalar => return self.only_value(&arguments[0], grid).map(Columns::Scalar),
            Does::Map(by) => self.mapped(&arguments[0], grid, around, |_, value| by(value)),
            Does::Date(part) => match arguments.first() {
                Some(of) => self.mapped(of, grid, around, |_, value| dates::part(part, value)),
                None => Ok(lone(seconds(grid).map(|now| dates::part(part, now)).collect())),
            },
            Does::Vector => self.scalar(&arguments[0], grid).map(lone),
            Does::Timestamp => self.timestamp(&arguments[0], grid, around),
            Does::Clamp | Does::ClampMin | Does::ClampMax | Does::Round => {
                self.bounded(function.does, arguments, grid, around)
            }
            Does::Over(over) => self.over_time(over, &arguments[0], grid, around),
            Does::Extrapolate { counter, per_second } => {
                self.extrapolated(&arguments[0], (counter, per_second), grid, around)
            }
            Does::LastChange { counter, per_second } => {
                self.last_change(&arguments[0], (counter, per_second), grid, around)
            }
            Does::QuantileOverTime => self.quantile_over_time(arguments, grid, around),
            Does::PredictLinear => self.predict_linear(arguments, grid, around),
            Does::DoubleExponentialSmoothing => self.smoothed(arguments, grid, around),
            Does::Absent => self.absent(&arguments[0], grid, around),
            Does::AbsentOverTime => self.absent_over_time(&arguments[0], grid, around),
            Does::LabelReplace => self.label_replace(arguments, grid, around),
            Does::LabelJoin => self.label_join(arguments, grid, around),
            Does::Sort { descending } => self.sorted(&arguments[0], descending, grid, around),
            Does::SortByLabel { descending } => {
                self.sorted_by_label(arguments, descending, grid, around)
            }
            Does::HistogramQuantile => self.histogram_quantile(arguments, grid, around),
            Does::HistogramFraction => self.histogram_fraction(arguments, grid, around),
            Does::NotYet(why) => Err(QueryError::NotSupported {
                what: format!("{}()", function.name),
                why: why.to_owned(),
            }),
        };
        table.map(Columns::Vector)
    }

    /// Each value changed by itself; the results are no longer of the metric.
    fn mapped(
        &mut self,
        of: &Expr,
        grid: Grid,
        around: Around<'_>,
        by: impl Fn(usize, f64) -> f64,
    ) -> Result<Table, QueryError> {
        let mut table = table::nameless_merged(self.vector(of, grid, around)?)?;
        for row in &mut table {
            self.budget.work(grid.count)?;
            for (number, value) in row.values.iter_mut().enumerate() {
                if !is_absent(*value) {
                    *value = by(number, *value);
                }
            }
        }
        Ok(table)
    }

    fn bounded(
        &mut self,
        does: Does,
        arguments: &[Expr],
        grid: Grid,
        around: Around<'_>,
    ) -> Result<Table, QueryError> {
        let first = match arguments.get(1) {
            Some(bound) => self.scalar(bound, grid)?,
            None => vec![1.0; grid.count],
        };
        let second = match arguments.get(2) {
            Some(bound) => self.scalar(bound, grid)?,
            None => Vec::new(),
        };
        self.mapped(&arguments[0], grid, around, |number, value| match does {
            Does::ClampMin => math::max(first[number], value),
            Does::ClampMax => math::min(first[number], value),
            Does::Round => math::round_to(value, first[number]),
            // Bounds in the wrong order hold no value at all.
            _ if second[number] < first[number] => ABSENT,
            _ => math::max(first[number], math::min(second[number], value)),
        })
    }

    /// The value of a vector of one; NaN for none and for several.
    fn only_value(&mut self, of: &Expr, grid: Grid) -> Result<Vec<f64>, QueryError> {
        let table = self.vector(of, grid, Around { function: "scalar", ..Around::default() })?;
        let mut values = nothing(grid.count);
        for row in &table {
            for (value, new) in values.iter_mut().zip(&row.values) {
                if !is_absent(*new) {
                    *value = if is_absent(*value) { *new } else { f64::NAN };
                }
            }
        }
        values.iter_mut().filter(|value| is_absent(**value)).for_each(|value| *value = f64::NAN);
        Ok(values)
    }

    fn timestamp(
        &mut self,
        of: &Expr,
        grid: Grid,
        around: Around<'_>,
    ) -> Result<Table, QueryError> {
        if let Kind::Selector(selector) = &of.bare().kind {
            return table::nameless_merged(self.last_values(selector, grid, around, true)?);
        }
        let now: Vec<f64> = seconds(grid).collect();
        self.mapped(of, grid, around, |number, _| now[number])
    }

    fn over_time(
        &mut self,
        over: crate::functions::Over,
        argument: &Expr,
        grid: Grid,
        around: Around<'_>,
    ) -> Result<Table, QueryError> {
        let windows = self.windows(argument, grid, around)?;
        let rows = self.over(windows, grid, Need::Values, |own, column, out| {
            over::fill(over, column, &mut own.budget, out)
        })?;
        if over.keeps_name() { Ok(rows) } else { table::nameless(rows) }
    }
}

/// The moments of a grid in seconds.
fn seconds(grid: Grid) -> impl Iterator<Item = f64> {
    grid.times().map(|time| time as f64 / 1000.0)
}

/// A vector of one series without labels.
pub(super) fn lone(values: Vec<f64>) -> Table {
    vec![Row { labels: LabelSet::empty(), values }]
}
