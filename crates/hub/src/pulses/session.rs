use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use watchfire_identity::pulse::{PulseKey, ReplayWindow};
use watchfire_model::Moment;
use watchfire_wire::pulse::{Pulse, PulseFlags};

use super::Quality;

/// The longest time between a pulse and its echo that tells of the way.
const MAX_ROUND: Duration = Duration::from_secs(60);

/// The pulses of one session.
#[derive(Debug)]
pub(super) struct PulseSession {
    pub(super) index: usize,
    pub(super) id: u64,
    pub(super) key: PulseKey,
    /// Where the hub sends to; `None` where it answers.
    pub(super) to: Option<SocketAddr>,
    pub(super) quality: Arc<Quality>,
    window: Mutex<ReplayWindow>,
}

impl PulseSession {
    pub(super) fn new(index: usize, id: u64, key: PulseKey, to: Option<SocketAddr>) -> Self {
        let (quality, window) = (Arc::default(), Mutex::default());
        Self { index, id, key, to, quality, window }
    }

    /// True for a pulse that is new. Its tag was right.
    pub(super) fn accept(&self, pulse: Pulse, now: Moment) -> bool {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if !window.accept(pulse.counter) {
            return false;
        }
        let newest = window.newest().unwrap_or(pulse.counter);
        drop(window);
        // It says that the agent lives, and nothing of the stream it came with: a
        // seat must not look taken by it.
        if pulse.flags.contains(PulseFlags::ORPHAN) {
            return true;
        }
        let round = self.to.and_then(|_| round(pulse.sent_us, now));
        self.quality.came(newest, round, now);
        true
    }
}

fn round(sent_us: u64, now: Moment) -> Option<Duration> {
    let now_us = micros(now);
    now_us.checked_sub(sent_us).map(Duration::from_micros).filter(|round| *round <= MAX_ROUND)
}

pub(super) fn micros(now: Moment) -> u64 {
    u64::try_from(now.monotonic.as_micros()).unwrap_or(u64::MAX)
}
