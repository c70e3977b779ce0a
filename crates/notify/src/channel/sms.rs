//! A message as a text message: at most two segments (row A32), and as many facts as fit.

use crate::Outgoing;
use crate::channel::text::{self, Limit};
use crate::channel::{Address, gsm7};

/// The most segments of one message: what a person pays for, and reads on a locked phone.
const MAX_SEGMENTS: usize = 2;

/// More than this never fits; it bounds the work on a long text.
const ENOUGH: Limit = Limit::Units(2048);
const MOST_LINES: usize = 12;

/// What ends a subject that was cut, in any alphabet.
const CUT: &str = "...";

/// In what a text message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alphabet {
    /// The alphabet of [`gsm7`], in septets.
    Gsm7,
    /// Any other, in units of UTF-16.
    Ucs2,
}

/// A text that fits into at most two segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sms {
    pub(crate) text: String,
    pub(crate) alphabet: Alphabet,
}

impl Alphabet {
    /// How many units one segment has; less where it must say which part of a whole it is
    /// (3GPP TS 23.040, section 9.2.3.24.1).
    fn room(self, is_part: bool) -> usize {
        match (self, is_part) {
            (Self::Gsm7, false) => 160,
            (Self::Gsm7, true) => 153,
            (Self::Ucs2, false) => 70,
            (Self::Ucs2, true) => 67,
        }
    }

    /// How many units a character takes. It never takes more than two, and they stay together.
    fn units(self, c: char) -> usize {
        match self {
            Self::Gsm7 => gsm7::septets(c).map_or(1, |(_, count)| count),
            Self::Ucs2 => c.len_utf16(),
        }
    }
}

impl Sms {
    /// The subject, and then as many lines of the text as fit whole. A line in another script
    /// than the subject's stays out where it would cost half of the room.
    pub(crate) fn of(message: &Outgoing<'_>) -> Self {
        let words = text::plain(message, ENOUGH);
        let facts = words.text.lines().map(str::trim).take(MOST_LINES);
        let facts = facts.filter(|line| !line.is_empty() && *line != words.subject);
        match gsm7::transliterated(&words.subject) {
            Some(subject) => {
                Self::fitted(&subject, facts.filter_map(gsm7::transliterated), Alphabet::Gsm7)
            }
            None => Self::fitted(&words.subject, facts.map(str::to_owned), Alphabet::Ucs2),
        }
    }

    /// The subject cut where it must be, and of the facts those that fit whole.
    fn fitted(subject: &str, facts: impl Iterator<Item = String>, alphabet: Alphabet) -> Self {
        let mut text = cut(subject, alphabet);
        for line in facts {
            let longer = format!("{text}\n{line}");
            if !fits(&longer, alphabet) {
                break;
            }
            text = longer;
        }
        Self { text, alphabet }
    }

    /// The one or two parts in which it goes over the air.
    pub(crate) fn segments(&self) -> Vec<&str> {
        segments(&self.text, self.alphabet)
    }
}

fn cut(line: &str, alphabet: Alphabet) -> String {
    if fits(line, alphabet) {
        return line.to_owned();
    }
    let mut kept = String::new();
    for c in line.chars() {
        if !fits(&format!("{kept}{c}{CUT}"), alphabet) {
            break;
        }
        kept.push(c);
    }
    format!("{}{CUT}", kept.trim_end())
}

fn fits(text: &str, alphabet: Alphabet) -> bool {
    segments(text, alphabet).len() <= MAX_SEGMENTS
}

fn segments(text: &str, alphabet: Alphabet) -> Vec<&str> {
    let whole: usize = text.chars().map(|c| alphabet.units(c)).sum();
    if whole <= alphabet.room(false) {
        return vec![text];
    }
    let (mut parts, mut start, mut used) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        let units = alphabet.units(c);
        if used + units > alphabet.room(true) {
            parts.push(&text[start..at]);
            (start, used) = (at, 0);
        }
        used += units;
    }
    parts.push(&text[start..]);
    parts
}

/// A telephone number: `+` and up to 15 digits (E.164), or a short one without `+`. Spaces,
/// brackets, dots and hyphens are left out.
pub(crate) fn number(text: &str) -> Result<String, String> {
    let bare: String = text.chars().filter(|c| !" ()-./".contains(*c)).collect();
    let digits = bare.strip_prefix('+').unwrap_or(&bare);
    if !(3..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("a telephone number is written like +4917012345678".to_owned());
    }
    Ok(bare)
}

/// A sender: a number, or a name of up to 11 letters, digits and spaces, where the provider
/// allows that.
pub(crate) fn sender(text: &str) -> Result<String, String> {
    let is_name = text.chars().any(|c| c.is_ascii_alphabetic())
        && text.len() <= 11
        && text.chars().all(|c| c.is_ascii_alphanumeric() || " -_.&".contains(c));
    if is_name {
        return Ok(text.to_owned());
    }
    let words = "the sender is a number like +4917012345678 or a name of up to 11 letters";
    number(text).map_err(|_| words.to_owned())
}

