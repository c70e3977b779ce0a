//! Numbers as people read them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use watchfire_model::{Moment, Presence};

/// `0.4 s`, `12 s`, `4 min 5 s`, `3 h 12 min`, `2 days 5 h`: two units at most, the
/// smaller one cut off, never rounded up.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => tenths(duration),
        10..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => {
            let days = seconds / 86_400;
            two(days, if days == 1 { "day" } else { "days" }, seconds % 86_400 / 3600, "h")
        }
    }
}

/// Bytes in binary units: `512 B`, `12.3 GiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let mut value = bytes as f64;
    let mut unit = 0;
    // 1023.95 would be shown as "1024.0" of the smaller unit.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A value of a rule, to four digits that count: `0.04127`, `93.1`, `12840`, `1.5e12`.
pub(crate) fn number(value: f64) -> String {
    const LARGE: f64 = 1e9;
    const SMALL: f64 = 1e-4;
    let size = value.abs();
    if !value.is_finite() {
        return value.to_string();
    }
    if size >= LARGE || (size < SMALL && size > 0.0) {
        return trimmed(&format!("{value:.3e}"));
    }
    let before = [10.0, 100.0, 1000.0].iter().take_while(|bound| size >= **bound).count();
    // What is below one needs its zeros as well.
    let zeros = [0.1, 0.01, 0.001].iter().take_while(|bound| size > 0.0 && size < **bound).count();
    let places = (3_usize.saturating_sub(before)) + if size < 1.0 { zeros + 1 } else { 0 };
    trimmed(&format!("{value:.places$}"))
}

/// Without the zeros that end a fraction.
fn trimmed(number: &str) -> String {
    let (digits, exponent) = match number.split_once('e') {
        Some((digits, exponent)) => (digits, format!("e{exponent}")),
        None => (number, String::new()),
    };
    let digits = match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => digits,
    };
    format!("{digits}{exponent}")
}

/// `93.1 %`; `–` for what is no number.
pub(crate) fn percent(percent: f64) -> String {
    if percent.is_finite() { format!("{percent:.1} %") } else { "–".to_owned() }
}

/// `22 Nov 2025, 03:12:45 CET (02:12:45 UTC)`: the user's zone, then UTC.
pub(crate) fn moment(moment: Moment, zone: &TimeZone) -> String {
    let Ok(stamp) = Timestamp::from_millisecond(moment.unix_ms) else {
        return "at an unknown time".to_owned();
    };
    let local = stamp.to_zoned(zone.clone());
    let utc = stamp.to_zoned(TimeZone::UTC);
    let shown = local.strftime("%-d %b %Y, %H:%M:%S %Z").to_string();
    if local.datetime() == utc.datetime() {
        return shown;
    }
    let other = if local.date() == utc.date() { "%H:%M:%S" } else { "%-d %b, %H:%M:%S" };
    format!("{shown} ({} UTC)", utc.strftime(other))
}

/// `03:12:45.2`: the time of day in the user's zone, to the tenth, for timelines.
pub(crate) fn time_of_day(moment: Moment, zone: &TimeZone) -> String {
    let Ok(stamp) = Timestamp::from_millisecond(moment.unix_ms) else {
        return "??:??:??".to_owned();
    };
    let local = stamp.to_zoned(zone.clone());
    format!("{}.{}", local.strftime("%H:%M:%S"), local.millisecond() / 100)
}

/// `03:12` in the user's zone, and `21 Nov, 03:12` where that was not today.
pub(crate) fn clock(moment: Moment, today: Moment, zone: &TimeZone) -> String {
    let zoned = |moment: Moment| {
        let stamp = Timestamp::from_millisecond(moment.unix_ms);
        stamp.map(|stamp| stamp.to_zoned(zone.clone())).ok()
    };
    let Some(at) = zoned(moment) else { return "an unknown time".to_owned() };
    let is_today = zoned(today).is_some_and(|today| today.date() == at.date());
    at.strftime(if is_today { "%H:%M" } else { "%-d %b, %H:%M" }).to_string()
}

/// `22 Nov 2025` in the user's zone.
pub(crate) fn date(moment: Moment, zone: &TimeZone) -> String {
    Timestamp::from_millisecond(moment.unix_ms).map_or_else(
        |_| "an unknown day".to_owned(),
        |stamp| stamp.to_zoned(zone.clone()).strftime("%-d %b %Y").to_string(),
    )
}

/// How far the two clocks of one boot may drift or be set apart before their
/// difference is taken for that of another boot.
const CLOCKS_APART_MS: u64 = 5 * 60 * 1000;

/// How long it took from `earlier` to `later`. The hub's machine may have been
/// started anew in between, which gives the monotonic clock another beginning: then
/// the wall clock is all there is. The beginning shows as the difference of both
/// clocks, however long the machine has been up since.
pub(crate) fn elapsed(earlier: Moment, later: Moment) -> Duration {
    let millis = later.unix_ms.saturating_sub(earlier.unix_ms);
    let by_wall = u64::try_from(millis).ok().map(Duration::from_millis);
    let same_boot = booted_ms(earlier).abs_diff(booted_ms(later)) <= CLOCKS_APART_MS;
    match by_wall {
        Some(by_wall) if !same_boot => by_wall,
        // A wall clock that was set back tells nothing.
        _ => later.since(earlier),
    }
}

/// The wall clock when the monotonic clock was at zero.
fn booted_ms(moment: Moment) -> i64 {
    let up = i64::try_from(moment.monotonic.as_millis()).unwrap_or(i64::MAX);
    moment.unix_ms.saturating_sub(up)
}

