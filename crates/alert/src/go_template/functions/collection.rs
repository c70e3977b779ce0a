//! `len`, `index`, `slice`, `args`, and what prints.

use super::{Function, Kind, open, plain, text_of};
use crate::go_template::eval::Context;
use crate::go_template::print;
use crate::go_template::printf::printf;
use crate::go_template::value::{List, Map, Value};

/// How many maps of `args` may lie within each other.
const MOST_HEIGHT: usize = 32;

pub(super) static FUNCTIONS: [Function; 7] = [
    plain("len", &[Kind::Any], |_, given| len(&given[0])),
    open("index", &[Kind::Any], |_, given| {
        given[1..].iter().try_fold(given[0].clone(), |value, key| index(&value, key))
    }),
    open("slice", &[Kind::Any], slice),
    open("args", &[], args),
    open("print", &[], |context, given| context.printed(given)),
    open("println", &[], |context, given| {
        let mut writer = context.writer();
        print::line(&mut writer, given)?;
        context.written(writer)
    }),
    open("printf", &[Kind::Text], |context, given| {
        let mut writer = context.writer();
        printf(&mut writer, text_of(&given[0]), &given[1..])?;
        context.written(writer)
    }),
];

fn len(value: &Value) -> Result<Value, String> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::List(list) => list.items().len(),
        Value::Map(map) if !map.is_record() => map.entries().len(),
        _ => return Err(format!("a {} has no length", value.kind())),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn index(value: &Value, key: &Value) -> Result<Value, String> {
    match (value, key) {
        (Value::List(list), Value::Int(number)) => {
            place(*number, list.items().len(), false).map(|place| list.items()[place].clone())
        }
        (Value::Text(text), Value::Int(number)) => {
            let byte = text.as_bytes()[place(*number, text.len(), false)?];
            Ok(Value::Int(i64::from(byte)))
        }
        (Value::Map(map), Value::Text(name)) if !map.is_record() => {
            Ok(map.get(name).unwrap_or(Value::Nil))
        }
        (Value::Map(map), _) if !map.is_record() => {
            Err(format!("its keys are strings, and a {} came", key.kind()))
        }
        (Value::List(_) | Value::Text(_), _) => {
            Err(format!("its places are int, and a {} came", key.kind()))
        }
        _ => Err(format!("a {} has no elements", value.kind())),
    }
}

/// A place in what has `length` elements; as the end of a part it may be one further.
fn place(number: i64, length: usize, is_end: bool) -> Result<usize, String> {
    let limit = length + usize::from(is_end);
    let place = usize::try_from(number).ok().filter(|place| *place < limit);
    place.ok_or_else(|| format!("there is no place {number} in {length} elements"))
}

/// `slice x 1 3`: from the first place up to and without the second.
fn slice(context: &mut Context<'_>, given: &[Value]) -> Result<Value, String> {
    let length = match &given[0] {
        Value::Text(text) => text.len(),
        Value::List(list) => list.items().len(),
        other => return Err(format!("a {} cannot be sliced", other.kind())),
    };
    let bounds: Vec<usize> =
        given[1..].iter().map(|bound| end(bound, length)).collect::<Result<_, _>>()?;
    let (from, until) = match bounds[..] {
        [] => (0, length),
        [from] => (from, length),
        [from, until] => (from, until),
        // The third place limits how far a list could grow, which none does here.
        [from, until, most] if matches!(given[0], Value::List(_)) && until <= most => (from, until),
        _ => return Err("it takes a value and two places at the most".to_owned()),
    };
    if from > until {
        return Err(format!("it cannot go from {from} to {until}"));
    }
    match &given[0] {
        Value::List(list) => {
            context.charge(until - from)?;
            Ok(Value::List(List::new(list.items()[from..until].to_vec())))
        }
        text => {
            let bytes = &text_of(text).as_bytes()[from..until];
            context.text(&String::from_utf8_lossy(bytes))
        }
    }
}

fn end(bound: &Value, length: usize) -> Result<usize, String> {
    match bound {
        Value::Int(number) => place(*number, length, true),
        _ => Err(format!("its places are int, and a {} came", bound.kind())),
    }
}

/// `arg0`, `arg1` …, so that several values can be given to a template.
fn args(context: &mut Context<'_>, given: &[Value]) -> Result<Value, String> {
    context.charge(given.len())?;
    let entries = given.iter().enumerate();
    let map = Map::new(entries.map(|(place, value)| (format!("arg{place}").into(), value.clone())));
    let map = Value::Map(map);
    if map.height() > MOST_HEIGHT {
        return Err(format!("its values lie deeper than {MOST_HEIGHT} in each other"));
    }
    Ok(map)
}
