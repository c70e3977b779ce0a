//! Many series to one for each group.

mod fold;
mod pick;

use std::collections::HashMap;
use std::sync::Arc;

use watchfire_model::{LabelSet, NAME_LABEL, is_absent};

use super::table::{Row, Table};
use super::{Evaluator, Grid, nothing};
use crate::QueryError;
use crate::answer::value_text;
use crate::ast::{Aggregate, Aggregator, Grouping};

/// Rows that become one.
struct Group {
    labels: LabelSet,
    /// Their places in the table.
    members: Vec<usize>,
}

impl Grouping {
    /// The labels of the group that a series belongs to.
    fn labels_of(&self, labels: &LabelSet) -> LabelSet {
        if self.labels.is_empty() && !self.without {
            return LabelSet::empty();
        }
        labels.filtered(|label| {
            let named = self.labels.iter().any(|one| one == label);
            if self.without { !named && label != NAME_LABEL } else { named }
        })
    }
}

impl Evaluator<'_> {
    /// Aggregates the rows of `table`.
    pub(super) fn aggregate(
        &mut self,
        aggregate: &Aggregate,
        table: Table,
        grid: Grid,
    ) -> Result<Table, QueryError> {
        let operator = aggregate.operator;
        if operator == Aggregator::CountValues {
            return self.count_values(aggregate, &table, grid);
        }
        let parameters = match &aggregate.parameter {
            Some(parameter) => self.scalar(parameter, grid)?,
            None => Vec::new(),
        };
        let groups = self.groups(&table, &aggregate.grouping)?;
        self.budget.take(groups.len() * grid.count)?;
        match operator {
            Aggregator::Topk | Aggregator::Bottomk | Aggregator::Limitk => {
                let counts = pick::counts(&parameters)?;
                self.picked(operator, &groups, table, &counts, grid)
            }
            Aggregator::LimitRatio => self.share(aggregate, table, &parameters),
            _ => {
                if let (Aggregator::Quantile, Some(of)) = (operator, &aggregate.parameter) {
                    self.check_quantiles(&parameters, of);
                }
                let mut rows = Vec::with_capacity(groups.len());
                for Group { labels, members } in groups {
                    self.budget.work(members.len() * grid.count)?;
                    let columns: Vec<&[f64]> =
                        members.iter().map(|&member| &table[member].values[..]).collect();
                    let values = fold::folded(operator, &columns, &parameters, grid.count);
                    rows.push(Row { labels, values });
                }
                Ok(rows)
            }
        }
    }

    /// How many series of each group have each value.
    fn count_values(
        &mut self,
        aggregate: &Aggregate,
        table: &Table,
        grid: Grid,
    ) -> Result<Table, QueryError> {
        let label = aggregate.parameter.as_ref().map_or(String::new(), |text| self.text(text));
        if label.is_empty() {
            return Err(QueryError::Execution(format!("invalid label name {label:?}")));
        }
        let drops = aggregate.grouping.without && aggregate.grouping.labels.contains(&label);
        let label: Arc<str> = label.into();
        let mut places: HashMap<LabelSet, usize> = HashMap::new();
        let mut rows: Table = Vec::new();
        for row in table {
            self.budget.compare(&row.labels, &aggregate.grouping.labels)?;
            let group = aggregate.grouping.labels_of(&row.labels);
            for (number, value) in row.values.iter().enumerate().filter(|(_, v)| !is_absent(**v)) {
                let mut pairs = group.pairs().to_vec();
                if !drops {
                    pairs.push((Arc::clone(&label), value_text(*value).into()));
                }
                let labels = LabelSet::new(pairs);
                let place = *places.entry(labels.clone()).or_insert(rows.len());
                if place == rows.len() {
                    self.budget.take(grid.count)?;
                    rows.push(Row { labels, values: nothing(grid.count) });
                }
                let count = &mut rows[place].values[number];
                *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
            }
            self.budget.work(grid.count)?;
        }
        Ok(rows)
    }

    /// The groups in the order of their first members.
    fn groups(&mut self, table: &Table, grouping: &Grouping) -> Result<Vec<Group>, QueryError> {
        let mut places: HashMap<LabelSet, usize> = HashMap::new();
        let mut groups: Vec<Group> = Vec::new();
        for (member, row) in table.iter().enumerate() {
            self.budget.compare(&row.labels, &grouping.labels)?;
            let labels = grouping.labels_of(&row.labels);
            match places.get(&labels) {
                Some(&place) => groups[place].members.push(member),
                None => {
                    places.insert(labels.clone(), groups.len());
                    groups.push(Group { labels, members: vec![member] });
                }
            }
        }
        Ok(groups)
    }
}
