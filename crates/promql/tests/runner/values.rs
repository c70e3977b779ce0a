//! Numbers and durations of scripts.

use watchfire_model::ABSENT;

/// The values that a text stands for; none where there is no sample.
pub(crate) fn expand(text: &str) -> Result<Vec<Option<f64>>, String> {
    let mut values = Vec::new();
    for word in text.split_whitespace() {
        one(word, &mut values).ok_or_else(|| format!("{word:?} is no value"))?;
    }
    Ok(values)
}

fn one(word: &str, values: &mut Vec<Option<f64>>) -> Option<()> {
    let (value, times) = match word.rsplit_once('x') {
        Some((value, times)) => (value, times.parse::<usize>().ok()?),
        None => (word, 0),
    };
    if value == "_" {
        values.extend(std::iter::repeat_n(None, times.max(1)));
    } else if let Some(start) = number(value) {
        values.extend(std::iter::repeat_n(Some(start), times + 1));
    } else {
        // The sign of the step, which does not belong to the exponent of the start.
        let sign = value
            .char_indices()
            .skip(1)
            .find(|(at, c)| matches!(c, '+' | '-') && !value[..*at].ends_with(['e', 'E']))?;
        let start = number(&value[..sign.0])?;
        let step = number(&value[sign.0..])?;
        values.extend((0..=times).map(|number| Some(start + step * number as f64)));
    }
    Some(())
}

pub(crate) fn number(text: &str) -> Option<f64> {
    match text {
        "stale" => Some(ABSENT),
        _ => text.parse().ok(),
    }
}

/// `5m`, `1h30m`, `-7s`, `90` (seconds) or `0`.
pub(crate) fn milliseconds(text: &str) -> Result<i64, String> {
    let bad = || format!("{text:?} is no duration");
    if let Some(rest) = text.strip_prefix('-') {
        return milliseconds(rest).map(|ms| -ms);
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return Ok((seconds * 1000.0) as i64);
    }
    let (mut total, mut rest) = (0.0, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
        let number: f64 = rest[..digits].parse().map_err(|_| bad())?;
        let end =
            rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| at + digits);
        total += number
            * match &rest[digits..end] {
                "ms" => 1.0,
                "s" => 1e3,
                "m" => 60e3,
                "h" => 3600e3,
                "d" => 86_400e3,
                _ => return Err(bad()),
            };
        rest = &rest[end..];
    }
    Ok(total as i64)
}

/// True when two numbers are the same but for rounding.
pub(crate) fn close(one: f64, other: f64) -> bool {
    if one.is_nan() || other.is_nan() {
        return one.is_nan() && other.is_nan();
    }
    if one.is_infinite() || other.is_infinite() {
        return one == other;
    }
    one == other || (one - other).abs() <= 1e-9 * one.abs().max(other.abs()).max(1e-9)
}
