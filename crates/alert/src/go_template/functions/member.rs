//! `.name` of a value: an entry of a map, a part of a thing, or what a time can be asked.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use crate::go_template::eval::Context;
use crate::go_template::value::Value;

/// The member `name` of `value`. Only what a time can be asked takes arguments.
pub(in crate::go_template) fn member(
    context: &mut Context<'_>,
    value: &Value,
    name: &str,
    arguments: &[Value],
) -> Result<Value, String> {
    match value {
        Value::Time(at_ms) => return of_time(context, *at_ms, name, arguments),
        Value::Duration(nanos) => return of_duration(*nanos, name, arguments),
        _ if !arguments.is_empty() => {
            return Err(format!(".{name} is no function and takes no arguments"));
        }
        Value::Map(map) => map.get(name),
        Value::Nil => return Err(format!("there is no value of which .{name} could be taken")),
        _ => None,
    }
    .ok_or_else(|| format!("a {} has no .{name}", value.kind()))
}

fn of_time(
    context: &mut Context<'_>,
    at_ms: i64,
    name: &str,
    arguments: &[Value],
) -> Result<Value, String> {
    let at = Timestamp::from_millisecond(at_ms).map_err(|_| "no calendar has this moment")?;
    let date: DateTime = TimeZone::UTC.to_datetime(at);
    let number = |number: i64| Ok(Value::Int(number));
    match (name, arguments) {
        ("Year", []) => number(date.year().into()),
        ("Month", []) => Ok(at.strftime("%B").to_string().into()),
        ("Day", []) => number(date.day().into()),
        ("Hour", []) => number(date.hour().into()),
        ("Minute", []) => number(date.minute().into()),
        ("Second", []) => number(date.second().into()),
        ("YearDay", []) => number(date.day_of_year().into()),
        ("Weekday", []) => Ok(at.strftime("%A").to_string().into()),
        ("Unix", []) => number(at_ms.div_euclid(1000)),
        ("UnixMilli", []) => number(at_ms),
        ("UTC", []) => Ok(Value::Time(at_ms)),
        ("String", []) => Ok(super::time::moment_text(at_ms).into()),
        ("Format", [Value::Text(layout)]) => {
            let text = super::layout::format(date, layout);
            context.text(&text)
        }
        ("Sub", [Value::Time(other)]) => Ok(Value::Duration(between(at_ms, *other))),
        ("Add", [Value::Duration(nanos)]) => {
            Ok(Value::Time(at_ms.saturating_add(nanos / 1_000_000)))
        }
        ("Before", [Value::Time(other)]) => Ok(Value::Bool(at_ms < *other)),
        ("After", [Value::Time(other)]) => Ok(Value::Bool(at_ms > *other)),
        ("Equal", [Value::Time(other)]) => Ok(Value::Bool(at_ms == *other)),
        _ => Err(format!("a time cannot be asked for .{name} in this way")),
    }
}

fn between(at_ms: i64, other: i64) -> i64 {
    at_ms.saturating_sub(other).saturating_mul(1_000_000)
}

fn of_duration(nanos: i64, name: &str, arguments: &[Value]) -> Result<Value, String> {
    match (name, arguments) {
        ("Hours", []) => Ok(Value::Float(nanos as f64 / 3.6e12)),
        ("Minutes", []) => Ok(Value::Float(nanos as f64 / 6e10)),
        ("Seconds", []) => Ok(Value::Float(nanos as f64 / 1e9)),
        ("Milliseconds", []) => Ok(Value::Int(nanos / 1_000_000)),
        ("String", []) => Ok(super::time::duration_text(nanos).into()),
        _ => Err(format!("a duration cannot be asked for .{name} in this way")),
    }
}
