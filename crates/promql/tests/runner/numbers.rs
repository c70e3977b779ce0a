//! Durations of scripts, and when two numbers are the same.

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
