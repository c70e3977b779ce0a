//! Words and numbers for a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// Writes lines for people to stdout. What would move a terminal's cursor or
/// turn its words around becomes a question mark.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    write(&harmless(text))
}

/// Writes JSON to stdout, indented. The same characters are escaped, so that
/// nothing is lost.
pub(crate) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    write(&(escaped(&serde_json::to_string_pretty(value)?) + "\n"))
}

/// Writes what a program reads to stdout, byte by byte, unless it is a terminal.
pub(crate) fn print_exactly(text: &str) -> anyhow::Result<()> {
    if io::stdout().is_terminal() { print(text) } else { write(text) }
}

/// `text` as one line without what could deceive whoever reads it.
pub(crate) fn line(text: &str) -> String {
    text.replace(|letter| letter == '\n' || deceives(letter), "?")
}

fn harmless(text: &str) -> String {
    text.replace(deceives, "?")
}

fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        if deceives(letter) {
            // All of them are below U+10000, so four digits do.
            out.push_str(&format!("\\u{:04x}", u32::from(letter)));
        } else {
            out.push(letter);
        }
    }
    out
}

/// True for control characters but the line's end, and for those that change
/// the direction of what follows (Unicode's property `Bidi_Control`) or break
/// lines unseen.
pub(crate) fn deceives(letter: char) -> bool {
    let of_direction = matches!(
        letter,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    let of_lines = matches!(letter, '\u{2028}' | '\u{2029}');
    of_direction || of_lines || (letter.is_control() && letter != '\n')
}

/// A reader that leaves early, as `head` does, is no error.
fn write(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Bytes in the largest unit that leaves at least one: `1.5G`, `820K`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["K", "M", "G", "T", "P", "E"];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    // One digit behind the point, kept in whole numbers so that it is never 1024.0.
    let (mut tenths, mut unit) = (u128::from(bytes) * 10 / 1024, 0);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    if tenths >= 1000 {
        return format!("{}{}", tenths / 10, UNITS[unit]);
    }
    format!("{}.{}{}", tenths / 10, tenths % 10, UNITS[unit])
}

/// A share, or a dash where it is not known.
pub(crate) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{share:.1}%"))
}

/// The two largest units of a length of time: `3d 4h`, `12m 5s`.
pub(crate) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest}s"),
        (0, 0, _) => format!("{minutes}m {rest}s"),
        (0, _, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

/// At most `width` characters, with a sign that there were more.
pub(crate) fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    cut.push('+');
    cut
}

/// A rate without its fraction.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
pub(crate) fn whole(rate: f64) -> u64 {
    rate as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_short_names() {
        for (number, expected) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.0K"),
            (1_048_575, "1023K"),
            (1_048_576, "1.0M"),
            (25_276_514_304, "23.5G"),
            (u64::MAX, "15.9E"),
        ] {
            assert_eq!(bytes(number), expected);
        }
    }

    #[test]
    fn nothing_turns_a_terminal_around() {
        let evil = "a\u{202e}b\u{2066}c\u{200f}d\u{1b}[2Je\u{9b}f\tg\u{2028}h";
        assert_eq!(harmless(evil), "a?b?c?d?[2Je?f?g?h");
        assert_eq!(harmless("two\nlines, äöü ✓ 日本"), "two\nlines, äöü ✓ 日本");
        assert_eq!(line("two\nlines"), "two?lines");
        let json = serde_json::to_string_pretty(&[evil]).expect("JSON");
        let shown = escaped(&json);
        assert!(!shown.contains(deceives), "{shown}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&shown).expect("JSON"), [evil]);
    }

    #[test]
    fn spans_have_two_units() {
        let shown = [5, 65, 3665, 90_000].map(|seconds| span(Duration::from_secs(seconds)));
        assert_eq!(shown, ["5s", "1m 5s", "1h 1m", "1d 1h"]);
    }

    #[test]
    fn long_words_are_cut_with_a_sign() {
        assert_eq!((fit("short", 5).as_str(), fit("longer", 5).as_str()), ("short", "long+"));
    }
}
