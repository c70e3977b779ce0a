//! Moments and stretches of time.

use jiff::Timestamp;
use watchfire_promql::duration_ms;

use super::humanize::four;
use super::number::number;
use super::{Function, Kind, plain, text_of};
use crate::go_template::value::Value;

const ONE: &[Kind] = &[Kind::Any];

pub(super) static FUNCTIONS: [Function; 5] = [
    plain("humanizeTimestamp", ONE, |_, given| {
        let seconds = number(&given[0])?;
        if !seconds.is_finite() {
            return Ok(four(seconds).into());
        }
        moment(seconds).map(|at_ms| moment_text(at_ms).into())
    }),
    plain("toTime", ONE, |_, given| moment(number(&given[0])?).map(Value::Time)),
    plain("toDuration", ONE, |_, given| nanoseconds(number(&given[0])?).map(Value::Duration)),
    plain("parseDuration", &[Kind::Text], |_, given| {
        let word = text_of(&given[0]);
        let ms = if word == "0" { Some(0) } else { duration_ms(word) };
        let ms = ms.ok_or_else(|| format!("{word:?} is no duration such as 1h30m"));
        ms.map(|ms| Value::Float(ms as f64 / 1000.0))
    }),
    plain("now", &[], |context, _| {
        let now = context.now_ms().ok_or("the moment is not known here");
        Ok(Value::Float(now? as f64 / 1000.0))
    }),
];

/// Unix milliseconds of seconds.
fn moment(seconds: f64) -> Result<i64, String> {
    nanoseconds(seconds).map(|nanos| nanos.div_euclid(1_000_000))
}

fn nanoseconds(seconds: f64) -> Result<i64, String> {
    let nanos = seconds * 1e9;
    // Both ends of the range of whole numbers, as numbers with a point.
    if !(i64::MIN as f64..i64::MAX as f64).contains(&nanos) {
        return Err(format!("{} s are more than a time can hold", float_text(seconds)));
    }
    Ok(nanos as i64)
}

fn float_text(value: f64) -> String {
    crate::go_template::print::plain(&Value::Float(value))
}

/// `2026-11-23 14:40:00.5 +0000 UTC`, as Go writes a moment.
pub(in crate::go_template) fn moment_text(at_ms: i64) -> String {
    let Ok(at) = Timestamp::from_millisecond(at_ms) else { return format!("{at_ms} ms") };
    let seconds = at.strftime("%Y-%m-%d %H:%M:%S");
    let part = format!("{:03}", at_ms.rem_euclid(1000));
    let part = part.trim_end_matches('0');
    let point = if part.is_empty() { "" } else { "." };
    format!("{seconds}{point}{part} +0000 UTC")
}

/// `1h2m3.5s`, as Go writes a stretch of time.
pub(in crate::go_template) fn duration_text(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let small = [("ns", 1), ("µs", 1_000), ("ms", 1_000_000), ("s", u64::MAX)];
    if nanos == 0 {
        return "0s".to_owned();
    }
    if nanos < 1_000_000_000 {
        let fits = small.windows(2).find(|pair| nanos < pair[1].1);
        let (unit, size) = fits.map_or(small[0], |pair| pair[0]);
        return format!("{sign}{}{unit}", decimal(nanos, size));
    }
    let (minutes, rest) = (nanos / 60_000_000_000, nanos % 60_000_000_000);
    let seconds = decimal(rest, 1_000_000_000);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// `nanos / size` with all digits that count.
fn decimal(nanos: u64, size: u64) -> String {
    let width = size.ilog10() as usize;
    let part = format!("{:0width$}", nanos % size);
    let part = if width == 0 { "" } else { part.trim_end_matches('0') };
    let point = if part.is_empty() { "" } else { "." };
    format!("{}{point}{part}", nanos / size)
}
