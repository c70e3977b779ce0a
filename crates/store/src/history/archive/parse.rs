//! Series keys from their canonical text, `name{label="value"}`.

use watchfire_model::SeriesKey;

/// The key that [`Display`](std::fmt::Display) wrote; nothing for any other text.
pub(super) fn key(text: &str) -> Option<SeriesKey> {
    let (name, mut rest) = match text.find('{') {
        Some(at) => (&text[..at], text[at + 1..].strip_suffix('}')?),
        None => (text, ""),
    };
    let mut labels: Vec<(&str, String)> = Vec::new();
    while !rest.is_empty() {
        let (label, after) = rest.split_once("=\"")?;
        let (value, after) = unescaped(after)?;
        labels.push((label, value));
        rest = match after.strip_prefix(',') {
            Some(more) => more,
            None if after.is_empty() => after,
            None => return None,
        };
    }
    SeriesKey::new(name, labels.iter().map(|(label, value)| (*label, value.as_str()))).ok()
}

/// What is before the closing quote, and what follows that.
fn unescaped(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                other @ ('"' | '\\') => other,
                _ => return None,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(values in prop::collection::vec("[a\"\\\\\n{},=é ]{0,6}", 0..4)) {
            let names = ["a", "b", "c", "d"];
            let labels = names.iter().copied().zip(values.iter().map(String::as_str));
            let written = SeriesKey::new("up:1", labels).unwrap();
            prop_assert_eq!(key(&written.to_string()), Some(written));
        }
    }

    #[test]
    fn what_nobody_wrote_is_refused() {
        for text in
            ["", "1a", "a{", "a{b}", "a{b=\"c}", "a{b=\"c\"", "a{b=\"\\x\"}", "a{b=\"c\"d=\"e\"}"]
        {
            assert_eq!(key(text), None, "{text}");
        }
    }
}
