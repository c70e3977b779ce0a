/// Makes one harmless line of an outside string: what a server, a process, a mail
/// server or an operator called something.
///
/// Control characters, direction marks, zero-width and tag characters go, so that a
/// name can neither break a header nor read differently from what it is; any white
/// space becomes one plain space. The line has at most `max_chars` characters: what
/// is longer is cut and ends in `…`. A string that is longer than it may be is not
/// read to its end.
#[must_use]
pub fn clean(text: &str, max_chars: usize) -> String {
    let mut line = String::new();
    let mut length = 0_usize;
    let mut space = false;
    for c in text.chars() {
        if c.is_whitespace() {
            space = length > 0;
            continue;
        }
        if is_hidden(c) {
            continue;
        }
        let needed = 1 + usize::from(space);
        if length + needed > max_chars {
            return cut(line, max_chars);
        }
        if space {
            line.push(' ');
            space = false;
        }
        line.push(c);
        length += needed;
    }
    line
}

/// The same of a text of several lines, which keep their spaces: at most `max_bytes`.
pub(crate) fn clean_lines(text: &str, max_bytes: usize) -> String {
    let mut lines = String::new();
    for c in text.chars().filter(|c| *c == '\n' || *c == '\t' || !is_hidden(*c)) {
        if lines.len() + c.len_utf8() > max_bytes {
            break;
        }
        lines.push(if c == '\t' { ' ' } else { c });
    }
    lines.truncate(lines.trim_end().len());
    lines
}

/// Characters that change how others look, or that nobody sees: Unicode's controls
/// (C0, DEL, C1), its explicit direction marks (UAX #9), zero-width joiners and
/// spaces, invisible operators, annotation marks, variation selectors and tags.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

fn cut(mut line: String, max_chars: usize) -> String {
    let Some(keep) = max_chars.checked_sub(1) else { return String::new() };
    if let Some((end, _)) = line.char_indices().nth(keep) {
        line.truncate(end);
    }
    line.truncate(line.trim_end().len());
    line.push('…');
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn outside_strings_become_one_honest_line() {
        for (text, line) in [
            ("nginx", "nginx"),
            ("x\r\nBcc: e@x", "x Bcc: e@x"),
            ("  a \t\n b  ", "a b"),
            ("a\u{202e}cod.exe", "acod.exe"),
            ("pay\u{200b}pal\u{feff}", "paypal"),
            ("\u{1b}[2Jclear\u{9b}2J\u{7f}", "[2Jclear2J"),
            ("a\u{2028}b\u{85}c", "a b c"),
            ("gr\u{f6}\u{df}e \u{6771}", "gr\u{f6}\u{df}e \u{6771}"),
            ("tag\u{e0041}\u{fe0f}", "tag"),
            ("1234567890", "1234567890"),
            ("12345678901", "123456789…"),
            ("12345678 0123", "12345678…"),
            ("", ""),
        ] {
            assert_eq!(clean(text, 10), line, "{text:?}");
        }
        assert_eq!(clean("abc", 0), "");
        assert_eq!(clean(&"x".repeat(10_000), 40).chars().count(), 40);
    }

    proptest! {
        #[test]
        fn never_long_never_hidden_never_broken(text in any::<String>(), max in 0_usize..60) {
            let line = clean(&text, max);
            prop_assert!(line.chars().count() <= max);
            prop_assert!(!line.chars().any(|c| is_hidden(c) || (c.is_whitespace() && c != ' ')));
            prop_assert_eq!(clean(&line, max), line.clone(), "cleaning twice changes nothing");
        }
    }
}
