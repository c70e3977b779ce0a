//! Numbers as Go writes them: `%e`, `%f`, `%g`, and the shortest text that means the same number.

/// More digits than any number has behind its point.
const ALL_DIGITS: usize = 1100;

/// From this exponent on `%g` writes an exponent where it writes as few digits as it can.
const SHORTEST_EXPONENT: i32 = 6;

/// `%g`: with so many digits, or as few as mean the same number.
pub(in crate::go_template) fn general(value: f64, precision: Option<usize>) -> String {
    if let Some(word) = word(value) {
        return word.to_owned();
    }
    let precision = precision.map(|digits| digits.max(1));
    let (digits, exponent) = digits(value, precision.map(|digits| digits - 1));
    // Without an exponent, a number has as many digits before its point as its exponent says, so
    // digits that are not there count only where they are needed.
    let shown = digits.trim_end_matches('0').len().max(1);
    let limit = match precision {
        None => SHORTEST_EXPONENT,
        Some(precision) => {
            let precision = i32::try_from(precision).unwrap_or(i32::MAX);
            let shown = i32::try_from(shown).unwrap_or(i32::MAX);
            if precision > shown && shown > exponent { shown } else { precision }
        }
    };
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let digits = &digits[..shown];
    if exponent < -4 || exponent >= limit {
        return format!("{sign}{}", with_exponent(digits, exponent));
    }
    format!("{sign}{}", plain(digits, exponent))
}

/// `%e`: one digit before the point, and so many behind it.
pub(super) fn exponential(value: f64, precision: usize) -> String {
    if let Some(word) = word(value) {
        return word.to_owned();
    }
    let (mut digits, exponent) = digits(value, Some(precision.min(ALL_DIGITS)));
    digits.extend(std::iter::repeat_n('0', precision.saturating_sub(ALL_DIGITS)));
    let sign = if value.is_sign_negative() { "-" } else { "" };
    format!("{sign}{}", with_exponent(&digits, exponent))
}

/// `%f`: so many digits behind the point.
pub(super) fn fixed(value: f64, precision: usize) -> String {
    if let Some(word) = word(value) {
        return word.to_owned();
    }
    let mut text = format!("{:.*}", precision.min(ALL_DIGITS), value);
    text.extend(std::iter::repeat_n('0', precision.saturating_sub(ALL_DIGITS)));
    text
}

fn word(value: f64) -> Option<&'static str> {
    match value {
        _ if value.is_nan() => Some("NaN"),
        f64::INFINITY => Some("+Inf"),
        f64::NEG_INFINITY => Some("-Inf"),
        _ => None,
    }
}

/// The digits of a number without its sign, and the power of ten of the first one.
fn digits(value: f64, behind_point: Option<usize>) -> (String, i32) {
    let value = value.abs();
    let text = match behind_point {
        Some(count) => format!("{:.*e}", count.min(ALL_DIGITS), value),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.replace('.', ""), exponent.parse().unwrap_or(0))
}

/// `1.5e+06`
fn with_exponent(digits: &str, exponent: i32) -> String {
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{first}{point}{rest}e{sign}{:02}", exponent.unsigned_abs())
}

/// `1500000` or `0.0015`
fn plain(digits: &str, exponent: i32) -> String {
    let Ok(before) = usize::try_from(exponent) else {
        let zeros = usize::try_from(-1 - exponent).unwrap_or(0);
        return format!("0.{}{digits}", "0".repeat(zeros));
    };
    if digits.len() > before + 1 {
        let (whole, part) = digits.split_at(before + 1);
        return format!("{whole}.{part}");
    }
    format!("{digits}{}", "0".repeat(before + 1 - digits.len()))
}
