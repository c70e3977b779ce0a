//! `.name` of a value: an entry of a map, a part of a thing, or what a time can be asked.

use std::sync::Arc;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use crate::go_template::eval::Context;
use crate::go_template::value::{List, Map, MapKind, Value};

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
        Value::Map(map) if map.kind() == MapKind::Texts && !map.has(name) => {
            return of_texts(map, name, arguments);
        }
        Value::List(list) => return of_list(list, name, arguments),
        _ if !arguments.is_empty() => {
            return Err(format!(".{name} is no function and takes no arguments"));
        }
        Value::Map(map) => map.get(name),
        Value::Nil => return Err(format!("there is no value of which .{name} could be taken")),
        _ => None,
    }
    .ok_or_else(|| format!("a {} has no .{name}", value.kind()))
}

/// What Alertmanager's labels can be asked; any other name is a label that is not there.
fn of_texts(map: &Map, name: &str, arguments: &[Value]) -> Result<Value, String> {
    let entries = map.entries().iter();
    let list = |values: Vec<Value>| Ok(Value::List(List::new(values)));
    match (name, arguments) {
        ("SortedPairs", []) => {
            let pair = |(name, text): &(Arc<str>, Value)| {
                let parts = [("Name", Value::Text(name.clone())), ("Value", text.clone())];
                Value::Map(Map::record(parts.map(|(part, value)| (part.into(), value))))
            };
            // Its author wants the rule's name first, as Alertmanager has it.
            let (first, rest): (Vec<_>, Vec<_>) =
                entries.partition(|(name, _)| **name == *"alertname");
            list(first.into_iter().chain(rest).map(pair).collect())
        }
        ("Names", []) => list(entries.map(|(name, _)| Value::Text(name.clone())).collect()),
        ("Values", []) => list(entries.map(|(_, text)| text.clone()).collect()),
        ("Remove", [Value::List(names)]) => {
            let is_named = |name: &str| {
                names.items().iter().any(|one| matches!(one, Value::Text(one) if **one == *name))
            };
            let kept = entries.filter(|(name, _)| !is_named(name));
            let kept = kept.filter_map(|(name, text)| match text {
                Value::Text(text) => Some((&**name, &**text)),
                _ => None,
            });
            Ok(Value::Map(Map::of_texts(kept)))
        }
        (_, []) => Ok(Value::text("")),
        _ => Err(format!(".{name} takes other arguments")),
    }
}

/// What Alertmanager's list of alerts and its pairs of labels can be asked.
fn of_list(list: &List, name: &str, arguments: &[Value]) -> Result<Value, String> {
    let part = |item: &Value, part: &str| match item {
        Value::Map(map) if map.is_record() => map.get(part),
        _ => None,
    };
    let with_status = |status: &str| {
        let items = list.items().iter();
        let is = |item: &&Value| matches!(part(item, "Status"), Some(Value::Text(found)) if *found == *status);
        Ok(Value::List(List::new(items.filter(is).cloned().collect())))
    };
    let all = |wanted: &str| {
        let parts: Option<Vec<Value>> =
            list.items().iter().map(|item| part(item, wanted)).collect();
        parts.map(|parts| Value::List(List::new(parts)))
    };
    match (name, arguments) {
        ("Firing", []) => with_status("firing"),
        ("Resolved", []) => with_status("resolved"),
        ("Names", []) => all("Name").ok_or_else(|| "they have no .Name".to_owned()),
        ("Values", []) => all("Value").ok_or_else(|| "they have no .Value".to_owned()),
        _ => Err(format!("a list has no .{name}")),
    }
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
