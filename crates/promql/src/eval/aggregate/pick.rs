//! Some series of each group as they are.

use std::cmp::Ordering;

use watchfire_model::{ABSENT, LabelSet, is_absent};

use super::super::table::{Row, Table};
use super::super::{Evaluator, Grid};
use super::Group;
use crate::QueryError;
use crate::answer::value_text;
use crate::ast::{Aggregate, Aggregator};

/// How many series are wanted at each moment.
pub(super) fn counts(parameters: &[f64]) -> Result<Vec<usize>, QueryError> {
    let count = |parameter: &f64| {
        if parameter.is_nan() {
            return Err(QueryError::Execution("Parameter value is NaN".to_owned()));
        }
        if parameter.abs() >= i64::MAX as f64 {
            let text = value_text(*parameter);
            return Err(QueryError::Execution(format!("Scalar value {text} overflows int64")));
        }
        Ok(parameter.max(0.0) as usize)
    };
    parameters.iter().map(count).collect()
}

/// Better first, NaN last.
fn order(operator: Aggregator, one: f64, other: f64) -> Ordering {
    let by_value = match operator {
        Aggregator::Topk => other.partial_cmp(&one),
        Aggregator::Bottomk => one.partial_cmp(&other),
        _ => Some(Ordering::Equal),
    };
    by_value.unwrap_or_else(|| one.is_nan().cmp(&other.is_nan()))
}

impl Evaluator<'_> {
    /// The best, or the first, of each group. At a single moment the best come first.
    pub(super) fn picked(
        &mut self,
        operator: Aggregator,
        groups: &[Group],
        mut table: Table,
        counts: &[usize],
        grid: Grid,
    ) -> Result<Table, QueryError> {
        let mut kept = Vec::new();
        let mut there: Vec<(f64, usize)> = Vec::new();
        for group in groups {
            self.budget.work(group.members.len() * grid.count)?;
            for (number, &count) in counts.iter().enumerate() {
                there.clear();
                let values = group.members.iter().map(|&at| (table[at].values[number], at));
                there.extend(values.filter(|(value, _)| !is_absent(*value)));
                let by = |one: &(f64, usize), other: &(f64, usize)| {
                    // Equals by their labels, so that no source's order decides.
                    order(operator, one.0, other.0)
                        .then_with(|| table[one.1].labels.cmp(&table[other.1].labels))
                };
                if (1..there.len()).contains(&count) {
                    there.select_nth_unstable_by(count - 1, by);
                }
                if grid.count == 1 {
                    there.truncate(count);
                    there.sort_unstable_by(by);
                    kept.extend(there.iter().map(|(_, at)| *at));
                    continue;
                }
                for &(_, out) in there.iter().skip(count) {
                    table[out].values[number] = ABSENT;
                }
            }
        }
        if grid.count > 1 {
            table.retain(|row| !row.is_void());
            return Ok(table);
        }
        Ok(kept.into_iter().map(|at| table[at].clone()).collect())
    }

    /// A share of all series, the same ones for the same share; a negative share is what a
    /// positive one leaves.
    pub(super) fn share(
        &mut self,
        aggregate: &Aggregate,
        mut table: Table,
        ratios: &[f64],
    ) -> Result<Table, QueryError> {
        if ratios.iter().any(|ratio| ratio.is_nan()) {
            return Err(QueryError::Execution("Ratio value is NaN".to_owned()));
        }
        if let (Some(wrong), Some(of)) =
            (ratios.iter().find(|ratio| ratio.abs() > 1.0), &aggregate.parameter)
        {
            let what = format!(
                "ratio value should be between -1 and 1, got {}, capping to {}",
                value_text(*wrong),
                wrong.clamp(-1.0, 1.0)
            );
            self.notes.warn(&what, &of.at);
        }
        for Row { labels, values } in &mut table {
            self.budget.work(values.len())?;
            let place = place(labels);
            for (value, ratio) in values.iter_mut().zip(ratios) {
                let within = if *ratio >= 0.0 { place < *ratio } else { place >= 1.0 + ratio };
                if !within {
                    *value = ABSENT;
                }
            }
        }
        table.retain(|row| !row.is_void());
        Ok(table)
    }
}

/// A number from 0 to 1 that depends on the labels only: FNV-1a, mixed so that all bits count.
fn place(labels: &LabelSet) -> f64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for (name, value) in labels.iter() {
        for byte in name.bytes().chain([0xff]).chain(value.bytes()).chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash as f64 / u64::MAX as f64
}
