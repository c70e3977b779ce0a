//! Moments as Prometheus' clients send them: seconds since 1970 with a fraction, or RFC 3339.

/// What Go writes for the earliest and the latest moment it knows, which clients send for "always".
const ALWAYS: [(&str, i64); 2] =
    [("-292273086-05-16T16:47:06Z", i64::MIN), ("292277025-08-18T07:12:54.999999999Z", i64::MAX)];

/// Unix milliseconds; what does not fit is the nearest that does.
pub(super) fn read(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return seconds.is_finite().then(|| milliseconds(seconds));
    }
    if let Some((_, ms)) = ALWAYS.iter().find(|(word, _)| *word == text) {
        return Some(*ms);
    }
    // The reader below also takes other forms of ISO 8601.
    let is_rfc3339 = text.as_bytes().get(10).is_some_and(|byte| matches!(byte, b'T' | b't'));
    is_rfc3339.then(|| text.parse::<jiff::Timestamp>().ok())?.map(jiff::Timestamp::as_millisecond)
}

/// The fraction is rounded by itself: multiplied whole, the largest moments would lose digits.
#[allow(clippy::cast_possible_truncation, reason = "it saturates, which is what is wanted")]
fn milliseconds(seconds: f64) -> i64 {
    let whole = (seconds.trunc() as i64).saturating_mul(1000);
    whole.saturating_add((seconds.fract() * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read() {
        for (text, ms) in [
            ("0", 0),
            ("1435781451.781", 1_435_781_451_781),
            ("1435781451.7816", 1_435_781_451_782),
            ("-1.5", -1500),
            ("1e3", 1_000_000),
            ("1e300", i64::MAX),
            ("2015-07-01T20:10:51.781Z", 1_435_781_451_781),
            ("2015-07-01T22:10:51.781+02:00", 1_435_781_451_781),
            ("2015-07-01T20:10:51Z", 1_435_781_451_000),
            ("-292273086-05-16T16:47:06Z", i64::MIN),
        ] {
            assert_eq!(read(text), Some(ms), "{text}");
        }
        for bad in ["", "now", "NaN", "inf", "2015-07-01", "2015-07-01 20:10:51Z", "1.2.3", "5m"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
