use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
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
    /// Its place among all sessions of the hub, in the order of their begin.
    pub(super) number: u64,
    heard: Mutex<Heard>,
    /// Its stream has ended.
    orphan: AtomicBool,
    /// Its agent has left, or is not wanted: nothing goes on without the stream.
    over: AtomicBool,
}

#[derive(Debug, Default)]
struct Heard {
    window: ReplayWindow,
    /// When the last good pulse came, with its stream or without.
    last: Option<Moment>,
}

/// What a pulse that is new says beside that its sender lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepted {
    /// It is the first of its session that came beside the stream.
    First,
    /// It came beside the stream.
    Another,
    /// Its stream has ended.
    Orphan,
}

impl PulseSession {
    pub(super) fn new(
        index: usize,
        (id, number): (u64, u64),
        key: PulseKey,
        to: Option<SocketAddr>,
    ) -> Self {
        let (quality, heard) = (Arc::default(), Mutex::default());
        let (orphan, over) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { index, id, key, to, quality, number, heard, orphan, over }
    }

    /// Its stream has ended.
    pub(super) fn outlive_stream(&self) {
        self.orphan.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_orphan(&self) -> bool {
        self.orphan.load(Ordering::Relaxed)
    }

    /// Its agent has left, or is not wanted.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// When the last good pulse came, with its stream or without.
    pub(super) fn heard(&self) -> Option<Moment> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).last
    }

    /// Takes a pulse whose tag was right. `None` for one that is not new.
    pub(super) fn accept(&self, pulse: Pulse, now: Moment) -> Option<Accepted> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if !heard.window.accept(pulse.counter) {
            return None;
        }
        let newest = heard.window.newest().unwrap_or(pulse.counter);
        heard.last = Some(now);
        drop(heard);
        // It says that the agent lives, and nothing of the stream it came with: a
        // seat must not look taken by it.
        if pulse.flags.contains(PulseFlags::ORPHAN) {
            return Some(Accepted::Orphan);
        }
        let is_first = self.quality.last().is_none();
        let round = match self.to {
            Some(_) => round(pulse.sent_us, now),
            // Only who sends the pulses can measure it.
            None => pulse.round.get().filter(|round| *round <= MAX_ROUND),
        };
        self.quality.came(newest, round, now);
        Some(if is_first { Accepted::First } else { Accepted::Another })
    }
}

fn round(sent_us: u64, now: Moment) -> Option<Duration> {
    let now_us = micros(now);
    now_us.checked_sub(sent_us).map(Duration::from_micros).filter(|round| *round <= MAX_ROUND)
}

pub(super) fn micros(now: Moment) -> u64 {
    u64::try_from(now.monotonic.as_micros()).unwrap_or(u64::MAX)
}
