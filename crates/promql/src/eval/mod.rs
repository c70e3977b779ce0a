//! From a tree and series to columns of values.

mod absent;
mod aggregate;
mod binary;
mod budget;
mod call;
mod dates;
mod grid;
mod histogram;
mod labels;
mod matching;
pub(crate) mod math;
mod notes;
mod over;
mod quantile;
mod rate;
mod regression;
mod select;
mod sets;
mod slide;
mod sort;
mod table;
mod windows;

use watchfire_model::{ABSENT, LabelSet, SeriesSource, is_absent};

use crate::ast::{Aggregate, Expr, Grouping, Kind, ValueType};
use crate::{Answer, Limits, QueryError, Sample, Series, Value};
use budget::Budget;
pub(crate) use grid::Grid;
use notes::Notes;
use table::{Row, Table};
use windows::Need;

/// Evaluates one question.
pub(crate) struct Evaluator<'a> {
    source: &'a dyn SeriesSource,
    limits: &'a Limits,
    budget: Budget<'a>,
    notes: Notes<'a>,
    /// The moments of the whole question.
    whole: Grid,
}

/// The values of an expression at all moments of a grid.
#[derive(Debug)]
enum Columns {
    Scalar(Vec<f64>),
    Text(String),
    Vector(Table),
}

