//! Series and their values at all moments of a grid.

use std::collections::HashMap;

use watchfire_model::{LabelSet, NAME_LABEL, is_absent};

use crate::QueryError;

/// One series: a value for each moment, [`watchfire_model::ABSENT`] where it has none.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) labels: LabelSet,
    pub(super) values: Vec<f64>,
}

/// Series in the order in which an expression gives them.
pub(super) type Table = Vec<Row>;

impl Row {
    /// Changes each value that is there.
    pub(super) fn change(&mut self, by: impl Fn(f64) -> f64) {
        for value in &mut self.values {
            if !is_absent(*value) {
                *value = by(*value);
            }
        }
    }

    /// True when no moment has a value.
    pub(super) fn is_void(&self) -> bool {
        self.values.iter().all(|value| is_absent(*value))
    }
}

/// What Prometheus says when two results cannot be told apart.
fn same_labels() -> QueryError {
    QueryError::Execution("vector cannot contain metrics with the same labelset".to_owned())
}

/// The rows without the name of a metric. Two that are the same then are an error, even when
/// they have no moment in common.
pub(super) fn nameless(mut rows: Table) -> Result<Table, QueryError> {
    if drop_names(&mut rows) && has_twins(&rows) {
        return Err(same_labels());
    }
    Ok(rows)
}

/// The rows without the name of a metric. Those that are the same then become one, which is an
/// error only where two have a value at one moment.
pub(super) fn nameless_merged(mut rows: Table) -> Result<Table, QueryError> {
    if drop_names(&mut rows) { merged(rows) } else { Ok(rows) }
}

/// Takes the names away and says whether rows may have become the same: those of one metric
/// cannot have.
fn drop_names(rows: &mut Table) -> bool {
    let first = rows.first().map_or(LabelSet::empty(), |row| row.labels.clone());
    let mixed = rows.iter().any(|row| row.labels.name() != first.name());
    for row in rows {
        if !row.labels.name().is_empty() {
            row.labels = row.labels.filtered(|label| label != NAME_LABEL);
        }
    }
    mixed
}

/// True when two rows have the same labels.
fn has_twins(rows: &Table) -> bool {
    let mut seen = std::collections::HashSet::with_capacity(rows.len());
    rows.iter().any(|row| !seen.insert(&row.labels))
}

/// Makes one row of all that have the same labels.
pub(super) fn merged(rows: Table) -> Result<Table, QueryError> {
    if !has_twins(&rows) {
        return Ok(rows);
    }
    let mut places: HashMap<LabelSet, usize> = HashMap::with_capacity(rows.len());
    let mut kept: Table = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(&place) = places.get(&row.labels) else {
            places.insert(row.labels.clone(), kept.len());
            kept.push(row);
            continue;
        };
        for (value, other) in kept[place].values.iter_mut().zip(row.values) {
            match (is_absent(*value), is_absent(other)) {
                (_, true) => {}
                (true, false) => *value = other,
                (false, false) => return Err(same_labels()),
            }
        }
    }
    Ok(kept)
}
