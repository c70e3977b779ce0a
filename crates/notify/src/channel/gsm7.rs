//! The alphabet of text messages (3GPP TS 23.038, section 6.2.1), and how a text is brought into
//! it: 160 of its characters fit where 70 of any other alphabet do.

/// The default alphabet, in the order of its codes. `ESC` stands where the extension begins.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                     ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// The extension: each takes an escape and its code.
const EXTENSION: [(char, u8); 9] = [
    ('^', 0x14),
    ('{', 0x28),
    ('}', 0x29),
    ('\\', 0x2f),
    ('[', 0x3c),
    ('~', 0x3d),
    (']', 0x3e),
    ('|', 0x40),
    ('€', 0x65),
];

const ESCAPE: u8 = 0x1b;

/// What stands in for characters that the alphabet has not, where nothing is lost but beauty.
const STAND_INS: &[(&str, &str)] = &[
    ("‘’‚‛′`´", "'"),
    ("“”„‟″«»", "\""),
    ("‐‑‒–—―−·•", "-"),
    ("…", "..."),
    ("°\u{200b}\u{ad}", ""),
    ("→", "->"),
    ("←", "<-"),
    ("≥", ">="),
    ("≤", "<="),
    ("≈", "~"),
    ("×", "x"),
    ("µμ", "u"),
    ("\u{a0}\u{2009}\u{202f}\t", " "),
    ("▁", "1"),
    ("▂", "2"),
    ("▃", "3"),
    ("▄", "4"),
    ("▅", "5"),
    ("▆", "6"),
    ("▇", "7"),
    ("█", "8"),
    ("áâãāăą", "a"),
    ("ÁÂÃÀĀĂĄ", "A"),
    ("çćčĉ", "c"),
    ("ĆČĈ", "C"),
    ("ďđ", "d"),
    ("ĎĐ", "D"),
    ("êëēėęě", "e"),
    ("ÈÊËĒĖĘĚ", "E"),
    ("ğģ", "g"),
    ("ĞĢ", "G"),
    ("íîïīįı", "i"),
    ("ÍÎÏÌĪĮİ", "I"),
    ("ķ", "k"),
    ("Ķ", "K"),
    ("łļľ", "l"),
    ("ŁĻĽ", "L"),
    ("ńņň", "n"),
    ("ŃŅŇ", "N"),
    ("óôõőō", "o"),
    ("ÓÔÕÒŐŌ", "O"),
    ("œ", "oe"),
    ("Œ", "OE"),
    ("řŕ", "r"),
    ("ŘŔ", "R"),
    ("śšşș", "s"),
    ("ŚŠŞȘ", "S"),
    ("ťţț", "t"),
    ("ŤŢȚ", "T"),
    ("úûūůűų", "u"),
    ("ÚÛÙŪŮŰŲ", "U"),
    ("ýÿ", "y"),
    ("ÝŸ", "Y"),
    ("źżž", "z"),
    ("ŹŻŽ", "Z"),
];

/// A character's codes: one septet, or an escape and another; `None` when the alphabet has it
/// not.
pub(crate) fn septets(c: char) -> Option<([u8; 2], usize)> {
    if let Some((_, code)) = EXTENSION.iter().find(|(extended, _)| *extended == c) {
        return Some(([ESCAPE, *code], 2));
    }
    let code = BASIC.chars().position(|basic| basic == c && c != '\u{1b}')?;
    Some(([u8::try_from(code).ok()?, 0], 1))
}

/// The text in the alphabet, with stand-ins for what it lacks; `None` when a letter has none, as
/// in most scripts but Latin. A mere sign without one is a question mark.
pub(crate) fn transliterated(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if septets(c).is_some() {
            plain.push(c);
        } else {
            let sign = (!c.is_alphanumeric()).then_some("?");
            plain.push_str(stand_in(c).or(sign)?);
        }
    }
    Some(plain)
}

fn stand_in(c: char) -> Option<&'static str> {
    STAND_INS.iter().find(|(from, _)| from.contains(c)).map(|(_, to)| *to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_those_of_the_standard() {
        assert_eq!(BASIC.chars().count(), 128);
        for (c, code) in [('@', 0), ('\n', 10), (' ', 32), ('A', 65), ('z', 122), ('à', 127)] {
            assert_eq!(septets(c), Some(([code, 0], 1)), "{c:?}");
        }
        assert_eq!(septets('€'), Some(([0x1b, 0x65], 2)));
        assert_eq!(septets('\u{1b}'), None);
        assert_eq!(septets('ç'), None);
    }

    #[test]
    fn every_stand_in_is_in_the_alphabet() {
        for (from, to) in STAND_INS {
            assert!(to.chars().all(|c| septets(c).is_some()), "{to:?}");
            assert!(from.chars().all(|c| septets(c).is_none()), "{from:?} needs none");
        }
    }

    #[test]
    fn what_is_easy_is_transliterated_and_nothing_else() {
        let text = "“db–1” weg … čaj 90 °C ☃";
        assert_eq!(transliterated(text).as_deref(), Some("\"db-1\" weg ... caj 90 C ?"));
        assert_eq!(transliterated("сервер"), None);
        assert_eq!(transliterated("▁▄█").as_deref(), Some("148"));
    }
}
