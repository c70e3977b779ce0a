//! A look at Rust text that is just deep enough to tell code from comments,
//! strings and tests. It is no parser: what it cannot read, the compiler
//! refuses first.

/// The text with all but code blanked.
pub(super) struct Masked {
    /// The same bytes and lines, with spaces for what is not code outside tests.
    pub(super) code: String,
    /// Lines that stood in `#[cfg(test)]` items.
    pub(super) test_lines: usize,
    /// The modules declared by `#[cfg(test)] mod NAME;`.
    pub(super) test_files: Vec<String>,
}

/// Blanks comments, strings, character literals and items under `#[cfg(test)]`.
pub(super) fn mask(text: &str) -> Masked {
    let mut bytes = text.as_bytes().to_vec();
    blank_words(&mut bytes);
    let (test_lines, test_files) = blank_tests(&mut bytes);
    let code = String::from_utf8(bytes).expect("whole characters were replaced by spaces");
    Masked { code, test_lines, test_files }
}

/// Blanks everything between tokens: comments, strings, characters.
fn blank_words(bytes: &mut [u8]) {
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => line_end(bytes, at),
            b'/' if bytes[at..].starts_with(b"/*") => block_comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' | b'b' | b'c' if starts_word(bytes, at) => prefixed_end(bytes, at),
            b'\'' => character_end(bytes, at),
            _ => at,
        };
        if end == at {
            at += 1;
        } else {
            blank(bytes, at, end);
            at = end;
        }
    }
}

fn blank(bytes: &mut [u8], from: usize, to: usize) {
    for byte in &mut bytes[from..to] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

fn starts_word(bytes: &[u8], at: usize) -> bool {
    at == 0 || !is_word(bytes[at - 1])
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |offset| at + offset)
}

fn block_comment_end(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], quote: usize) -> usize {
    let mut at = quote + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of `r"…"`, `r#"…"#`, `b"…"`, `br#"…"#`, `b'…'`, `c"…"`; `at` when it is a name.
fn prefixed_end(bytes: &[u8], at: usize) -> usize {
    let letters = bytes[at..].iter().take(2).take_while(|byte| matches!(byte, b'r' | b'b' | b'c'));
    let start = at + letters.count();
    let raw = bytes[at..start].contains(&b'r');
    let hashes = bytes[start..].iter().take_while(|byte| **byte == b'#').count();
    match bytes.get(start + hashes) {
        Some(b'"') if raw => raw_string_end(bytes, start + hashes + 1, hashes),
        Some(b'"') if hashes == 0 => string_end(bytes, start),
        Some(b'\'') if hashes == 0 && !raw => character_end(bytes, start),
        _ => at,
    }
}

fn raw_string_end(bytes: &[u8], from: usize, hashes: usize) -> usize {
    let closes = |at: usize| {
        bytes[at] == b'"'
            && bytes[at + 1..].iter().take(hashes).filter(|byte| **byte == b'#').count() == hashes
    };
    (from..bytes.len()).find(|at| closes(*at)).map_or(bytes.len(), |at| at + 1 + hashes)
}

/// The end of a character literal; `at` for a lifetime.
fn character_end(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at + 1) {
        Some(b'\\') => {
            // The byte after the backslash may itself be a quote.
            let close = bytes.iter().skip(at + 3).position(|byte| *byte == b'\'');
            close.map_or(bytes.len(), |offset| at + 3 + offset + 1)
        }
        Some(first) => {
            let length = utf8_length(*first);
            if bytes.get(at + 1 + length) == Some(&b'\'') { at + 2 + length } else { at }
        }
        None => at,
    }
}

fn utf8_length(first: u8) -> usize {
    match first {
        0xF0.. => 4,
        0xE0.. => 3,
        0xC0.. => 2,
        _ => 1,
    }
}

/// Blanks items under `#[cfg(test)]`; tells their lines and the modules they only declare.
fn blank_tests(bytes: &mut [u8]) -> (usize, Vec<String>) {
    let (mut lines, mut files, mut at) = (0, Vec::new(), 0);
    while let Some(start) = find_test_attribute(bytes, at) {
        let (end, has_body) = item_end(bytes, start);
        let item = String::from_utf8_lossy(&bytes[start..end]).into_owned();
        if !has_body && let Some(name) = declared_module(&item) {
            files.push(name);
        }
        lines += item.lines().count();
        blank(bytes, start, end);
        at = end;
    }
    (lines, files)
}

fn find_test_attribute(bytes: &[u8], from: usize) -> Option<usize> {
    const ATTRIBUTES: [&[u8]; 2] = [b"#[cfg(test)", b"#[cfg(all(test,"];
    (from..bytes.len()).find(|at| {
        bytes[*at] == b'#' && ATTRIBUTES.iter().any(|attribute| bytes[*at..].starts_with(attribute))
    })
}

/// Where the item that an attribute at `start` belongs to ends, and whether it has a body.
fn item_end(bytes: &[u8], start: usize) -> (usize, bool) {
    let mut depth = 0_i32;
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => {
                depth -= 1;
                if depth == 0 && *byte == b'}' {
                    return (at + 1, true);
                }
            }
            b';' if depth == 0 => return (at + 1, false),
            _ => {}
        }
    }
    (bytes.len(), true)
}

fn declared_module(item: &str) -> Option<String> {
    let words: Vec<_> = item.trim_end_matches(';').split_whitespace().collect();
    let at = words.iter().position(|word| *word == "mod")?;
    words.get(at + 1).map(|name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        let masked = mask(text).code;
        assert_eq!(masked.lines().count(), text.lines().count(), "lines must stay");
        masked.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn blanks_comments_and_strings() {
        assert_eq!(code("a // b\nc /* d /* e */ f */ g"), "a c g");
        assert_eq!(code(r#"a "b // \" c" d"#), "a d");
        assert_eq!(code("a r#\"b \" c\"# d"), "a d");
        assert_eq!(code("a b\"x\" br\"y\" c\"z\" d"), "a d");
        assert_eq!(code("« \"é ü\" »"), "« »");
    }

    #[test]
    fn tells_characters_from_lifetimes() {
        assert_eq!(code("f('\"') g"), "f( ) g");
        assert_eq!(code(r"f('\'', 'é', '\u{1f}') g"), "f( , , ) g");
        assert_eq!(code("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
        assert_eq!(code("b'x' rest"), "rest");
    }

    #[test]
    fn names_that_begin_like_strings_stay() {
        assert_eq!(code("r#type bar car"), "r#type bar car");
    }

    #[test]
    fn blanks_test_modules_and_nothing_after() {
        let text = "a();\n#[cfg(test)]\nmod tests {\n fn f() { \"}\"; }\n}\nb();";
        let masked = mask(text);
        assert_eq!(masked.test_lines, 4);
        assert_eq!(code(text), "a(); b();");
    }

    #[test]
    fn keeps_the_names_of_modules_that_are_only_declared() {
        let masked = mask("#[cfg(test)]\npub(crate) mod fixtures;\nmod real;");
        assert_eq!(masked.test_files, ["fixtures"]);
        assert_eq!(masked.code.trim(), "mod real;");
    }
}
