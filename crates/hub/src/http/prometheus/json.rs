//! JSON as Prometheus writes it: moments are seconds with three decimals where they are needed,
//! numbers are strings.

use std::io::Write;

use watchfire_model::LabelSet;

/// Below this a number is written with an exponent, as Go does.
const SMALLEST_PLAIN: f64 = 1e-6;
/// From this on as well.
const LARGEST_PLAIN: f64 = 1e21;
/// Whole numbers below this are exact and quick to write.
const WHOLE: f64 = 1e15;

/// Writing into memory cannot fail, so nothing here looks at the results.
macro_rules! put {
    ($out:expr, $($text:tt)*) => {{ let _ = write!($out, $($text)*); }};
}

/// `[1435781451.781,"0.5"]`
pub(super) fn point(out: &mut Vec<u8>, at_ms: i64, value: f64) {
    out.push(b'[');
    moment(out, at_ms);
    out.extend_from_slice(b",\"");
    number(out, value);
    out.extend_from_slice(b"\"]");
}

/// Unix milliseconds as seconds.
pub(super) fn moment(out: &mut Vec<u8>, at_ms: i64) {
    let sign = if at_ms < 0 { "-" } else { "" };
    let ms = at_ms.unsigned_abs();
    put!(out, "{sign}{}", ms / 1000);
    if !ms.is_multiple_of(1000) {
        put!(out, ".{:03}", ms % 1000);
    }
}

/// A number without its quotes: all digits that tell it from its neighbours.
pub(super) fn number(out: &mut Vec<u8>, value: f64) {
    let size = value.abs();
    if !value.is_finite() {
        let word = if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        };
        out.extend_from_slice(word.as_bytes());
    } else if size < WHOLE && value.fract() == 0.0 && value != 0.0 {
        #[allow(clippy::cast_possible_truncation, reason = "it is whole and small")]
        let whole = value as i64;
        put!(out, "{whole}");
    } else if size == 0.0 || (SMALLEST_PLAIN..LARGEST_PLAIN).contains(&size) {
        put!(out, "{value}");
    } else {
        with_exponent(out, value);
    }
}

/// A number that always has an exponent, as alerts have it: `1e+00`.
pub(super) fn scientific(value: f64) -> String {
    let mut out = Vec::new();
    match value.is_finite() {
        true => with_exponent(&mut out, value),
        false => number(&mut out, value),
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// `1e-07`, `1.5e+300`: a sign and at least two digits.
fn with_exponent(out: &mut Vec<u8>, value: f64) {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    put!(out, "{digits}e{sign}{exponent:0>2}");
}

/// A text with its quotes.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    // Serialising a text into memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

/// `{"__name__":"up","instance":"web-1"}`
pub(super) fn labels(out: &mut Vec<u8>, labels: &LabelSet) {
    out.push(b'{');
    for (number, (name, value)) in labels.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        text(out, name);
        out.push(b':');
        text(out, value);
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn numbers_are_written_as_go_does() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-17.0, "-17"),
            (0.1, "0.1"),
            (1e15, "1000000000000000"),
            (123_456_789_012_345_680.0, "123456789012345680"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (1e-6, "0.000001"),
            (1e-7, "1e-07"),
            (-2.5e-10, "-2.5e-10"),
            (5e-324, "5e-324"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(written(|out| number(out, value)), text);
        }
    }

    #[test]
    fn alerts_have_their_values_with_an_exponent() {
        for (value, text) in [
            (0.0, "0e+00"),
            (1.0, "1e+00"),
            (-123.5, "-1.235e+02"),
            (1e-7, "1e-07"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(scientific(value), text);
        }
    }

    #[test]
    fn moments_have_three_decimals_or_none() {
        for (ms, text) in [
            (0, "0"),
            (1_435_781_451_781, "1435781451.781"),
            (1_010, "1.010"),
            (1_001, "1.001"),
            (-1_500, "-1.500"),
            (60_000, "60"),
        ] {
            assert_eq!(written(|out| moment(out, ms)), text);
        }
    }

    #[test]
    fn labels_are_an_object_with_its_texts_escaped() {
        let set = LabelSet::of(&[("__name__", "up"), ("path", "a\"b\\c\n\u{1}"), ("ü", "🔥")]);
        let text = written(|out| labels(out, &set));
        assert_eq!(text, r#"{"__name__":"up","path":"a\"b\\c\n\u0001","ü":"🔥"}"#);
    }
}
