//! Queries and what they answer.

use super::{Function, Kind, plain, text_of};
use crate::go_template::value::{List, Value};

/// The label that `strvalue` reads: a recorded text, where somebody made one.
const VALUE_LABEL: &str = "__value__";

pub(super) static FUNCTIONS: [Function; 6] = [
    plain("query", &[Kind::Text], |context, given| {
        let samples = context.query(text_of(&given[0]))?;
        Ok(Value::List(List::new(samples)))
    }),
    plain("first", &[Kind::Samples], |_, given| {
        let Value::List(samples) = &given[0] else { return Ok(Value::Nil) };
        samples.items().first().cloned().ok_or_else(|| "the query gives no samples".to_owned())
    }),
    plain("value", &[Kind::Sample], |_, given| Ok(part(&given[0], "Value"))),
    plain("label", &[Kind::Text, Kind::Sample], |_, given| {
        Ok(label(&given[1], text_of(&given[0])))
    }),
    plain("strvalue", &[Kind::Sample], |_, given| Ok(label(&given[0], VALUE_LABEL))),
    plain("sortByLabel", &[Kind::Text, Kind::Samples], |context, given| {
        let Value::List(samples) = &given[1] else { return Ok(Value::Nil) };
        let count = samples.items().len();
        context.charge(count * count.max(2).ilog2() as usize)?;
        let mut sorted = samples.items().to_vec();
        sorted.sort_by_cached_key(|sample| text_of(&label(sample, text_of(&given[0]))).to_owned());
        Ok(Value::List(List::new(sorted)))
    }),
];

fn part(sample: &Value, name: &str) -> Value {
    match sample {
        Value::Map(map) => map.get(name).unwrap_or(Value::Nil),
        _ => Value::Nil,
    }
}

fn label(sample: &Value, name: &str) -> Value {
    part(&part(sample, "Labels"), name)
}