/// The words with a capital letter first.
pub(crate) fn capitalised(words: &str) -> String {
    let mut chars = words.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

/// The presence as words of a sentence.
pub(crate) fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Unknown => "not heard of yet",
        Presence::Up => "up",
        Presence::Late => "late",
        Presence::Down => "down",
        Presence::AgentDown => "agent down",
        Presence::Unreachable => "unreachable",
        Presence::Leaving => "leaving",
    }
}

/// That the hub stood still or was cut off within a silence; `None` when that is not
/// worth a word.
pub(crate) fn hub_stalled(stalled: Duration) -> Option<String> {
    let note = |stalled| {
        let shown = duration(stalled);
        format!(
            "the hub itself stood still or was cut off for {shown} of it, which was not counted"
        )
    };
    (stalled >= Duration::from_millis(100)).then(|| note(stalled))
}

fn tenths(duration: Duration) -> String {
    let tenths = duration.as_millis() / 100;
    if tenths.is_multiple_of(10) {
        format!("{} s", tenths / 10)
    } else {
        format!("{}.{} s", tenths / 10, tenths % 10)
    }
}

fn two(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 {
        format!("{large} {large_unit}")
    } else {
        format!("{large} {large_unit} {small} {small_unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(unix_ms: i64) -> Moment {
        Moment { monotonic: Duration::ZERO, unix_ms }
    }

    #[test]
    fn durations() {
        for (millis, shown) in [
            (0, "0 s"),
            (449, "0.4 s"),
            (5000, "5 s"),
            (5099, "5 s"),
            (9999, "9.9 s"),
            (12_700, "12 s"),
            (59_999, "59 s"),
            (60_000, "1 min"),
            (130_000, "2 min 10 s"),
            (245_000, "4 min 5 s"),
            (3_600_000, "1 h"),
            (11_520_000, "3 h 12 min"),
            (86_400_000, "1 day"),
            (190_800_000, "2 days 5 h"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), shown);
        }
    }

    #[test]
    fn byte_counts() {
        for (count, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (13_207_024_435, "12.3 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(bytes(count), shown);
        }
        assert_eq!(percent(93.14), "93.1 %");
        assert_eq!(percent(f64::NAN), "–");
    }

    #[test]
    fn values_are_short() {
        for (value, shown) in [
            (0.0, "0"),
            (-0.5, "-0.5"),
            (0.041_273, "0.04127"),
            (0.5, "0.5"),
            (1.0, "1"),
            (1.239_51, "1.24"),
            (93.14, "93.14"),
            (930.0, "930"),
            (12_840.4, "12840"),
            (1.5e12, "1.5e12"),
            (0.000_012_3, "1.23e-5"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "inf"),
            (f64::MAX, "1.798e308"),
        ] {
            assert_eq!(number(value), shown);
        }
    }

    #[test]
    fn a_clock_names_the_day_when_it_is_another() {
        let at_ms = 1_763_777_565_249;
        let day_ms = 86_400_000;
        assert_eq!(clock(at(at_ms), at(at_ms + 60_000), &TimeZone::UTC), "02:12");
        assert_eq!(clock(at(at_ms), at(at_ms + day_ms), &TimeZone::UTC), "22 Nov, 02:12");
        assert_eq!(clock(at(i64::MAX), at(0), &TimeZone::UTC), "an unknown time");
    }

    #[test]
    fn moments_are_shown_in_the_users_zone_and_in_utc() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let cases = [
            (1_763_777_565_249, "22 Nov 2025, 03:12:45 CET (02:12:45 UTC)"),
            (1_763_767_800_000, "22 Nov 2025, 00:30:00 CET (21 Nov, 23:30:00 UTC)"),
            (1_752_000_000_000, "8 Jul 2025, 20:40:00 CEST (18:40:00 UTC)"),
            (i64::MAX, "at an unknown time"),
        ];
        for (unix_ms, shown) in cases {
            assert_eq!(moment(at(unix_ms), &berlin), shown);
        }
        assert_eq!(moment(at(0), &TimeZone::UTC), "1 Jan 1970, 00:00:00 UTC");
        assert_eq!(time_of_day(at(1_763_777_565_249), &berlin), "03:12:45.2");
        assert_eq!(date(at(1_763_767_800_000), &berlin), "22 Nov 2025");
        assert_eq!(time_of_day(at(i64::MIN), &berlin), "??:??:??");
    }

    #[test]
    fn a_restart_of_the_hubs_machine_does_not_shorten_an_outage() {
        let before = Moment { monotonic: Duration::from_secs(9000), unix_ms: 1_000_000 };
        let after = Moment { monotonic: Duration::from_secs(60), unix_ms: 1_300_000 };
        assert_eq!(elapsed(before, after), Duration::from_secs(300));
        let jumped = Moment { monotonic: Duration::from_secs(9010), unix_ms: 0 };
        assert_eq!(elapsed(before, jumped), Duration::from_secs(10));
        // The new boot lasts longer than the old one did.
        let early = Moment { monotonic: Duration::from_secs(60), unix_ms: 1_000_000 };
        let long_up = Moment { monotonic: Duration::from_secs(1000), unix_ms: 8_200_000 };
        assert_eq!(elapsed(early, long_up), Duration::from_secs(7200));
        // A correction of the wall clock by a minute is no restart.
        let corrected = Moment { monotonic: Duration::from_secs(9010), unix_ms: 1_070_000 };
        assert_eq!(elapsed(before, corrected), Duration::from_secs(10));
    }
}
