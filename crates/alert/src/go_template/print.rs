//! Values as Go's `fmt.Print` writes them.

use super::bounded::Bounded;
use super::functions::time;
use super::printf::float;
use super::value::Value;

/// How an action shows nil. In other places it is `<nil>`.
pub(super) const NO_VALUE: &str = "<no value>";

/// Writes one value.
pub(super) fn value(out: &mut Bounded, value: &Value) -> Result<(), String> {
    match value {
        Value::Text(text) => out.push(text),
        Value::List(list) => {
            out.push("[")?;
            for (number, item) in list.items().iter().enumerate() {
                out.push(if number > 0 { " " } else { "" })?;
                self::value(out, item)?;
            }
            out.push("]")
        }
        Value::Map(map) => {
            out.push(if map.is_record() { "{" } else { "map[" })?;
            for (number, (key, item)) in map.entries().iter().enumerate() {
                out.push(if number > 0 { " " } else { "" })?;
                if !map.is_record() {
                    out.push(key)?;
                    out.push(":")?;
                }
                self::value(out, item)?;
            }
            out.push(if map.is_record() { "}" } else { "]" })
        }
        _ => out.push(&plain(value)),
    }
}

/// The text of a value that holds no others.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => float::general(*value, None),
        Value::Text(text) => text.to_string(),
        Value::Time(at_ms) => time::moment_text(*at_ms),
        Value::Duration(nanos) => time::duration_text(*nanos),
        Value::Nil | Value::List(_) | Value::Map(_) => "<nil>".to_owned(),
    }
}

/// Writes values one after the other, with a space between two of which neither is a text.
pub(super) fn spaced(out: &mut Bounded, values: &[Value]) -> Result<(), String> {
    let mut was_text = true;
    for value in values {
        let is_text = matches!(value, Value::Text(_));
        out.push(if is_text || was_text { "" } else { " " })?;
        self::value(out, value)?;
        was_text = is_text;
    }
    Ok(())
}

/// Writes a line of values with a space between each two.
pub(super) fn line(out: &mut Bounded, values: &[Value]) -> Result<(), String> {
    for (number, value) in values.iter().enumerate() {
        out.push(if number > 0 { " " } else { "" })?;
        self::value(out, value)?;
    }
    out.push("\n")
}
