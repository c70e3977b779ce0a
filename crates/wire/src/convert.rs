//! Between the messages of the program and those of the wire.
//!
//! What is to be kept exactly is kept exactly: an absent value stays absent and
//! is never a zero. On the way out, what is too long is cut; on the way in it
//! is refused, because an honest sender has cut it.

pub(crate) mod hello;
pub(crate) mod processes;
pub(crate) mod status;

use std::time::Duration;

use watchfire_model::Moment;

use crate::{WireError, proto};

/// `text`, cut between two characters to at most `most` bytes.
fn cut(text: &str, most: usize) -> String {
    text[..text.floor_char_boundary(most)].to_owned()
}

/// `text`, if it has at most `most` bytes.
fn short(text: String, what: &'static str, most: usize) -> Result<String, WireError> {
    if text.len() > most { Err(WireError::TooLong { what, most }) } else { Ok(text) }
}

/// A number that may go out: a rate that is not finite says nothing.
fn only_finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

/// A number that came in, if it is finite.
fn finite(value: Option<f64>, what: &'static str) -> Result<Option<f64>, WireError> {
    match value {
        Some(value) if !value.is_finite() => Err(WireError::BadValue { what }),
        other => Ok(other),
    }
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
    proto::Moment { monotonic_ns: nanos(moment.monotonic), unix_ms: moment.unix_ms }
}

fn moment_from_wire(moment: &proto::Moment) -> Moment {
    Moment { monotonic: Duration::from_nanos(moment.monotonic_ns), unix_ms: moment.unix_ms }
}
