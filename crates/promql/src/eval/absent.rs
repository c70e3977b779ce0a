//! Saying that there is nothing.

use std::sync::Arc;

use watchfire_model::{ABSENT, LabelSet, MatchOp, NAME_LABEL, is_absent};

use super::table::{Row, Table};
use super::windows::Need;
use super::{Around, Evaluator, Grid};
use crate::QueryError;
use crate::ast::{Expr, Kind};

impl Evaluator<'_> {
    pub(super) fn absent(
        &mut self,
        of: &Expr,
        grid: Grid,
        around: Around<'_>,
    ) -> Result<Table, QueryError> {
        let table = self.vector(of, grid, around)?;
        Ok(gaps(&table, of, grid))
    }

    pub(super) fn absent_over_time(
        &mut self,
        of: &Expr,
        grid: Grid,
        around: Around<'_>,
    ) -> Result<Table, QueryError> {
        let windows = self.windows(of, grid, around)?;
        let table = self.over(windows, grid, Need::Values, |own, column, out| {
            column.each(&mut own.budget, out, |_, _, _| 1.0)
        })?;
        Ok(gaps(&table, of, grid))
    }
}

/// A one at each moment at which no series has a value.
fn gaps(table: &Table, of: &Expr, grid: Grid) -> Table {
    let mut values = vec![1.0; grid.count];
    for row in table {
        for (value, there) in values.iter_mut().zip(&row.values) {
            if !is_absent(*there) {
                *value = ABSENT;
            }
        }
    }
    let row = Row { labels: named_by(of), values };
    if row.is_void() { Vec::new() } else { vec![row] }
}

/// The labels that a selector asks for by `=`, each once; those of a series that is not there.
fn named_by(of: &Expr) -> LabelSet {
    let (Kind::Selector(selector) | Kind::Window { selector, .. }) = &of.bare().kind else {
        return LabelSet::empty();
    };
    let matchers = || selector.matchers.iter().filter(|matcher| matcher.label() != NAME_LABEL);
    let asked = matchers().filter(|matcher| {
        matcher.op() == MatchOp::Equal
            && matchers().filter(|other| other.label() == matcher.label()).count() == 1
    });
    LabelSet::new(asked.map(|matcher| (Arc::from(matcher.label()), Arc::from(matcher.value()))))
}
