//! `eq`, `ne`, `lt`, `le`, `gt`, `ge`. As in Go, a whole number and one with a point do not compare.

use std::cmp::Ordering;

use super::{Function, Kind, open, plain};
use crate::go_template::value::Value;

const TWO: &[Kind] = &[Kind::Any, Kind::Any];

pub(super) static FUNCTIONS: [Function; 6] = [
    open("eq", TWO, |_, given| {
        let mut found = false;
        for other in &given[1..] {
            found |= equal(&given[0], other)?;
            if found {
                break;
            }
        }
        Ok(Value::Bool(found))
    }),
    plain("ne", TWO, |_, given| equal(&given[0], &given[1]).map(|same| Value::Bool(!same))),
    plain("lt", TWO, |_, given| is(given, |order| order == Some(Ordering::Less))),
    plain("le", TWO, |_, given| is(given, |order| order.is_some_and(Ordering::is_le))),
    // The opposite of `le` and `lt`, so that NaN is greater than all, as in Go.
    plain("gt", TWO, |_, given| is(given, |order| !order.is_some_and(Ordering::is_le))),
    plain("ge", TWO, |_, given| is(given, |order| order != Some(Ordering::Less))),
];

fn equal(one: &Value, other: &Value) -> Result<bool, String> {
    match (one, other) {
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        (Value::Bool(one), Value::Bool(other)) => Ok(one == other),
        _ => Ok(order(one, other)? == Some(Ordering::Equal)),
    }
}

fn is(given: &[Value], fits: impl Fn(Option<Ordering>) -> bool) -> Result<Value, String> {
    order(&given[0], &given[1]).map(|order| Value::Bool(fits(order)))
}

/// How two values are ordered; NaN has no order.
fn order(one: &Value, other: &Value) -> Result<Option<Ordering>, String> {
    match (one, other) {
        (Value::Int(one), Value::Int(other))
        | (Value::Duration(one), Value::Duration(other) | Value::Int(other))
        | (Value::Int(one), Value::Duration(other)) => Ok(Some(one.cmp(other))),
        (Value::Float(one), Value::Float(other)) => Ok(one.partial_cmp(other)),
        (Value::Text(one), Value::Text(other)) => Ok(Some(one.cmp(other))),
        (Value::Float(_), Value::Int(whole)) | (Value::Int(whole), Value::Float(_)) => {
            Err(format!("a float64 and an int cannot be compared: write {whole}.0 for {whole}"))
        }
        _ => Err(format!("a {} and a {} cannot be compared", one.kind(), other.kind())),
    }
}
