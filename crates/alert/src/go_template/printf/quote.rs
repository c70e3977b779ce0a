//! Texts in quotes, as Go's `%q` writes them.

/// `text` between `quote`s with escapes for what cannot be shown; `ascii` escapes all that is not ASCII.
pub(in crate::go_template) fn quoted(text: &str, quote: char, ascii: bool) -> String {
    let mut written = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => written.push_str("\\\\"),
            _ if c == quote => written.extend(['\\', c]),
            '\u{7}' => written.push_str("\\a"),
            '\u{8}' => written.push_str("\\b"),
            '\u{c}' => written.push_str("\\f"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            '\u{b}' => written.push_str("\\v"),
            _ if is_shown(c) && (c.is_ascii() || !ascii) => written.push(c),
            _ => written.push_str(&escaped(u32::from(c))),
        }
    }
    written.push(quote);
    written
}

/// `text` between backquotes, when it can stand there as it is.
pub(super) fn raw(text: &str) -> Option<String> {
    let fits = |c: char| c != '`' && (!c.is_control() || c == '\t');
    text.chars().all(fits).then(|| format!("`{text}`"))
}

/// True when a character has a picture. Rust and Go keep the same list of those that have none, but for
/// marks that are set onto others.
pub(in crate::go_template) fn is_shown(c: char) -> bool {
    !c.is_control() && (c.is_ascii() || c.is_alphanumeric() || c.escape_debug().count() == 1)
}

fn escaped(code: u32) -> String {
    match code {
        0..0x80 => format!("\\x{code:02x}"),
        0x80..0x1_0000 => format!("\\u{code:04x}"),
        _ => format!("\\U{code:08x}"),
    }
}
