//! Takes out of foreign text what could act instead of being read: control
//! characters that end a header, and direction marks that turn a line around.

/// The longest header text, in characters.
pub(crate) const MAX_LINE_CHARS: usize = 300;

/// The longest identifier, in characters.
const MAX_ID_CHARS: usize = 200;

/// One line: no control or direction characters, at most [`MAX_LINE_CHARS`].
pub(crate) fn line(text: &str) -> String {
    let spaced = text.chars().map(|c| if is_break(c) { ' ' } else { c });
    let visible: String = spaced.filter(|c| !is_hostile(*c)).collect();
    let visible = visible.trim();
    if visible.chars().count() <= MAX_LINE_CHARS {
        return visible.to_owned();
    }
    visible.chars().take(MAX_LINE_CHARS - 1).chain(['…']).collect()
}

/// Text of many lines: newlines and tabs stay, other control and direction
/// characters go.
pub(crate) fn text(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !is_hostile(*c)).collect()
}

/// An identifier for `Message-ID` and `References`, without brackets: only
/// characters that RFC 5322 allows in one, and always a right-hand side.
pub(crate) fn id(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.@:".contains(c);
    let mut id: String =
        text.chars().take(MAX_ID_CHARS).map(|c| if fits(c) { c } else { '_' }).collect();
    if !id.contains('@') {
        id.push_str("@watchfire");
    }
    id
}

fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// C0, C1, and the characters of Unicode's bidirectional algorithm (UAX 9),
/// with the byte order mark.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}'
            | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(line("x\r\nBcc: e@x"), "x  Bcc: e@x");
        assert_eq!(line("a\u{202e}b\u{0}c\u{9b}d"), "abcd");
        assert_eq!(line(&"ä".repeat(10_000)).chars().count(), MAX_LINE_CHARS);
    }

    #[test]
    fn text_keeps_its_lines() {
        assert_eq!(text("a\r\nb\tc\u{1b}[2J\n"), "a\nb\tc[2J\n");
    }

    #[test]
    fn an_identifier_cannot_leave_its_brackets() {
        assert_eq!(id("a> b\r\nX: y@hub"), "a__b__X:_y@hub");
        assert_eq!(id("down.7.ada"), "down.7.ada@watchfire");
    }
}
