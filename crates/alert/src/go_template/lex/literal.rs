//! Numbers, characters and texts as Go writes them.

use super::{Token, is_word};
use crate::go_template::error::Fault;

/// The text or character that `rest` begins with, and how long it is written.
pub(super) fn quoted(rest: &str) -> Result<(Token<'_>, usize), Fault> {
    if let Some(raw) = rest.strip_prefix('`') {
        let length = raw.find('`').ok_or_else(|| Fault::new(0, "this `text is not closed"))?;
        // Go takes carriage returns out of raw texts.
        return Ok((Token::Literal(raw[..length].replace('\r', "")), length + 2));
    }
    let quote = rest.as_bytes()[0];
    let (bytes, length) = unescaped(rest, quote)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if quote == b'"' {
        return Ok((Token::Literal(text), length));
    }
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Ok((Token::Int(i64::from(u32::from(character))), length)),
        _ => Err(Fault::new(0, "'…' holds one character: texts stand in \"…\" or `…`")),
    }
}

/// The bytes between two quotes with all escapes resolved, and how long they are written.
fn unescaped(rest: &str, quote: u8) -> Result<(Vec<u8>, usize), Fault> {
    let bytes = rest.as_bytes();
    let (mut found, mut at) = (Vec::new(), 1);
    loop {
        match bytes.get(at) {
            None | Some(b'\n') => return Err(Fault::new(0, "this text is not closed on its line")),
            Some(&byte) if byte == quote => return Ok((found, at + 1)),
            Some(b'\\') => {
                at += escape(&rest[at..], quote, &mut found).ok_or_else(|| {
                    Fault::new(at, "this escape is none of Go's: write \\\\ for a backslash")
                })?
            }
            Some(&byte) => {
                found.push(byte);
                at += 1;
            }
        }
    }
}

/// Adds what the escape at the beginning of `rest` means; how long it is, or `None` for what is none.
fn escape(rest: &str, quote: u8, found: &mut Vec<u8>) -> Option<usize> {
    let kind = *rest.as_bytes().get(1)?;
    let plain = match kind {
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'\\' => b'\\',
        _ if kind == quote => quote,
        b'x' => u8::try_from(digits(rest, 2, 2, 16)?).ok()?,
        b'0'..=b'7' => u8::try_from(digits(rest, 1, 3, 8)?).ok()?,
        b'u' | b'U' => {
            let count = if kind == b'u' { 4 } else { 8 };
            let character = char::from_u32(digits(rest, 2, count, 16)?)?;
            found.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(2 + count);
        }
        _ => return None,
    };
    found.push(plain);
    Some(match kind {
        b'x' | b'0'..=b'7' => 4,
        _ => 2,
    })
}

fn digits(rest: &str, from: usize, count: usize, radix: u32) -> Option<u32> {
    let digits = rest.get(from..from + count)?;
    let all = digits.chars().all(|c| c.is_digit(radix));
    all.then(|| u32::from_str_radix(digits, radix).ok()).flatten()
}

/// The number that `rest` begins with, and how long it is written.
pub(super) fn number(rest: &str) -> Result<(Token<'_>, usize), Fault> {
    let length = extent(rest);
    let word = &rest[..length];
    let bad = || Fault::new(0, format!("{word:?} is no number that a template can have"));
    let (sign, digits) = match word.as_bytes()[0] {
        b'-' => (-1, &word[1..]),
        b'+' => (1, &word[1..]),
        _ => (1, word),
    };
    let is_hex = digits.starts_with("0x") || digits.starts_with("0X");
    if digits.contains(['.', 'e', 'E', 'p', 'P']) && !is_hex {
        let number = float(digits).ok_or_else(bad)?;
        return Ok((Token::Float(if sign < 0 { -number } else { number }), length));
    }
    let number = sign * integer(digits).ok_or_else(bad)?;
    Ok((Token::Int(i64::try_from(number).map_err(|_| bad())?), length))
}

/// How far a number goes, with the sign before it and that of an exponent.
fn extent(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let digits = rest.trim_start_matches(['+', '-']);
    let is_hex = digits.starts_with("0x") || digits.starts_with("0X");
    let mut length = 1;
    for (at, c) in rest.char_indices().skip(1) {
        let exponent_sign =
            matches!(c, '+' | '-') && matches!(bytes[at - 1], b'e' | b'E') && !is_hex;
        if !(is_word(c) || c == '.' || exponent_sign) {
            break;
        }
        length = at + c.len_utf8();
    }
    length
}

fn float(digits: &str) -> Option<f64> {
    let allowed =
        digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    let number: f64 = allowed.then(|| digits.parse().ok()).flatten()?;
    number.is_finite().then_some(number)
}

/// A whole number: decimal, `0x…`, `0o…`, `0b…`, or octal with a leading zero; `_` may stand between digits.
fn integer(digits: &str) -> Option<i128> {
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_str() {
        text if text.starts_with("0x") => (16, &text[2..]),
        text if text.starts_with("0o") => (8, &text[2..]),
        text if text.starts_with("0b") => (2, &text[2..]),
        text if text.len() > 1 && text.starts_with('0') => (8, &text[1..]),
        text => (10, text),
    };
    let whole = !digits.ends_with('_') && !digits.contains("__") && !digits.starts_with(['+', '-']);
    whole.then(|| i128::from_str_radix(&digits.replace('_', ""), radix).ok()).flatten()
}
