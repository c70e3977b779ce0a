//! `and`, `or` and `unless`.

use std::collections::HashMap;

use watchfire_model::{ABSENT, LabelSet, is_absent};

use super::matching::presence;
use super::table::{self, Table};
use super::{Evaluator, Grid};
use crate::QueryError;
use crate::ast::{Binary, Matching, Operator};

impl Evaluator<'_> {
    pub(super) fn set(
        &mut self,
        binary: &Binary,
        mut left: Table,
        mut right: Table,
        grid: Grid,
    ) -> Result<Table, QueryError> {
        let matching = &binary.matching;
        for row in left.iter().chain(&right) {
            self.budget.compare(&row.labels, &matching.labels)?;
            self.budget.work(grid.count)?;
        }
        match binary.operator {
            Operator::Or => {
                let there = by_key(&left, matching, grid.count);
                keep(&mut right, matching, |key, number| {
                    there.get(key).is_none_or(|there| !there[number])
                });
                left.append(&mut right);
            }
            operator => {
                let there = by_key(&right, matching, grid.count);
                let wanted = operator == Operator::And;
                keep(&mut left, matching, |key, number| {
                    there.get(key).is_some_and(|there| there[number]) == wanted
                });
            }
        }
        table::merged(left)
    }
}

/// At which moments there is a series of each key.
fn by_key(table: &Table, matching: &Matching, count: usize) -> HashMap<LabelSet, Vec<bool>> {
    let mut there: HashMap<LabelSet, Vec<bool>> = HashMap::with_capacity(table.len());
    for (number, row) in table.iter().enumerate() {
        let new = presence(table, [number], count);
        match there.get_mut(&matching.key(&row.labels)) {
            Some(old) => old.iter_mut().zip(new).for_each(|(old, new)| *old |= new),
            None => {
                there.insert(matching.key(&row.labels), new);
            }
        }
    }
    there
}

/// Takes away all values but those that are wanted.
fn keep(table: &mut Table, matching: &Matching, wanted: impl Fn(&LabelSet, usize) -> bool) {
    for row in table.iter_mut() {
        let key = matching.key(&row.labels);
        for (number, value) in row.values.iter_mut().enumerate() {
            if !is_absent(*value) && !wanted(&key, number) {
                *value = ABSENT;
            }
        }
    }
    table.retain(|row| !row.is_void());
}
