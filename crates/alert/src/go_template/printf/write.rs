//! One value by one verb.

use super::spec::Spec;
use super::{float, integer, quote};
use crate::go_template::bounded::Bounded;
use crate::go_template::print;
use crate::go_template::value::{MapKind, Value};

/// Digits behind the point where nothing is said.
const DEFAULT_PRECISION: usize = 6;

pub(super) fn value(
    out: &mut Bounded,
    spec: &Spec,
    verb: char,
    value: &Value,
) -> Result<(), String> {
    match value {
        Value::Nil if verb == 'T' => pad(out, spec, "<nil>"),
        _ if verb == 'T' => pad(out, spec, value.kind()),
        Value::List(list) => {
            out.push("[")?;
            for (number, item) in list.items().iter().enumerate() {
                out.push(if number > 0 { " " } else { "" })?;
                inner(out, spec, verb, item)?;
            }
            out.push("]")
        }
        Value::Map(_) => entries(out, spec, verb, value),
        _ => match alone(spec, verb, value) {
            // Numbers have their zeros by now, behind the sign; texts get them too.
            Some(text) if matches!(value, Value::Int(_) | Value::Float(_)) => {
                pad(out, &Spec { zero: false, ..spec.clone() }, &text)
            }
            Some(text) => pad(out, spec, &text),
            None => {
                out.push(&format!("%!{verb}("))?;
                with_kind(out, spec, value)?;
                out.push(")")
            }
        },
    }
}

/// A value with its kind before it: `float64=3`.
pub(super) fn with_kind(out: &mut Bounded, spec: &Spec, value: &Value) -> Result<(), String> {
    if matches!(value, Value::Nil) {
        return out.push("<nil>");
    }
    out.push(value.kind())?;
    out.push("=")?;
    self::value(out, spec, 'v', value)
}

/// A value within another, where nil fits every verb.
fn inner(out: &mut Bounded, spec: &Spec, verb: char, value: &Value) -> Result<(), String> {
    let verb = if matches!(value, Value::Nil) { 'v' } else { verb };
    self::value(out, spec, verb, value)
}

fn entries(out: &mut Bounded, spec: &Spec, verb: char, value: &Value) -> Result<(), String> {
    let Value::Map(map) = value else { return Ok(()) };
    let is_record = matches!(map.kind(), MapKind::Record | MapKind::Sample);
    out.push(if is_record { "{" } else { "map[" })?;
    for (number, (key, item)) in map.entries().iter().enumerate() {
        out.push(if number > 0 { " " } else { "" })?;
        if !is_record {
            self::value(out, spec, verb, &Value::Text(key.clone()))?;
            out.push(":")?;
        }
        inner(out, spec, verb, item)?;
    }
    out.push(if is_record { "}" } else { "]" })
}

/// The text of a value that holds no others; `None` when the verb does not fit it.
fn alone(spec: &Spec, verb: char, value: &Value) -> Option<String> {
    match (value, verb) {
        (Value::Nil, 'v') => Some("<nil>".to_owned()),
        (Value::Bool(value), 't' | 'v') => Some(value.to_string()),
        (Value::Int(value), _) => whole(spec, verb, *value),
        (Value::Float(value), _) => number(spec, verb, *value),
        (Value::Text(value), _) => text(spec, verb, value),
        (Value::Time(_) | Value::Duration(_), 'v' | 's' | 'q' | 'x' | 'X') => {
            text(spec, verb, &print::plain(value))
        }
        (Value::Duration(value), _) => whole(spec, verb, *value),
        _ => None,
    }
}

fn whole(spec: &Spec, verb: char, value: i64) -> Option<String> {
    let character = integer::character(value);
    match verb {
        'c' => Some(character.to_string()),
        'q' => Some(quote::quoted(&character.to_string(), '\'', spec.plus)),
        'U' if spec.sharp => Some(format!("U+{value:04X} '{character}'")),
        'U' => Some(format!("U+{value:04X}")),
        _ => integer::text(spec, verb, value),
    }
}

fn number(spec: &Spec, verb: char, value: f64) -> Option<String> {
    let precision = spec.precision.unwrap_or(DEFAULT_PRECISION);
    let text = match verb {
        'v' | 'g' => float::general(value, spec.precision),
        'G' => float::general(value, spec.precision).replace('e', "E"),
        'e' => float::exponential(value, precision),
        'E' => float::exponential(value, precision).replace('e', "E"),
        'f' | 'F' => float::fixed(value, precision),
        _ => return None,
    };
    let digits = text.trim_start_matches(['-', '+']);
    if value.is_nan() || (value.is_infinite() && value > 0.0 && !spec.space) {
        let plus = if value.is_infinite() || spec.plus { "+" } else { "" };
        return Some(format!("{plus}{digits}"));
    }
    let sign = integer::sign(spec, text.starts_with('-'));
    let zeros = match spec.width {
        Some(width) if spec.zero && value.is_finite() => {
            width.saturating_sub(sign.len() + digits.len())
        }
        _ => 0,
    };
    Some(format!("{sign}{}{digits}", "0".repeat(zeros)))
}

fn text(spec: &Spec, verb: char, value: &str) -> Option<String> {
    let shown: String = match spec.precision {
        Some(most) if !matches!(verb, 'x' | 'X') => value.chars().take(most).collect(),
        _ => value.to_owned(),
    };
    match verb {
        'v' if spec.sharp => Some(quote::quoted(&shown, '"', false)),
        's' | 'v' => Some(shown),
        'q' if spec.sharp => {
            Some(quote::raw(&shown).unwrap_or_else(|| quote::quoted(&shown, '"', spec.plus)))
        }
        'q' => Some(quote::quoted(&shown, '"', spec.plus)),
        'x' => Some(hexadecimal(spec, value)),
        'X' => Some(hexadecimal(spec, value).to_uppercase()),
        _ => None,
    }
}

fn hexadecimal(spec: &Spec, value: &str) -> String {
    let most = spec.precision.unwrap_or(value.len());
    let bytes: Vec<String> = value.bytes().take(most).map(|byte| format!("{byte:02x}")).collect();
    let prefix = if spec.sharp { "0x" } else { "" };
    let between = if spec.space { format!(" {prefix}") } else { String::new() };
    if bytes.is_empty() { String::new() } else { format!("{prefix}{}", bytes.join(&between)) }
}

/// Sets `text` into the width, counted in characters.
fn pad(out: &mut Bounded, spec: &Spec, text: &str) -> Result<(), String> {
    let missing = spec.width.unwrap_or(0).saturating_sub(text.chars().count());
    if spec.minus {
        out.push(text)?;
        return out.repeat(' ', missing);
    }
    out.repeat(if spec.zero { '0' } else { ' ' }, missing)?;
    out.push(text)
}
