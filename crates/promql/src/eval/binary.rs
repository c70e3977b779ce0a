//! Operators between two expressions.

use watchfire_model::{ABSENT, is_absent};

use super::table::{self, Table};
use super::{Around, Columns, Evaluator, Grid};
use crate::QueryError;
use crate::ast::{Binary, Operator};

/// What an operator does with two numbers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Works {
    Number(fn(f64, f64) -> f64),
    Test(fn(f64, f64) -> bool),
}

impl Works {
    /// What `operator` does; nothing for those of sets.
    fn of(operator: Operator) -> Option<Self> {
        Some(match operator {
            Operator::Add => Self::Number(|left, right| left + right),
            Operator::Subtract => Self::Number(|left, right| left - right),
            Operator::Multiply => Self::Number(|left, right| left * right),
            Operator::Divide => Self::Number(|left, right| left / right),
            Operator::Modulo => Self::Number(|left, right| left % right),
            Operator::Power => Self::Number(f64::powf),
            Operator::Atan2 => Self::Number(f64::atan2),
            Operator::Equal => Self::Test(|left, right| left == right),
            Operator::NotEqual => Self::Test(|left, right| left != right),
            Operator::Less => Self::Test(|left, right| left < right),
            Operator::LessOrEqual => Self::Test(|left, right| left <= right),
            Operator::Greater => Self::Test(|left, right| left > right),
            Operator::GreaterOrEqual => Self::Test(|left, right| left >= right),
            Operator::And | Operator::Or | Operator::Unless => return None,
        })
    }

    /// The result of two values that may be absent. A test that holds gives `kept`.
    #[inline]
    pub(super) fn result(self, left: f64, right: f64, kept: f64, to_bool: bool) -> f64 {
        if is_absent(left) || is_absent(right) {
            return ABSENT;
        }
        match self {
            Self::Number(by) => by(left, right),
            Self::Test(by) if to_bool => f64::from(u8::from(by(left, right))),
            Self::Test(by) if by(left, right) => kept,
            Self::Test(_) => ABSENT,
        }
    }

    /// True when the result is no longer a value of the metric.
    pub(super) fn drops_name(self, to_bool: bool) -> bool {
        to_bool || matches!(self, Self::Number(_))
    }
}

impl Evaluator<'_> {
    pub(super) fn binary(&mut self, binary: &Binary, grid: Grid) -> Result<Columns, QueryError> {
        let left = self.eval(&binary.left, grid, Around::default())?;
        let right = self.eval(&binary.right, grid, Around::default())?;
        let Some(works) = Works::of(binary.operator) else {
            let (Columns::Vector(left), Columns::Vector(right)) = (left, right) else {
                return Err(not_numbers());
            };
            return self.set(binary, left, right, grid).map(Columns::Vector);
        };
        match (left, right) {
            (Columns::Scalar(mut left), Columns::Scalar(right)) => {
                for (value, right) in left.iter_mut().zip(right) {
                    *value = works.result(*value, right, *value, true);
                }
                Ok(Columns::Scalar(left))
            }
            (Columns::Vector(table), Columns::Scalar(numbers)) => self
                .with_numbers(table, works, binary.to_bool, |value, number| {
                    works.result(value, numbers[number], value, binary.to_bool)
                })
                .map(Columns::Vector),
            (Columns::Scalar(numbers), Columns::Vector(table)) => self
                .with_numbers(table, works, binary.to_bool, |value, number| {
                    works.result(numbers[number], value, value, binary.to_bool)
                })
                .map(Columns::Vector),
            (Columns::Vector(left), Columns::Vector(right)) => {
                self.matched(binary, works, left, right, grid).map(Columns::Vector)
            }
            _ => Err(not_numbers()),
        }
    }

    fn with_numbers(
        &mut self,
        mut table: Table,
        works: Works,
        to_bool: bool,
        by: impl Fn(f64, usize) -> f64,
    ) -> Result<Table, QueryError> {
        for row in &mut table {
            self.budget.work(row.values.len())?;
            for (number, value) in row.values.iter_mut().enumerate() {
                *value = by(*value, number);
            }
        }
        table.retain(|row| !row.is_void());
        if works.drops_name(to_bool) { table::nameless_merged(table) } else { Ok(table) }
    }
}

fn not_numbers() -> QueryError {
    // The parser checked the types.
    QueryError::Execution("an operator stands between what it cannot join".to_owned())
}
