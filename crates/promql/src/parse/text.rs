//! Texts in quotes.

/// Reads the quoted text that `text` begins with, and how many bytes it takes.
/// Between backquotes everything stands for itself; in other quotes the escapes are those of Go.
///
/// # Errors
/// Why it is none.
pub(super) fn quoted(text: &str) -> Result<(String, usize), String> {
    let quote = text.chars().next().unwrap_or('"');
    let body = &text[quote.len_utf8()..];
    if quote == '`' {
        let end = body.find('`').ok_or("unterminated raw string")?;
        return Ok((body[..end].to_owned(), end + 2));
    }
    let mut value: Vec<u8> = Vec::new();
    let mut at = 0;
    loop {
        let c = body[at..].chars().next().ok_or("unterminated quoted string")?;
        at += c.len_utf8();
        match c {
            '\n' => return Err("unterminated quoted string".to_owned()),
            '\\' => at += escape(&body[at..], quote, &mut value)?,
            _ if c == quote => break,
            _ => value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    let value = String::from_utf8(value).map_err(|_| "the escapes give no valid UTF-8")?;
    Ok((value, at + 1))
}

/// Reads what follows a backslash and returns its length.
fn escape(text: &str, quote: char, value: &mut Vec<u8>) -> Result<usize, String> {
    let first = text.chars().next().ok_or("escape sequence not terminated")?;
    let plain = match first {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' => b'\\',
        _ if first == quote => quote as u8,
        '0'..='7' => return coded(text, 0, 3, 8, value),
        'x' => return coded(text, 1, 2, 16, value),
        'u' => return coded(text, 1, 4, 16, value),
        'U' => return coded(text, 1, 8, 16, value),
        _ => return Err(format!("unknown escape sequence {:?}", format!("\\{first}"))),
    };
    value.push(plain);
    Ok(1)
}

/// A byte or a character given by its number.
fn coded(
    text: &str,
    skip: usize,
    digits: usize,
    radix: u32,
    value: &mut Vec<u8>,
) -> Result<usize, String> {
    let bad = || "illegal character in escape sequence".to_owned();
    let code = text.get(skip..skip + digits).ok_or_else(bad)?;
    if !code.chars().all(|c| c.is_digit(radix)) {
        return Err(bad());
    }
    let code = u32::from_str_radix(code, radix).map_err(|_| bad())?;
    if digits <= 3 {
        value.push(u8::try_from(code).map_err(|_| bad())?);
    } else {
        let c = char::from_u32(code).ok_or("escape sequence is an invalid Unicode code point")?;
        value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Ok(skip + digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_go() {
        for (text, value) in [
            (r#""a\tb" rest"#, "a\tb"),
            (r"'it\'s'", "it's"),
            (r"`raw\n`", r"raw\n"),
            (r#""\x41\101\u00e9\U0001F525""#, "AA\u{e9}\u{1f525}"),
            (r#""\xc3\xa9""#, "\u{e9}"),
            (r#""""#, ""),
        ] {
            assert_eq!(quoted(text).unwrap().0, value, "{text}");
        }
        assert_eq!(quoted(r#""a\tb" rest"#).unwrap().1, 6);
        for text in [
            "\"a",
            "'a\nb'",
            "`a",
            r#""\q""#,
            r#""\x4""#,
            r#""\400""#,
            r#""\xff""#,
            r#""\'""#,
            "\"\\",
        ] {
            assert!(quoted(text).is_err(), "{text}");
        }
    }
}
