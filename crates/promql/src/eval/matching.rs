//! Which series of two vectors belong together.

use std::collections::HashMap;

use watchfire_model::{LabelSet, NAME_LABEL, is_absent};

use super::binary::Works;
use super::budget::Budget;
use super::table::{self, Row, Table};
use super::{Evaluator, Grid};
use crate::QueryError;
use crate::ast::{Binary, Matching, Side};

impl Matching {
    /// The labels by which a series finds its partner.
    pub(super) fn key(&self, labels: &LabelSet) -> LabelSet {
        labels.filtered(|label| {
            let named = self.labels.iter().any(|one| one == label);
            if self.on { named } else { !named && label != NAME_LABEL }
        })
    }
}

/// The rows of both sides that have one key: of the side that may have many, and of the other.
#[derive(Default)]
struct Partners {
    many: Vec<usize>,
    one: Vec<usize>,
}

/// Two vectors that are joined, turned so that `many` is the side that may have many series.
struct Join<'a> {
    binary: &'a Binary,
    works: Works,
    turned: bool,
    many: Table,
    one: Table,
    /// Moments at which the many side has any value.
    many_there: Vec<bool>,
    count: usize,
}

impl Evaluator<'_> {
    /// Applies an operator to each pair of series that belong together.
    pub(super) fn matched(
        &mut self,
        binary: &Binary,
        works: Works,
        left: Table,
        right: Table,
        grid: Grid,
    ) -> Result<Table, QueryError> {
        let turned = binary.matching.many == Some(Side::Right);
        let (many, one) = if turned { (right, left) } else { (left, right) };
        let many_there = presence(&many, 0..many.len(), grid.count);
        let join = Join { binary, works, turned, many, one, many_there, count: grid.count };
        let mut rows = Vec::new();
        for (key, partners) in join.partners(&mut self.budget)? {
            join.check_one(&key, &partners.one)?;
            let first = rows.len();
            for &many in &partners.many {
                for &one in &partners.one {
                    self.budget.work(grid.count + binary.matching.include.len())?;
                    let row = join.pair(many, one);
                    if !row.is_void() {
                        self.budget.take(grid.count)?;
                        rows.push(row);
                    }
                }
            }
            if rows.len() > self.limits.series {
                return Err(QueryError::TooManySeries { limit: self.limits.series });
            }
            join.check_results(&rows[first..])?;
        }
        table::merged(rows)
    }
}

impl Join<'_> {
    /// Rows by their keys, in the order of the many side.
    fn partners(&self, budget: &mut Budget<'_>) -> Result<Vec<(LabelSet, Partners)>, QueryError> {
        let mut places: HashMap<LabelSet, usize> = HashMap::with_capacity(self.many.len());
        let mut found: Vec<(LabelSet, Partners)> = Vec::new();
        let sides = [(&self.many, true), (&self.one, false)];
        for (table, is_many) in sides {
            for (number, row) in table.iter().enumerate() {
                budget.compare(&row.labels, &self.binary.matching.labels)?;
                let key = self.binary.matching.key(&row.labels);
                let place = *places.entry(key.clone()).or_insert(found.len());
                if place == found.len() {
                    found.push((key, Partners::default()));
                }
                let partners = &mut found[place].1;
                if is_many { &mut partners.many } else { &mut partners.one }.push(number);
            }
        }
        Ok(found)
    }

    /// The side that must have one series of a key has one at each moment.
    fn check_one(&self, key: &LabelSet, one: &[usize]) -> Result<(), QueryError> {
        if one.len() < 2 {
            return Ok(());
        }
        for number in (0..self.count).filter(|&number| self.many_there[number]) {
            let mut there = one.iter().filter(|&&row| !is_absent(self.one[row].values[number]));
            if let (Some(&first), Some(&second)) = (there.next(), there.next()) {
                let side = if self.turned { "left" } else { "right" };
                let [first, second] = [first, second].map(|row| shown(&self.one[row].labels));
                return Err(QueryError::Execution(format!(
                    "found duplicate series for the match group {} on the {side} hand-side of the \
                     operation: [{second}, {first}];many-to-many matching not allowed: matching \
                     labels must be unique on one side",
                    shown(key)
                )));
            }
        }
        Ok(())
    }

    fn pair(&self, many: usize, one: usize) -> Row {
        let (many, one) = (&self.many[many], &self.one[one]);
        let (left, right) = if self.turned { (one, many) } else { (many, one) };
        let to_bool = self.binary.to_bool;
        let both = left.values.iter().zip(&right.values);
        let values =
            both.map(|(left, right)| self.works.result(*left, *right, *left, to_bool)).collect();
        Row { labels: self.labels(&many.labels, &one.labels), values }
    }

    fn labels(&self, many: &LabelSet, one: &LabelSet) -> LabelSet {
        let Matching { on, labels, many: grouped, include, .. } = &self.binary.matching;
        let drops_name = self.works.drops_name(self.binary.to_bool);
        let named = |label: &str| labels.iter().any(|one| one == label);
        let kept = many.filtered(|label| {
            let dropped = drops_name && label == NAME_LABEL;
            // A pair of two equals has the labels that both agree on.
            !dropped && (grouped.is_some() || *on == named(label))
        });
        if include.is_empty() {
            return kept;
        }
        let own =
            kept.pairs().iter().filter(|(label, _)| !include.iter().any(|one| **one == **label));
        let taken =
            one.pairs().iter().filter(|(label, _)| include.iter().any(|one| **one == **label));
        LabelSet::new(own.chain(taken).cloned())
    }

    /// No two results of one key stand at one moment where there should be one.
    fn check_results(&self, rows: &[Row]) -> Result<(), QueryError> {
        if rows.len() < 2 {
            return Ok(());
        }
        let grouped = self.binary.matching.many.is_some();
        let mut seen: HashMap<&LabelSet, Vec<bool>> = HashMap::new();
        let nobody = LabelSet::empty();
        for row in rows {
            let key = if grouped { &row.labels } else { &nobody };
            let taken = seen.entry(key).or_insert_with(|| vec![false; self.count]);
            for (taken, value) in taken.iter_mut().zip(&row.values) {
                if is_absent(*value) {
                    continue;
                }
                if *taken {
                    let why = if grouped {
                        "grouping labels must ensure unique matches"
                    } else {
                        "many-to-one matching must be explicit (group_left/group_right)"
                    };
                    return Err(QueryError::Execution(format!(
                        "multiple matches for labels: {why}"
                    )));
                }
                *taken = true;
            }
        }
        Ok(())
    }
}

/// At which moments any of some rows has a value.
pub(super) fn presence(
    table: &Table,
    rows: impl IntoIterator<Item = usize>,
    count: usize,
) -> Vec<bool> {
    let mut there = vec![false; count];
    for row in rows {
        for (there, value) in there.iter_mut().zip(&table[row].values) {
            *there |= !is_absent(*value);
        }
    }
    there
}

/// Labels as Prometheus writes them.
fn shown(labels: &LabelSet) -> String {
    let pairs: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}
