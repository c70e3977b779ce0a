use std::fmt;

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span as JiffSpan, Timestamp};
use thiserror::Error;

/// Parts of a week, as people write them: `mon-fri 08:00-18:00, sat`.
///
/// They are read on the clock of a time zone, so that eight in the morning stays that when
/// summer time begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    text: String,
    spans: Vec<Span>,
}

/// Why hours were refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{part:?}: {why}; write hours like mon-fri 08:00-18:00, sat 10:00-14:00")]
pub struct HoursError {
    /// The part that is not understood.
    pub part: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// A time of day on some days. One that ends before it begins goes on into the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    /// Whether it begins on a day of the week, Monday first.
    days: [bool; 7],
    /// Minutes after midnight.
    from: u16,
    /// Likewise, up to 24:00; not in it any more.
    to: u16,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY_MINUTES: u16 = 24 * 60;
/// How many parts hours may have.
const MAX_PARTS: usize = 64;

impl Hours {
    /// Reads parts separated by commas. A part is days (`mon`, `mon-fri`, `sat-mon`), times
    /// (`22:00-07:00`) or days with times; no days are all of them, and no times the whole day.
    ///
    /// # Errors
    /// [`HoursError`] with the part that is not understood.
    pub fn parse(text: &str) -> Result<Self, HoursError> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        if parts.len() > MAX_PARTS {
            return Err(HoursError { part: parts[MAX_PARTS].to_owned(), why: "too many parts" });
        }
        let spans: Result<Vec<Span>, HoursError> = parts.into_iter().map(span).collect();
        Ok(Self { text: text.trim().to_owned(), spans: spans? })
    }

    /// Whether a moment, in milliseconds since 1970, lies in them.
    #[must_use]
    pub fn holds(&self, at_ms: i64, zone: &TimeZone) -> bool {
        local(at_ms, zone).is_some_and(|local| self.spans.iter().any(|span| span.holds(local)))
    }

    /// The first moment from `at_ms` on that lies in them, or with `inside` false outside of
    /// them, in milliseconds since 1970. `None` when there is none within a week.
    #[must_use]
    pub fn next(&self, at_ms: i64, inside: bool, zone: &TimeZone) -> Option<i64> {
        if self.holds(at_ms, zone) == inside {
            return Some(at_ms);
        }
        let mut borders = self.borders(at_ms, zone);
        borders.sort_unstable();
        borders.into_iter().find(|border| self.holds(*border, zone) == inside)
    }

    /// The moments after `at_ms` at which some part begins or ends, up to a week and a day.
    fn borders(&self, at_ms: i64, zone: &TimeZone) -> Vec<i64> {
        let Some(now) = local(at_ms, zone) else { return Vec::new() };
        let midnight = now.date().to_datetime(Time::midnight());
        let mut borders = Vec::new();
        for day in 0..=8_i64 {
            for minutes in self.spans.iter().flat_map(|span| [span.from, span.to]) {
                let after = JiffSpan::new().days(day).minutes(i64::from(minutes));
                let Ok(border) = midnight.checked_add(after) else { continue };
                let Ok(border) = border.to_zoned(zone.clone()) else { continue };
                let border = border.timestamp().as_millisecond();
                if border > at_ms {
                    borders.push(border);
                }
            }
        }
        borders
    }
}

/// As they were written.
impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Span {
    fn holds(&self, local: DateTime) -> bool {
        let today = usize::try_from(local.weekday().to_monday_zero_offset()).unwrap_or(0);
        let minute = u16::try_from(i16::from(local.hour()) * 60 + i16::from(local.minute()));
        let minute = minute.unwrap_or(0);
        if self.from < self.to {
            return self.days[today] && (self.from..self.to).contains(&minute);
        }
        let yesterday = (today + 6) % 7;
        (self.days[today] && minute >= self.from) || (self.days[yesterday] && minute < self.to)
    }
}

fn local(at_ms: i64, zone: &TimeZone) -> Option<DateTime> {
    let stamp = Timestamp::from_millisecond(at_ms).ok()?;
    Some(stamp.to_zoned(zone.clone()).datetime())
}

fn span(part: &str) -> Result<Span, HoursError> {
    let refused = |why| HoursError { part: part.to_owned(), why };
    let mut words = part.split_whitespace();
    let first = words.next().ok_or(refused("nothing between two commas"))?;
    let (days, times) = match words.next() {
        second @ Some(_) => (Some(first), second),
        None if first.starts_with(|c: char| c.is_ascii_digit()) => (None, Some(first)),
        None => (Some(first), None),
    };
    if words.next().is_some() {
        return Err(refused("more than days and times"));
    }
    let days = days.map_or(Ok([true; 7]), |text| days_of(text).map_err(refused))?;
    let (from, to) = times.map_or(Ok((0, DAY_MINUTES)), |text| times_of(text).map_err(refused))?;
    Ok(Span { days, from, to })
}

fn days_of(text: &str) -> Result<[bool; 7], &'static str> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let day = |name: &str| DAYS.iter().position(|day| day.eq_ignore_ascii_case(name));
    let unknown = "a day is one of mon tue wed thu fri sat sun";
    let (first, last) = (day(first).ok_or(unknown)?, day(last).ok_or(unknown)?);
    let mut days = [false; 7];
    let count = (last + 7 - first) % 7 + 1;
    (0..count).for_each(|after| days[(first + after) % 7] = true);
    Ok(days)
}

