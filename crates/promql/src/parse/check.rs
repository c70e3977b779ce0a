//! Types: what may be given to what.

use std::ops::Range;

use super::ParseError;
use crate::ast::{Aggregator, Binary, Expr, ValueType};
use crate::functions::{Function, More};

pub(super) fn unary(text: &str, at: &Range<usize>, of: &Expr) -> Result<(), ParseError> {
    match of.value_type() {
        ValueType::Scalar | ValueType::Vector => Ok(()),
        other => {
            let why = format!(
                "unary expression only allowed on expressions of type scalar or instant vector, \
                 got {:?}",
                other.to_string()
            );
            Err(ParseError::new(text, at.clone(), why))
        }
    }
}

pub(super) fn binary(text: &str, at: &Range<usize>, binary: &Binary) -> Result<(), ParseError> {
    match wrong(binary) {
        Some(why) => Err(ParseError::new(text, at.clone(), why)),
        None => Ok(()),
    }
}

fn wrong(binary: &Binary) -> Option<String> {
    let Binary { operator, matching, .. } = binary;
    let sides = [binary.left.value_type(), binary.right.value_type()];
    let scalars = sides.iter().filter(|side| **side == ValueType::Scalar).count();
    let said = |why: &str| Some(why.to_owned());
    if sides.iter().any(|side| !matches!(side, ValueType::Scalar | ValueType::Vector)) {
        return said("binary expression must contain only scalar and instant vector types");
    }
    if binary.to_bool && !operator.is_comparison() {
        return said("bool modifier can only be used on comparison operators");
    }
    if operator.is_comparison() && !binary.to_bool && scalars == 2 {
        return said("comparisons between scalars must use BOOL modifier");
    }
    if let Some(both) = matching.labels.iter().find(|label| matching.include.contains(label))
        && matching.on
    {
        return Some(format!("label {both:?} must not occur in ON and GROUP clause at once"));
    }
    if matching.given && scalars > 0 {
        return said("vector matching only allowed between instant vectors");
    }
    if operator.is_set() && matching.many.is_some() {
        return Some(format!("no grouping allowed for {:?} operation", operator.word()));
    }
    if operator.is_set() && scalars > 0 {
        let word = operator.word();
        return Some(format!("set operator {word:?} not allowed in binary scalar expression"));
    }
    None
}

pub(super) fn call(
    text: &str,
    at: &Range<usize>,
    function: &Function,
    arguments: &[Expr],
) -> Result<(), ParseError> {
    let (name, count) = (function.name, arguments.len());
    let expected = |how: &str, number: usize| {
        let why = format!("expected {how}{number} argument(s) in call to {name:?}, got {count}");
        Err(ParseError::new(text, at.clone(), why))
    };
    let full = function.takes.len();
    match function.more {
        More::None if count != full => return expected("", full),
        More::Optional | More::Any if count + 1 < full => return expected("at least ", full - 1),
        More::Optional if count > full => return expected("at most ", full),
        _ => {}
    }
    for (number, argument) in arguments.iter().enumerate() {
        let wanted = function.takes[number.min(full - 1)];
        typed(text, argument, wanted, &format!("call to function {name:?}"))?;
    }
    Ok(())
}

/// Splits the arguments of an aggregation into its parameter and its vector.
pub(super) fn aggregation(
    text: &str,
    at: &Range<usize>,
    operator: Aggregator,
    mut arguments: Vec<Expr>,
) -> Result<(Option<Expr>, Expr), ParseError> {
    let expected = 1 + usize::from(operator.parameter().is_some());
    let got = arguments.len();
    let count = || {
        let why = format!(
            "wrong number of arguments for aggregate expression provided, expected {expected}, \
             got {got}"
        );
        ParseError::new(text, at.clone(), why)
    };
    if got != expected {
        return Err(count());
    }
    let of = arguments.pop().ok_or_else(count)?;
    typed(text, &of, ValueType::Vector, "aggregation expression")?;
    let parameter = arguments.pop();
    if let (Some(parameter), Some(wanted)) = (&parameter, operator.parameter()) {
        typed(text, parameter, wanted, "aggregation parameter")?;
    }
    Ok((parameter, of))
}

fn typed(text: &str, of: &Expr, wanted: ValueType, place: &str) -> Result<(), ParseError> {
    let got = of.value_type();
    if got == wanted {
        return Ok(());
    }
    let why = format!("expected type {wanted} in {place}, got {got}");
    Err(ParseError::new(text, of.at.clone(), why))
}
