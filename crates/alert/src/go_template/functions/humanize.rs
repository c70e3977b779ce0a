//! Numbers for people: four digits, and a letter for the power of ten or two.

use super::number::number;
use super::{Function, Kind, plain};
use crate::go_template::printf::float;
use crate::go_template::value::Value;

const ONE: &[Kind] = &[Kind::Any];

pub(super) static FUNCTIONS: [Function; 4] = [
    plain("humanize", ONE, |_, given| number(&given[0]).map(|value| decimal(value).into())),
    plain("humanize1024", ONE, |_, given| number(&given[0]).map(|value| binary(value).into())),
    plain("humanizeDuration", ONE, |_, given| {
        number(&given[0]).map(|value| duration(value).into())
    }),
    plain("humanizePercentage", ONE, |_, given| {
        let value: Value = format!("{}%", four(number(&given[0])? * 100.0)).into();
        Ok(value)
    }),
];

/// Four digits.
pub(super) fn four(value: f64) -> String {
    float::general(value, Some(4))
}

/// `value` divided by `base` until it is below it, with the letter for that.
fn larger(mut value: f64, base: f64, letters: [&'static str; 8]) -> (f64, &'static str) {
    let mut letter = "";
    for next in letters {
        if value.abs() < base {
            break;
        }
        (value, letter) = (value / base, next);
    }
    (value, letter)
}

/// `value` times a thousand until it is not below one, with the letter for that.
fn smaller(mut value: f64) -> (f64, &'static str) {
    let mut letter = "";
    for next in ["m", "u", "n", "p", "f", "a", "z", "y"] {
        if value.abs() >= 1.0 {
            break;
        }
        (value, letter) = (value * 1000.0, next);
    }
    (value, letter)
}

fn decimal(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return four(value);
    }
    let (value, letter) = if value.abs() >= 1.0 {
        larger(value, 1000.0, ["k", "M", "G", "T", "P", "E", "Z", "Y"])
    } else {
        smaller(value)
    };
    format!("{}{letter}", four(value))
}

fn binary(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return four(value);
    }
    let letters = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
    let (value, letter) = larger(value, 1024.0, letters);
    format!("{}{letter}", four(value))
}

/// Seconds as days, hours, minutes and seconds; less than one as `ms`, `us` and so on.
fn duration(value: f64) -> String {
    if !value.is_finite() {
        return four(value);
    }
    if value != 0.0 && value.abs() < 1.0 {
        let (value, letter) = smaller(value);
        return format!("{}{letter}s", four(value));
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let whole = value.abs() as u64;
    let (minutes, hours, days) = (whole / 60, whole / 3600, whole / 86_400);
    let (second, minute, hour) = (whole % 60, minutes % 60, hours % 24);
    match () {
        () if days > 0 => format!("{sign}{days}d {hour}h {minute}m {second}s"),
        () if hours > 0 => format!("{sign}{hour}h {minute}m {second}s"),
        () if minutes > 0 => format!("{sign}{minute}m {second}s"),
        () => format!("{sign}{}s", four(value.abs())),
    }
}
