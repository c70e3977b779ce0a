use std::fmt::Write;

use watchfire_model::SeriesKey;

use super::Format;

/// Stands for a character that Prometheus' parser takes for the end of the text.
const INSTEAD_OF_NUL: &str = "\u{fffd}";

/// Appends the key and the space before its value. `line` is room to write in.
pub(super) fn write_key(key: &SeriesKey, line: &mut String, out: &mut Vec<u8>) {
    line.clear();
    // Writing to a string cannot fail, and the key has no errors of its own.
    let _ = write!(line, "{key} ");
    write_without_nul(line, out);
}

/// Appends a help text on one line. OpenMetrics escapes quotes as well.
pub(super) fn write_help(help: &str, format: Format, out: &mut Vec<u8>) {
    for (number, part) in help.split('\0').enumerate() {
        if number > 0 {
            out.extend_from_slice(INSTEAD_OF_NUL.as_bytes());
        }
        for byte in part.bytes() {
            match byte {
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'"' if format == Format::OpenMetrics => out.extend_from_slice(b"\\\""),
                byte => out.push(byte),
            }
        }
    }
}

fn write_without_nul(text: &str, out: &mut Vec<u8>) {
    for (number, part) in text.split('\0').enumerate() {
        if number > 0 {
            out.extend_from_slice(INSTEAD_OF_NUL.as_bytes());
        }
        out.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(text: &str, format: Format) -> String {
        let mut out = Vec::new();
        write_help(text, format, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_help_text_stays_on_its_line() {
        let text = "a \"b\"\\\nc\0 é";
        assert_eq!(help(text, Format::Text), "a \"b\"\\\\\\nc\u{fffd} é");
        assert_eq!(help(text, Format::OpenMetrics), "a \\\"b\\\"\\\\\\nc\u{fffd} é");
    }

    #[test]
    fn a_key_is_escaped_and_ends_with_a_space() {
        let key = SeriesKey::new("up", [("a", "x\"\\\n\0é")]).unwrap();
        let mut out = Vec::new();
        write_key(&key, &mut String::new(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "up{a=\"x\\\"\\\\\\n\u{fffd}é\"} ");
    }
}
