//! The order of a vector at one moment. Over several moments there is none to change.

use std::cmp::Ordering;

use super::table::Table;
use super::{Around, Evaluator, Grid};
use crate::QueryError;
use crate::ast::Expr;

impl Evaluator<'_> {
    pub(super) fn sorted(
        &mut self,
        of: &Expr,
        descending: bool,
        grid: Grid,
        around: Around<'_>,
    ) -> Result<Table, QueryError> {
        let mut table = self.vector(of, grid, around)?;
        if grid.count == 1 {
            table.sort_by(|one, other| {
                let (one, other) = (one.values[0], other.values[0]);
                let by_value = one.partial_cmp(&other).map(|order| turned(order, descending));
                // NaN comes last either way.
                by_value.unwrap_or_else(|| one.is_nan().cmp(&other.is_nan()))
            });
        }
        Ok(table)
    }

    pub(super) fn sorted_by_label(
        &mut self,
        arguments: &[Expr],
        descending: bool,
        grid: Grid,
        around: Around<'_>,
    ) -> Result<Table, QueryError> {
        let names: Vec<String> = arguments[1..].iter().map(|name| self.text(name)).collect();
        let mut table = self.vector(&arguments[0], grid, around)?;
        if grid.count == 1 {
            table.sort_by(|one, other| {
                let by_name = |name: &String| natural(one.labels.get(name), other.labels.get(name));
                let named = names.iter().map(by_name).find(|order| order.is_ne());
                let order = named.unwrap_or_else(|| one.labels.cmp(&other.labels));
                turned(order, descending)
            });
        }
        Ok(table)
    }
}

fn turned(order: Ordering, descending: bool) -> Ordering {
    if descending { order.reverse() } else { order }
}

/// Compares texts as people do: `cpu2` before `cpu10`.
fn natural(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one, other);
    loop {
        let (Some(first), Some(second)) = (one.chars().next(), other.chars().next()) else {
            return one.len().cmp(&other.len());
        };
        if first.is_ascii_digit() && second.is_ascii_digit() {
            let (number, rest) = digits(one);
            let (other_number, other_rest) = digits(other);
            let order =
                number.len().cmp(&other_number.len()).then_with(|| number.cmp(other_number));
            if order.is_ne() {
                return order;
            }
            (one, other) = (rest, other_rest);
        } else if first != second {
            return first.cmp(&second);
        } else {
            (one, other) = (&one[first.len_utf8()..], &other[second.len_utf8()..]);
        }
    }
}

/// The number that a text begins with, without leading zeros, and the rest.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (text[..end].trim_start_matches('0'), &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_texts_count_as_numbers() {
        let mut texts = ["cpu10", "cpu2", "cpu", "b7c", "b07b", "cpu2a", ""];
        texts.sort_by(|one, other| natural(one, other));
        assert_eq!(texts, ["", "b07b", "b7c", "cpu", "cpu2", "cpu2a", "cpu10"]);
    }
}
