//! Between the messages of the program and those of the wire.
//!
//! What is to be kept exactly is kept exactly: an absent value stays absent and
//! is never a zero. On the way out, what is too long is cut; on the way in it
//! is refused, because an honest sender has cut it. So it is with numbers out of
//! their bounds. What would mean something else when cut is refused both ways,
//! by the same function.

pub(crate) mod asks;
pub(crate) mod command;
pub(crate) mod fallback;
pub(crate) mod hello;
pub(crate) mod processes;
pub(crate) mod status;

use std::time::Duration;

use watchfire_model::Moment;

use crate::limits::{MAX_SHARE_PERCENT, MAX_UNIX_MS, MIN_UNIX_MS, SHARE_TOLERANCE_PERCENT};
use crate::{WireError, proto};

/// `text`, cut between two characters to at most `most` bytes.
fn cut(text: &str, most: usize) -> String {
    text[..text.floor_char_boundary(most)].to_owned()
}

/// `text`, if it has at most `most` bytes.
fn short(text: String, what: &'static str, most: usize) -> Result<String, WireError> {
    if text.len() > most { Err(WireError::TooLong { what, most }) } else { Ok(text) }
}

/// Between 0 and `most`: what goes out. What is not finite says nothing.
fn bounded(value: Option<f64>, most: f64) -> Option<f64> {
    value.filter(|value| value.is_finite()).map(|value| value.clamp(0.0, most))
}

/// A number that came in, if it is between 0 and `most`.
fn within(value: Option<f64>, most: f64, what: &'static str) -> Result<Option<f64>, WireError> {
    match value {
        Some(value) if !(0.0..=most).contains(&value) => Err(WireError::BadValue { what }),
        other => Ok(other),
    }
}

/// A share that came in; a little more than all is all.
fn share(value: Option<f64>, what: &'static str) -> Result<Option<f64>, WireError> {
    let value = within(value, MAX_SHARE_PERCENT + SHARE_TOLERANCE_PERCENT, what)?;
    Ok(value.map(|value| value.min(MAX_SHARE_PERCENT)))
}

/// A count that came in, if it is at most `most`.
fn at_most<N: PartialOrd>(value: N, most: N, what: &'static str) -> Result<N, WireError> {
    if value > most { Err(WireError::BadValue { what }) } else { Ok(value) }
}

/// A wall clock that may go out.
pub(crate) fn bounded_unix_ms(unix_ms: i64) -> i64 {
    unix_ms.clamp(MIN_UNIX_MS, MAX_UNIX_MS)
}

/// A wall clock that came in, if it is within two centuries.
pub(crate) fn sane_unix_ms(unix_ms: i64, what: &'static str) -> Result<i64, WireError> {
    let sane = (MIN_UNIX_MS..=MAX_UNIX_MS).contains(&unix_ms);
    if sane { Ok(unix_ms) } else { Err(WireError::BadValue { what }) }
}

/// `elements`, changed one by one, and no more than `most` of them.
fn first<T, W>(elements: &[T], most: usize, change: impl Fn(&T) -> W) -> Vec<W> {
    elements.iter().take(most).map(change).collect()
}

/// Nanoseconds; what is longer than 584 years is cut.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn moment_to_wire(moment: Moment) -> proto::Moment {
    proto::Moment {
        monotonic_ns: nanos(moment.monotonic),
        unix_ms: bounded_unix_ms(moment.unix_ms),
    }
}

fn moment_from_wire(moment: &proto::Moment) -> Result<Moment, WireError> {
    let unix_ms = sane_unix_ms(moment.unix_ms, "wall clock")?;
    Ok(Moment { monotonic: Duration::from_nanos(moment.monotonic_ns), unix_ms })
}
