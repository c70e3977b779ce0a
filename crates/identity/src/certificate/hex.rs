use std::fmt;

/// Why a text is no fingerprint or id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} has {digits} hexadecimal digits in lower case: copy the whole of it")]
pub struct HexError {
    what: &'static str,
    digits: usize,
}

/// Reads exactly `N` bytes from digits in lower case, so that one value has
/// one spelling.
pub(crate) fn read<const N: usize>(what: &'static str, text: &str) -> Result<[u8; N], HexError> {
    let wrong = HexError { what, digits: N * 2 };
    if text.len() != N * 2 {
        return Err(wrong);
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte =
            digit(pair[0]).zip(digit(pair[1])).map(|(high, low)| high << 4 | low).ok_or(wrong)?;
    }
    Ok(bytes)
}

pub(crate) fn write(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    }
}