/// What stands around an expression: a hint for the source.
#[derive(Debug, Clone, Copy, Default)]
struct Around<'e> {
    function: &'e str,
    grouping: Option<&'e Grouping>,
    /// What of the windows of the series next to it is needed.
    need: Need,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(
        source: &'a dyn SeriesSource,
        limits: &'a Limits,
        out_of_time: &'a dyn Fn() -> bool,
        text: &'a str,
        whole: Grid,
    ) -> Self {
        let budget = Budget::new(limits.samples, out_of_time);
        Self { source, limits, budget, notes: Notes::new(text), whole }
    }

    pub(crate) fn instant(mut self, expr: &Expr) -> Result<Answer, QueryError> {
        let at_ms = self.whole.start;
        if expr.value_type() == ValueType::Matrix {
            let series = self.raw_samples(expr)?;
            return Ok(self.answered(Value::Matrix(series)));
        }
        let value = match self.eval(expr, self.whole, Around::default())? {
            Columns::Scalar(values) => Value::Scalar { at_ms, value: values[0] },
            Columns::Text(text) => Value::Text { at_ms, text },
            Columns::Vector(table) => Value::Vector(
                table
                    .into_iter()
                    .filter(|row| !is_absent(row.values[0]))
                    .map(|row| Sample { labels: row.labels, at_ms, value: row.values[0] })
                    .collect(),
            ),
        };
        Ok(self.answered(value))
    }

    pub(crate) fn range(mut self, expr: &Expr) -> Result<Answer, QueryError> {
        let grid = self.whole;
        let rows = match self.eval_for_range(expr)? {
            Columns::Vector(table) => table,
            Columns::Scalar(values) => vec![Row { labels: LabelSet::empty(), values }],
            Columns::Text(_) => Vec::new(),
        };
        let mut series: Vec<Series> = Vec::with_capacity(rows.len());
        for Row { labels, values } in rows {
            let there = |value: &f64| !is_absent(*value);
            let times: Vec<i64> =
                grid.times().zip(&values).filter(|(_, v)| there(v)).map(|(time, _)| time).collect();
            if !times.is_empty() {
                let values = values.into_iter().filter(there).collect();
                series.push(Series { labels, times, values });
            }
        }
        series.sort_by(|one, other| one.labels.cmp(&other.labels));
        Ok(self.answered(Value::Matrix(series)))
    }

    fn eval_for_range(&mut self, expr: &Expr) -> Result<Columns, QueryError> {
        match expr.value_type() {
            ValueType::Scalar | ValueType::Vector => self.eval(expr, self.whole, Around::default()),
            other => Err(QueryError::BadRange(format!(
                "invalid expression type {:?} for range query, must be Scalar or instant Vector",
                other.to_string()
            ))),
        }
    }

    fn answered(self, value: Value) -> Answer {
        let incomplete = self.notes.incomplete;
        let (warnings, infos) = self.notes.said();
        Answer { value, warnings, infos, incomplete, samples: self.budget.used() }
    }

    /// Evaluates an expression that gives no windows.
    fn eval(&mut self, expr: &Expr, grid: Grid, around: Around<'_>) -> Result<Columns, QueryError> {
        if grid.count > 1 && is_fixed(expr) {
            let once = self.eval(expr, grid.first_only(), around)?;
            return self.repeated(once, grid.count);
        }
        match &expr.kind {
            Kind::Number { value, .. } => {
                self.budget.take(grid.count)?;
                Ok(Columns::Scalar(vec![*value; grid.count]))
            }
            Kind::Text(text) => Ok(Columns::Text(text.clone())),
            Kind::Selector(selector) => {
                self.last_values(selector, grid, around, false).map(Columns::Vector)
            }
            Kind::Paren(of) => self.eval(of, grid, around),
            Kind::Unary { minus, of } => self.unary(*minus, of, grid, around),
            Kind::Binary(binary) => self.binary(binary, grid),
            Kind::Call { function, arguments } => self.call(function, arguments, grid, around),
            Kind::Aggregate(aggregate) => self.aggregated(aggregate, grid).map(Columns::Vector),
            Kind::Window { .. } | Kind::Subquery(_) => {
                // The types were checked: a window is only ever an argument.
                Err(QueryError::Execution("a range vector has no values of its own".to_owned()))
            }
        }
    }

    /// Evaluates an expression that the parser knows to be a vector.
    fn vector(&mut self, expr: &Expr, grid: Grid, around: Around<'_>) -> Result<Table, QueryError> {
        match self.eval(expr, grid, around)? {
            Columns::Vector(table) => Ok(table),
            Columns::Scalar(values) => Ok(vec![Row { labels: LabelSet::empty(), values }]),
            Columns::Text(_) => Ok(Vec::new()),
        }
    }

    /// Evaluates an expression that the parser knows to be a scalar.
    fn scalar(&mut self, expr: &Expr, grid: Grid) -> Result<Vec<f64>, QueryError> {
        match self.eval(expr, grid, Around::default())? {
            Columns::Scalar(values) => Ok(values),
            Columns::Vector(_) | Columns::Text(_) => Ok(vec![f64::NAN; grid.count]),
        }
    }

    /// The text of an argument that the parser knows to be one.
    fn text(&mut self, expr: &Expr) -> String {
        match &expr.bare().kind {
            Kind::Text(text) => text.clone(),
            _ => String::new(),
        }
    }

    fn unary(
        &mut self,
        minus: bool,
        of: &Expr,
        grid: Grid,
        around: Around<'_>,
    ) -> Result<Columns, QueryError> {
        let mut columns = self.eval(of, grid, around)?;
        if !minus {
            return Ok(columns);
        }
        match &mut columns {
            Columns::Scalar(values) => values.iter_mut().for_each(|value| *value = -*value),
            Columns::Vector(table) => {
                let rows = std::mem::take(table);
                let mut rows = table::nameless(rows)?;
                for row in &mut rows {
                    row.change(|value| -value);
                }
                *table = rows;
            }
            Columns::Text(_) => {}
        }
        Ok(columns)
    }

    fn aggregated(&mut self, aggregate: &Aggregate, grid: Grid) -> Result<Table, QueryError> {
        let word = aggregate.operator.word();
        let grouping = Some(&aggregate.grouping);
        let around = Around { function: word, grouping, ..Around::default() };
        let table = self.vector(&aggregate.of, grid, around)?;
        self.aggregate(aggregate, table, grid)
    }

    /// What was evaluated at one moment, at every moment.
    fn repeated(&mut self, once: Columns, count: usize) -> Result<Columns, QueryError> {
        Ok(match once {
            Columns::Scalar(values) => Columns::Scalar(vec![values[0]; count]),
            Columns::Text(text) => Columns::Text(text),
            Columns::Vector(mut table) => {
                self.budget.take(table.len() * count)?;
                for row in &mut table {
                    row.values = vec![row.values[0]; count];
                }
                Columns::Vector(table)
            }
        })
    }
}

/// True when an expression is the same at every moment, because all its selectors have `@`.
fn is_fixed(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Number { .. } | Kind::Text(_) => true,
        Kind::Selector(selector) | Kind::Window { selector, .. } => selector.shift.at.is_some(),
        Kind::Subquery(subquery) => subquery.shift.at.is_some(),
        Kind::Unary { of, .. } | Kind::Paren(of) => is_fixed(of),
        Kind::Binary(binary) => is_fixed(&binary.left) && is_fixed(&binary.right),
        Kind::Call { function, arguments } => {
            !function.follows_the_moment() && arguments.iter().all(is_fixed)
        }
        Kind::Aggregate(aggregate) => {
            is_fixed(&aggregate.of) && aggregate.parameter.as_ref().is_none_or(is_fixed)
        }
    }
}

/// A column without any value.
fn nothing(count: usize) -> Vec<f64> {
    vec![ABSENT; count]
}
