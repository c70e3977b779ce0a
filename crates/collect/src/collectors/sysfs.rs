//! What many collectors of `/sys` need: numbers and names as they stand there.

use crate::folder::Folder;
use crate::rate::as_f64;
use crate::text::number;

/// A whole word as a decimal number, which may be negative.
pub(super) fn signed(word: &[u8]) -> Option<f64> {
    match word.strip_prefix(b"-") {
        // Adding nought makes a plain 0 of -0.
        Some(digits) => number(digits).map(|value| 0.0 - as_f64(value)),
        None => number(word).map(as_f64),
    }
}

/// The number in the file at `parts`; `None` when it cannot be read, which is
/// common: sensors sleep, devices are pulled, and drivers answer `ENODATA`.
pub(super) fn value(folder: &mut Folder, parts: &[&[u8]]) -> Option<f64> {
    signed(folder.read(parts)?)
}

/// The digits of a name that is `start` and a number: `0` of `thermal_zone0`.
pub(super) fn numbered<'a>(name: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    let digits = name.strip_prefix(start)?;
    (!digits.is_empty() && digits.iter().all(u8::is_ascii_digit)).then_some(digits)
}

/// Puts the content of the file at `parts` into `text`, which is empty when
/// there is none.
pub(super) fn copy(folder: &mut Folder, parts: &[&[u8]], text: &mut Vec<u8>) {
    text.clear();
    text.extend_from_slice(folder.read(parts).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_be_negative_and_nothing_else() {
        assert_eq!((signed(b"-2500"), signed(b"7")), (Some(-2500.0), Some(7.0)));
        assert!(signed(b"-0").is_some_and(f64::is_sign_positive));
        for bad in [&b""[..], b"-", b"--1", b"+1", b"1.5", b"0x1", b"<unknown>", b"1 2"] {
            assert_eq!(signed(bad), None);
        }
    }

    #[test]
    fn names_end_with_their_number() {
        assert_eq!(numbered(b"cpu17", b"cpu"), Some(&b"17"[..]));
        for bad in [&b"cpu"[..], b"cpufreq", b"cpu1x", b"xcpu1"] {
            assert_eq!(numbered(bad, b"cpu"), None);
        }
    }
}
