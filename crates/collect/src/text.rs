//! Small readers of the kernel's text, on bytes, because names in it need not
//! be UTF-8.

/// Lines without their line ends.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty())
}

/// Words between spaces and tabs.
pub(crate) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// A whole word as a decimal number.
pub(crate) fn number(word: &[u8]) -> Option<u64> {
    if word.is_empty() || !word.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// A whole word as a hexadecimal number without `0x`.
pub(crate) fn hexadecimal(word: &[u8]) -> Option<u64> {
    if word.is_empty() || !word.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()
}

/// A whole word as a finite decimal fraction that is not negative.
pub(crate) fn fraction(word: &[u8]) -> Option<f64> {
    let value: f64 = std::str::from_utf8(word).ok()?.parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some(value)
}

/// Text without its surrounding white space; bytes that are not UTF-8 are
/// replaced, and so are control characters, so that a name cannot move a
/// terminal's cursor or begin a new line in a log.
pub(crate) fn printable(bytes: &[u8]) -> String {
    without_controls(String::from_utf8_lossy(bytes.trim_ascii()).into_owned())
}

/// `text` with a `?` for each control character.
pub(crate) fn without_controls(text: String) -> String {
    if text.contains(char::is_control) { text.replace(char::is_control, "?") } else { text }
}

/// The text after the first `separator`, and the text before it.
pub(crate) fn split_once(line: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(|&byte| byte == separator)?;
    Some((&line[..at], &line[at + 1..]))
}

/// Undoes the kernel's octal escapes (`\040` is a space) of `seq_escape`, as
/// in `mountinfo`.
pub(crate) fn unescape(word: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&first, tail)) = rest.split_first() {
        match tail {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] if first == b'\\' => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => {
                out.push(first);
                rest = tail;
            }
        }
    }
    out
}

/// Writes what [`unescape`] reads: white space and backslashes in octal.
pub(crate) fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_graphic() && byte != b'\\' {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("\\{byte:03o}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_whole_words() {
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for bad in [&b"18446744073709551616"[..], b"", b"-1", b"+1", b"1x", b" 1"] {
            assert_eq!(number(bad), None);
        }
        assert_eq!(hexadecimal(b"0000fF"), Some(255));
        for bad in [&b"0x1"[..], b"", b"-1", b"+1", b"g", b"10000000000000000"] {
            assert_eq!(hexadecimal(bad), None);
        }
        assert_eq!(fraction(b"0.25"), Some(0.25));
        for bad in [&b"nan"[..], b"inf", b"-1.0", b"1e999"] {
            assert_eq!(fraction(bad), None);
        }
    }

    #[test]
    fn a_mount_point_with_a_space_is_read_back() {
        assert_eq!(unescape(br"/mnt/my\040disk\134x"), br"/mnt/my disk\x");
        assert_eq!(unescape(br"\04"), br"\04");
        assert_eq!(unescape(br"\400"), br"\400");
    }

    proptest! {
        #[test]
        fn escape_and_unescape_agree(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let escaped = escape(&bytes);
            prop_assert_eq!(unescape(escaped.as_bytes()), bytes);
        }

        #[test]
        fn unescape_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(unescape(&bytes).len() <= bytes.len());
        }
    }
}
