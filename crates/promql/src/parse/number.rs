//! Numbers and durations as they are written.

use super::token::Lexeme;

/// Milliseconds of each unit, the longest first: the order in which they must come.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads the number or duration that `text` begins with, and how long it is.
///
/// # Errors
/// The length of what is neither.
pub(super) fn number_or_duration(text: &str) -> Result<(Lexeme, usize), usize> {
    let length = extent(text);
    let word = &text[..length];
    let read = number(word).map(Lexeme::Number);
    read.or_else(|| duration_ms(word).map(Lexeme::Duration))
        .map(|what| (what, length))
        .ok_or(length)
}

/// How far letters, digits, points and the sign of an exponent go.
fn extent(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_hex = is_hex(text);
    let mut length = 0;
    while let Some(&byte) = bytes.get(length) {
        let after_exponent = !is_hex
            && length > 0
            && matches!(bytes[length - 1], b'e' | b'E')
            && matches!(byte, b'+' | b'-');
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_') || after_exponent) {
            break;
        }
        length += 1;
    }
    length
}

fn is_hex(text: &str) -> bool {
    text.starts_with("0x") || text.starts_with("0X")
}

/// A number with a point, an exponent, hexadecimal digits, and `_` between digits.
fn number(word: &str) -> Option<f64> {
    if word.ends_with('_') || word.contains("__") {
        return None;
    }
    let plain: String = word.chars().filter(|&c| c != '_').collect();
    if is_hex(&plain) {
        return u64::from_str_radix(&plain[2..], 16).ok().map(|number| number as f64);
    }
    // Words such as "infinity" begin with a letter and never come here.
    plain.parse().ok()
}

/// A duration such as `1h30m`, in milliseconds: whole numbers, each with a unit (`y`, `w`, `d`,
/// `h`, `m`, `s`, `ms`) that is smaller than the one before. `None` for all else.
#[must_use]
pub fn duration_ms(word: &str) -> Option<i64> {
    let (mut rest, mut total, mut units) = (word, 0_i64, &UNITS[..]);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let place = units.iter().position(|(unit, _)| *unit == &rest[..letters])?;
        total = total.checked_add(count.checked_mul(units[place].1)?)?;
        units = &units[place + 1..];
        rest = &rest[letters..];
    }
    (!word.is_empty()).then_some(total)
}

/// Writes milliseconds as Prometheus does: `1h30m`, weeks and years only when they come out even.
#[must_use]
pub fn duration_text(ms: i64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut text = String::from(if ms < 0 { "-" } else { "" });
    let mut rest = ms.unsigned_abs();
    for (unit, size) in UNITS {
        let size = size.unsigned_abs();
        let only_even = matches!(unit, "y" | "w");
        if rest >= size && (!only_even || rest.is_multiple_of(size)) {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_durations_are_told_apart() {
        let read = |text| number_or_duration(text).map(|(what, _)| what);
        for (text, value) in [
            ("1", 1.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1e3),
            ("1e-3", 1e-3),
            ("2.5E+2", 250.0),
            ("0x1F", 31.0),
            ("1_000_000", 1e6),
            ("0x_53_AB_F3_82", 1_403_777_922.0),
            ("007", 7.0),
        ] {
            assert_eq!(read(text), Ok(Lexeme::Number(value)), "{text}");
        }
        for (text, ms) in [
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1y2w3d4h5m6s7ms", 31_536_000_000 + 1_209_600_000 + 273_906_007),
            ("0s", 0),
            ("100ms", 100),
        ] {
            assert_eq!(read(text), Ok(Lexeme::Duration(ms)), "{text}");
        }
        for text in
            ["1x", "1m1h", "1m1m", "1.5h", "1__0", "1_", "5m_", "0xg", "9999999999999y", "1e"]
        {
            assert_eq!(read(text), Err(text.len()), "{text}");
        }
        assert_eq!(number_or_duration("1e+3+4"), Ok((Lexeme::Number(1000.0), 4)));
    }

    #[test]
    fn durations_are_written_as_they_are_read() {
        for text in ["1h30m", "0s", "1y", "2w", "15d", "1m1ms", "366d"] {
            assert_eq!(duration_text(duration_ms(text).unwrap()), text);
        }
        assert_eq!(duration_text(-90_000), "-1m30s");
    }
}
