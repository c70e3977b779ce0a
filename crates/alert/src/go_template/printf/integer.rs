//! Whole numbers: `%d`, `%b`, `%o`, `%x`, `%c` and their kin.

use super::spec::Spec;

/// The digits of `value` with sign, prefix and the zeros that the specification asks for, before they
/// are set into its width. `None` when the verb is none for whole numbers.
pub(super) fn text(spec: &Spec, verb: char, value: i64) -> Option<String> {
    let magnitude = value.unsigned_abs();
    let (digits, prefix) = match verb {
        'v' | 'd' => (magnitude.to_string(), ""),
        'b' => (format!("{magnitude:b}"), if spec.sharp { "0b" } else { "" }),
        'o' => (format!("{magnitude:o}"), if spec.sharp { "0" } else { "" }),
        'O' => (format!("{magnitude:o}"), "0o"),
        'x' => (format!("{magnitude:x}"), if spec.sharp { "0x" } else { "" }),
        'X' => (format!("{magnitude:X}"), if spec.sharp { "0X" } else { "" }),
        _ => return None,
    };
    if spec.precision == Some(0) && value == 0 {
        return Some(String::new());
    }
    let sign = sign(spec, value < 0);
    let least = match (spec.precision, spec.width) {
        (Some(precision), _) => precision,
        (None, Some(width)) if spec.zero => width.saturating_sub(sign.len()),
        _ => 0,
    };
    let zeros = "0".repeat(least.saturating_sub(digits.len()));
    // Octal's prefix is a zero, and one is enough.
    let prefix = if verb == 'o' && !zeros.is_empty() { "" } else { prefix };
    Some(format!("{sign}{prefix}{zeros}{digits}"))
}

/// What stands before a number.
pub(super) fn sign(spec: &Spec, is_negative: bool) -> &'static str {
    match (is_negative, spec.plus, spec.space) {
        (true, ..) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        (false, false, false) => "",
    }
}

/// `value` as a character, or the one that stands for none.
pub(super) fn character(value: i64) -> char {
    u32::try_from(value).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}
