//! What counts as a number.

use crate::go_template::value::Value;

/// The number that a value is or says. A stretch of time counts in seconds.
pub(super) fn number(value: &Value) -> Result<f64, String> {
    match value {
        Value::Float(value) => Ok(*value),
        Value::Int(value) => Ok(*value as f64),
        Value::Duration(nanos) => Ok(*nanos as f64 / 1e9),
        Value::Text(text) => parse(text),
        _ => Err(format!("it takes a number, and a {} came", value.kind())),
    }
}

fn parse(text: &str) -> Result<f64, String> {
    let bare = without_underscores(text);
    let number: f64 = bare.parse().map_err(|_| format!("{text:?} is no number"))?;
    // What is written in digits and too large is a mistake; "Inf" is meant so.
    if number.is_infinite() && text.contains(|c: char| c.is_ascii_digit()) {
        return Err(format!("{text:?} is too large"));
    }
    Ok(number)
}

/// Go lets `_` stand between digits.
fn without_underscores(text: &str) -> String {
    let parts: Vec<&str> = text.split('_').collect();
    let ends_well = |part: &str| part.ends_with(|c: char| c.is_ascii_digit());
    let starts_well = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    let between = parts.windows(2).all(|pair| ends_well(pair[0]) && starts_well(pair[1]));
    if between { parts.concat() } else { text.to_owned() }
}
