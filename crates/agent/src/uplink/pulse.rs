//! The small datagrams that carry a sign of life, beside each stream over TLS.
//!
//! Whoever dialed the stream sends them, the other side answers each valid one
//! with an echo. Both know them by a key of the stream's TLS session, so that
//! nothing of a stranger is ever answered, and nothing counts twice.

mod answerer;
mod sender;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use watchfire_identity::pulse::PulseKey;
use watchfire_model::Moment;
use watchfire_wire::pulse::{DATAGRAM_BYTES, Pulse, join, split};

pub(crate) use self::answerer::{PulseDesk, PulseSeat};
pub(crate) use self::sender::{Pulses, Sender};

/// A pulse, and its tag behind it.
pub(crate) type Datagram = [u8; DATAGRAM_BYTES];

/// When nothing was heard for so long, pulses do not get through.
pub(crate) const BLOCKED_AFTER: Duration = Duration::from_secs(3);

/// When the other side's pulses were heard last. Shared by who hears them and
/// the stream beside.
#[derive(Debug, Default)]
pub(crate) struct Signs {
    /// On the monotonic clock, in microseconds and one more; 0 for never.
    last: AtomicU64,
}

impl Signs {
    pub(crate) fn heard(&self, now: Moment) {
        let at = u64::try_from(now.monotonic.as_micros()).unwrap_or(u64::MAX - 1) + 1;
        self.last.fetch_max(at, Ordering::Relaxed);
    }

    /// When a valid pulse came last, on the monotonic clock.
    pub(crate) fn last(&self) -> Option<Duration> {
        self.last.load(Ordering::Relaxed).checked_sub(1).map(Duration::from_micros)
    }

    /// True when one came within [`BLOCKED_AFTER`].
    pub(crate) fn get_through(&self, now: Moment) -> bool {
        self.last().is_some_and(|last| now.monotonic.saturating_sub(last) < BLOCKED_AFTER)
    }
}

fn sealed(pulse: &Pulse, key: &PulseKey) -> Datagram {
    let body = pulse.encode();
    join(&body, &key.tag(&body))
}

/// The pulse in a datagram, if it is one; its tag is not looked at.
fn claimed(datagram: &Datagram) -> Option<Pulse> {
    let (body, _) = split(datagram).ok()?;
    Pulse::decode(body).ok()
}

/// True when the datagram comes from who has the key.
fn is_genuine(datagram: &Datagram, key: &PulseKey) -> bool {
    split(datagram).is_ok_and(|(body, tag)| key.verify(body, tag))
}
