//! Times as people write them.

use anyhow::{Result, bail};
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use watchfire_api::when::ago;

/// Reads a past time, as milliseconds since 1970: `03:12`, `yesterday 14:00`,
/// `2026-11-22 03:12`, `-1h30m`, RFC 3339, or seconds since 1970. A time of day
/// is the last one that was: today's, or yesterday's where today's is to come.
///
/// # Errors
///
/// What is wrong, with examples.
pub(crate) fn past(text: &str, now: Timestamp, zone: &TimeZone) -> Result<i64> {
    let text = text.trim();
    let here = now.to_zoned(zone.clone());
    let ago = ago(text, now.as_millisecond());
    let found = ago
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .or_else(|| of_day(text, &here))
        .or_else(|| yesterday(text, &here))
        .or_else(|| date(text, zone))
        .or_else(|| text.parse::<Timestamp>().ok())
        .or_else(|| seconds(text));
    let Some(found) = found else {
        bail!(
            "{text:?} is no time\n  hint: write 03:12, \"yesterday 14:00\", \"2026-11-22 03:12\", \
             -1h30m, 2026-11-22T03:12:00Z or seconds since 1970"
        );
    };
    if found > now {
        bail!("{text:?} is still to come\n  hint: name a time that has passed");
    }
    Ok(found.as_millisecond())
}

fn of_day(text: &str, here: &Zoned) -> Option<Timestamp> {
    let today = on(here, time(text)?)?;
    if today <= here.timestamp() {
        return Some(today);
    }
    on(&here.yesterday().ok()?, time(text)?)
}

fn yesterday(text: &str, here: &Zoned) -> Option<Timestamp> {
    let time = time(text.strip_prefix("yesterday")?.trim_start())?;
    on(&here.yesterday().ok()?, time)
}

fn on(day: &Zoned, time: Time) -> Option<Timestamp> {
    let at = day.date().to_datetime(time).to_zoned(day.time_zone().clone());
    at.ok().map(|at| at.timestamp())
}

/// `3:12`, `03:12` or `03:12:45`, and nothing else that a parser of times may take.
fn time(text: &str) -> Option<Time> {
    let plain = text.chars().all(|c| c.is_ascii_digit() || c == ':');
    let (hours, _) = text.split_once(':')?;
    let padded = if hours.len() == 1 { format!("0{text}") } else { text.to_owned() };
    if plain { padded.parse().ok() } else { None }
}

fn date(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let local: DateTime = text.parse().ok()?;
    // A zone at the end would be taken in silence, and it means another time.
    let bare = !text.ends_with(['Z', 'z', ']']) && !text.get(10..)?.contains(['+', '-']);
    bare.then(|| local.to_zoned(zone.clone()).ok().map(|at| at.timestamp()))?
}

fn seconds(text: &str) -> Option<Timestamp> {
    let plain = text.len() >= 9 && text.chars().all(|c| c.is_ascii_digit());
    Timestamp::from_second(if plain { text.parse().ok()? } else { return None }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String> {
        let zone = TimeZone::get("Europe/Berlin").expect("is built in or on the machine");
        let now: Timestamp = "2026-11-22T02:30:00Z".parse().expect("a time");
        let ms = past(text, now, &zone)?;
        Ok(Timestamp::from_millisecond(ms)?.to_string())
    }

    #[test]
    fn times_as_people_write_them() {
        for (text, expected) in [
            ("now", "2026-11-22T02:30:00Z"),
            ("-90s", "2026-11-22T02:28:30Z"),
            ("-1h30m", "2026-11-22T01:00:00Z"),
            ("-2d", "2026-11-20T02:30:00Z"),
            // It is 3:30 in Berlin.
            ("03:12", "2026-11-22T02:12:00Z"),
            ("3:12:45", "2026-11-22T02:12:45Z"),
            ("14:00", "2026-11-21T13:00:00Z"),
            ("yesterday 03:12", "2026-11-21T02:12:00Z"),
            ("2026-11-20 14:00", "2026-11-20T13:00:00Z"),
            ("2026-07-01 14:00:30", "2026-07-01T12:00:30Z"),
            ("2026-11-20T14:00:00Z", "2026-11-20T14:00:00Z"),
            ("2026-11-20T14:00:00+05:00", "2026-11-20T09:00:00Z"),
            ("1700000000", "2023-11-14T22:13:20Z"),
        ] {
            assert_eq!(read(text).expect(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_gets_examples() {
        for text in ["", "noon", "25:00", "-", "-1", "-1x", "12", "yesterday", "2026-13-01 00:00"] {
            let error = read(text).expect_err(text).to_string();
            assert!(error.contains("is no time") && error.contains("hint"), "{error}");
        }
    }

    #[test]
    fn a_number_of_any_size_is_refused_and_not_fatal() {
        let units = ["s", "m", "h", "d"];
        for digits in ["9999999999999", "9223372036854775807", "99999999999999999999999"] {
            for text in units.map(|unit| format!("-{digits}{unit}")) {
                let error = read(&text).expect_err(&text).to_string();
                assert!(error.contains("is no time"), "{error}");
            }
            assert!(read(digits).is_err() && read(&format!("-{digits}")).is_err());
        }
        assert!(read("-99999999999d").is_err());
        assert!(read("-9223372036854775807s9223372036854775807s").is_err());
    }

    #[test]
    fn the_future_has_not_been_recorded() {
        let error = read("2027-01-01 00:00").expect_err("to come").to_string();
        assert!(error.contains("still to come"), "{error}");
    }
}