/// The number as most providers write it: with country and a `+`.
pub(crate) fn international(text: &str) -> Result<String, String> {
    let number = number(text)?;
    let digits = number.strip_prefix('+').or_else(|| number.strip_prefix("00")).unwrap_or(&number);
    // Six digits and less are short codes, which have no country.
    if digits == number && digits.len() <= 6 {
        return Ok(number);
    }
    if digits.starts_with('0') {
        return Err("the number lacks its country: write it like +4917012345678".to_owned());
    }
    Ok(format!("+{digits}"))
}

/// The one number that a URL names, in its path or after `to=`.
pub(crate) fn target(
    address: &Address,
    targets: fn(&Address) -> Option<usize>,
) -> Result<String, String> {
    let from = targets(address).unwrap_or_default();
    let target = address.targets(from).into_iter().next();
    target.ok_or_else(|| "it names nobody: add a number like +4917012345678".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{content, outgoing};
    use proptest::prelude::*;

    fn sms(subject: &str, text: &str) -> Sms {
        Sms::of(&outgoing(&content(subject, text)))
    }

    #[test]
    fn the_subject_comes_first_and_facts_follow_while_they_fit() {
        let sms = sms("[DOWN] db-1", "[DOWN] db-1\n\nSilent since 03:12\nsite=fra\n-- \nSent by");
        assert_eq!(sms.text, "[DOWN] db-1\nSilent since 03:12\nsite=fra");
        assert_eq!((sms.alphabet, sms.segments().len()), (Alphabet::Gsm7, 1));
    }

    #[test]
    fn another_script_has_less_room_and_does_not_take_it_from_the_subject() {
        let cyrillic = sms("сервер упал", &"строка\n".repeat(100));
        assert_eq!((cyrillic.alphabet, cyrillic.segments().len()), (Alphabet::Ucs2, 2));
        let latin = sms("db-1 is down", "причина\nsite=fra");
        assert_eq!(
            (latin.alphabet, latin.text.as_str()),
            (Alphabet::Gsm7, "db-1 is down\nsite=fra")
        );
        let long = sms(&"{".repeat(400), "");
        assert!(long.text.ends_with("{..."), "{}", long.text);
    }

    #[test]
    fn the_limits_are_those_of_the_standard() {
        let of = |count: usize| segments(&"a".repeat(count), Alphabet::Gsm7).len();
        assert_eq!([of(160), of(161), of(306), of(307)], [1, 2, 2, 3]);
        let of = |count: usize| segments(&"я".repeat(count), Alphabet::Ucs2).len();
        assert_eq!([of(70), of(71), of(134), of(135)], [1, 2, 2, 3]);
        // An escape is not parted from what it escapes.
        let text = format!("{}€{}", "a".repeat(152), "a".repeat(20));
        assert_eq!(segments(&text, Alphabet::Gsm7)[0].chars().count(), 152);
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        assert_eq!(number("+49 (170) 123-45.67").as_deref(), Ok("+491701234567"));
        assert_eq!(international("491701234567").as_deref(), Ok("+491701234567"));
        assert_eq!(international("0049 170 1234567").as_deref(), Ok("+491701234567"));
        assert_eq!(international("12345").as_deref(), Ok("12345"));
        assert!(international("0170 1234567").unwrap_err().contains("country"));
        for bad in ["", "+", "12", "+1234567890123456", "+49x", "1+23", "+49\r\nAT"] {
            assert!(number(bad).is_err(), "{bad:?}");
        }
        assert_eq!(sender("Watchfire").as_deref(), Ok("Watchfire"));
        assert!(sender("a name that is too long").is_err());
    }

    proptest! {
        #[test]
        fn no_text_takes_more_than_two_segments(subject in any::<String>(), text in any::<String>()) {
            let sms = sms(&subject, &text);
            let segments = sms.segments();
            prop_assert!(segments.len() <= MAX_SEGMENTS);
            prop_assert_eq!(segments.concat(), sms.text.clone());
            for segment in &segments {
                let units: usize = segment.chars().map(|c| sms.alphabet.units(c)).sum();
                prop_assert!(units <= sms.alphabet.room(segments.len() > 1));
            }
            if sms.alphabet == Alphabet::Gsm7 {
                prop_assert!(sms.text.chars().all(|c| gsm7::septets(c).is_some()));
            }
        }

        #[test]
        fn long_texts_are_cut_likewise(subject in "[a-z€{}я😀 ]{0,400}", text in "([a-z€я ]{0,80}\n){0,9}") {
            prop_assert!(sms(&subject, &text).segments().len() <= MAX_SEGMENTS);
        }
    }
}