fn times_of(text: &str) -> Result<(u16, u16), &'static str> {
    let (from, to) = text.split_once('-').ok_or("times have a - between them")?;
    let (from, to) = (time(from)?, time(to)?);
    if from == to || from == DAY_MINUTES {
        return Err("it has no length; leave the times out for a whole day");
    }
    Ok((from, to))
}

fn time(text: &str) -> Result<u16, &'static str> {
    let why = "a time is 00:00 to 24:00";
    let (hour, minute) = text.split_once(':').ok_or(why)?;
    let two = |digits: &str| digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
    if !two(minute) || !(two(hour) || (hour.len() == 1 && hour.as_bytes()[0].is_ascii_digit())) {
        return Err(why);
    }
    let (hour, minute): (u16, u16) =
        (hour.parse().map_err(|_| why)?, minute.parse().map_err(|_| why)?);
    let minutes = hour * 60 + minute;
    if minute < 60 && minutes <= DAY_MINUTES { Ok(minutes) } else { Err(why) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str, zone: &TimeZone) -> i64 {
        let civil: DateTime = text.parse().unwrap();
        civil.to_zoned(zone.clone()).unwrap().timestamp().as_millisecond()
    }

    #[test]
    fn a_moment_lies_in_them_or_not() {
        // The 23rd of November 2026 is a Monday.
        for (hours, moment, inside) in [
            ("mon-fri 08:00-18:00", "2026-11-23T08:00", true),
            ("mon-fri 08:00-18:00", "2026-11-23T07:59:59", false),
            ("mon-fri 08:00-18:00", "2026-11-23T18:00", false),
            ("mon-fri 08:00-18:00", "2026-11-22T12:00", false),
            ("22:00-07:00", "2026-11-23T23:30", true),
            ("22:00-07:00", "2026-11-23T06:59", true),
            ("22:00-07:00", "2026-11-23T12:00", false),
            ("fri 22:00-06:00", "2026-11-28T05:00", true),
            ("fri 22:00-06:00", "2026-11-27T05:00", false),
            ("sat-mon", "2026-11-23T23:59", true),
            ("sat-mon", "2026-11-24T00:00", false),
            ("mon 9:00-24:00, tue", "2026-11-24T12:00", true),
            ("Mon 20:00-24:00", "2026-11-23T23:59", true),
            ("Mon 20:00-00:00", "2026-11-24T00:00", false),
        ] {
            let zone = TimeZone::UTC;
            let read = Hours::parse(hours).unwrap();
            assert_eq!(read.holds(at(moment, &zone), &zone), inside, "{hours} at {moment}");
            assert_eq!(read.to_string(), hours);
        }
    }

    #[test]
    fn mistakes_name_the_part() {
        for (text, part) in [
            ("", ""),
            ("mon-fri 08:00-18:00,", ""),
            ("monday", "monday"),
            ("mon 8-18", "mon 8-18"),
            ("sat, mon 25:00-26:00", "mon 25:00-26:00"),
            ("08:00-08:00", "08:00-08:00"),
            ("24:00-08:00", "24:00-08:00"),
            ("08:60-09:00", "08:60-09:00"),
            ("mon 08:00 - 18:00", "mon 08:00 - 18:00"),
            ("mon +8:00-18:00", "mon +8:00-18:00"),
        ] {
            assert_eq!(Hours::parse(text).unwrap_err().part, part, "{text}");
        }
        assert!(Hours::parse(&"mon,".repeat(100)).is_err());
    }

    #[test]
    fn they_follow_the_clock_on_the_wall_when_summer_time_begins() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let hours = Hours::parse("08:00-18:00").unwrap();
        for day in ["2026-03-28", "2026-03-29", "2026-10-25"] {
            let morning = at(&format!("{day}T08:00"), &zone);
            let night = at(&format!("{day}T00:30"), &zone);
            assert_eq!(hours.next(night, true, &zone), Some(morning), "{day}");
        }
    }

    #[test]
    fn what_never_is_has_no_next() {
        let all = Hours::parse("mon-sun").unwrap();
        assert_eq!(all.next(0, false, &TimeZone::UTC), None);
        assert_eq!(all.next(i64::MAX, true, &TimeZone::UTC), None);
    }

    fn some_hours() -> impl Strategy<Value = String> {
        let time = (0_u16..24, 0_u16..60).prop_map(|(h, m)| format!("{h:02}:{m:02}"));
        let times = (time.clone(), time).prop_filter("a length", |(from, to)| from != to);
        let part = (0_usize..7, 0_usize..7, proptest::option::of(times)).prop_map(
            |(first, last, times)| match times {
                Some((from, to)) => format!("{}-{} {from}-{to}", DAYS[first], DAYS[last]),
                None => format!("{}-{}", DAYS[first], DAYS[last]),
            },
        );
        proptest::collection::vec(part, 1..4).prop_map(|parts| parts.join(", "))
    }

    proptest! {
        #[test]
        fn the_next_moment_is_the_first_one(
            text in some_hours(),
            minute in 0_i64..60 * 24 * 400,
            inside: bool,
        ) {
            let hours = Hours::parse(&text).unwrap();
            let zone = TimeZone::UTC;
            let from = 1_790_000_000_000 / 60_000 * 60_000 + minute * 60_000;
            let week = (0..=60 * 24 * 8).map(|after| from + after * 60_000);
            let walked = week.into_iter().find(|at| hours.holds(*at, &zone) == inside);
            prop_assert_eq!(hours.next(from, inside, &zone), walked);
        }
    }
}
