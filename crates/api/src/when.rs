//! Moments as questions name them, shared by the hub and by whoever asks it.

use jiff::{SignedDuration, Timestamp};

/// How questions write a moment, for errors.
pub const WHEN_HINT: &str =
    "write RFC 3339 as in 2026-11-22T03:12:00Z, seconds since 1970, or a time ago as in -15m";

/// Reads a moment, in milliseconds since 1970: `now`, a time ago (`-15m`, `-1h30m`, `-2d`),
/// RFC 3339, or seconds since 1970, with a fraction or without.
#[must_use]
pub fn read_moment(text: &str, now_ms: i64) -> Option<i64> {
    let text = text.trim();
    ago(text, now_ms).or_else(|| rfc3339(text)).or_else(|| seconds(text))
}

/// `now`, or a time ago: numbers with the units `s`, `m`, `h` and `d` behind a minus, as
/// in `-1h30m`.
#[must_use]
pub fn ago(text: &str, now_ms: i64) -> Option<i64> {
    if text == "now" {
        return Some(now_ms);
    }
    let mut rest = text.strip_prefix('-').filter(|rest| !rest.is_empty())?;
    let mut ago_s = 0_i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        let unit = match rest[digits..].chars().next()? {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        ago_s = ago_s.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[digits + 1..];
    }
    let now = Timestamp::from_millisecond(now_ms).ok()?;
    let then = now.checked_sub(SignedDuration::from_secs(ago_s)).ok()?;
    Some(then.as_millisecond())
}

/// In an address a plus stands for a blank, so `+01:00` may come as ` 01:00`.
fn rfc3339(text: &str) -> Option<i64> {
    let read = |text: &str| text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond);
    read(text).or_else(|| {
        let (before, zone) = text.rsplit_once(' ')?;
        read(&format!("{before}+{zone}"))
    })
}

#[expect(clippy::cast_possible_truncation, reason = "its range is checked")]
fn seconds(text: &str) -> Option<i64> {
    let plain = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let seconds: f64 = if plain { text.parse().ok()? } else { return None };
    let ms = (seconds * 1000.0).round();
    (ms.is_finite() && (ms as i64) <= Timestamp::MAX.as_millisecond()).then_some(ms as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2023-11-14T22:13:20Z.
    const NOW: i64 = 1_700_000_000_000;

    #[test]
    fn moments_are_read() {
        for (text, ms) in [
            ("now", NOW),
            ("-90s", NOW - 90_000),
            ("-1h30m", NOW - 5_400_000),
            ("-2d", NOW - 172_800_000),
            ("2023-11-14T22:13:20Z", NOW),
            ("2023-11-14T22:13:20.250Z", NOW + 250),
            ("2023-11-14T23:13:20+01:00", NOW),
            ("2023-11-14T23:13:20 01:00", NOW),
            ("1700000000", NOW),
            ("1700000000.25", NOW + 250),
            ("0", 0),
        ] {
            assert_eq!(read_moment(text, NOW), Some(ms), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_none() {
        let texts = [
            "",
            "-",
            "-1",
            "noon",
            "-1x",
            "-m",
            "1e9",
            "NaN",
            "inf",
            "--1",
            "1.2.3",
            "2023-13-01T00:00:00Z",
            "-9223372036854775807s9223372036854775807s",
            "-99999999999d",
            "99999999999999999999",
            "2023-11-14",
            "9223372036854775807",
        ];
        for text in texts {
            assert_eq!(read_moment(text, NOW), None, "{text}");
        }
    }
}
