//! The pulses of a whole fleet: one socket, and a wheel that turns twice a second.
//!
//! Each session has a slot on the wheel and is not woken for its pulses: one
//! task sends those of a slot when its time comes. A session without an echo
//! for two seconds is served at half a turn as well.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use watchfire_identity::pulse::PulseKey;
use watchfire_model::Moment;
use watchfire_runtime::Clock;
use watchfire_runtime::datagram::Datagrams;
use watchfire_wire::pulse::{DATAGRAM_BYTES, Pulse, PulseFlags, RoundTrip, join, split};

use crate::counters::Counters;

/// The time of one slot.
const SLOT: Duration = Duration::from_millis(10);
/// Slots of one turn: 500 ms.
const SLOTS: usize = 50;
/// Without an echo for so long there are twice as many pulses.
const HURRY_AFTER: Duration = Duration::from_secs(2);

/// Sends the pulses of all sessions and takes their echoes.
#[derive(Debug)]
pub(crate) struct Pulses {
    socket: Datagrams,
    hub: SocketAddr,
    clock: Clock,
    counters: Arc<Counters>,
    wheel: Mutex<Wheel>,
    by_id: RwLock<HashMap<u64, Arc<PulseSession>>>,
}

#[derive(Debug)]
struct Wheel {
    slots: Vec<Vec<Arc<PulseSession>>>,
    /// Where the next session goes.
    next: usize,
}

/// The pulses of one stream.
#[derive(Debug)]
pub(crate) struct PulseSession {
    id: u64,
    key: PulseKey,
    counter: AtomicU64,
    /// The monotonic clock at the last echo, in microseconds; at first when the session began.
    heard_us: AtomicU64,
    /// Nothing passes at the moment.
    mute: AtomicBool,
    /// Its stream is over.
    orphan: AtomicBool,
    /// The last round trip in microseconds and one more, until the hub was told; 0 then.
    round_us: AtomicU64,
    over: AtomicBool,
}

impl Pulses {
    /// For pulses to `hub`.
    pub(crate) fn towards(
        hub: SocketAddr,
        clock: Clock,
        counters: Arc<Counters>,
    ) -> std::io::Result<Self> {
        let wheel = Wheel { slots: vec![Vec::new(); SLOTS], next: 0 };
        Ok(Self {
            socket: Datagrams::towards(hub)?,
            hub,
            clock,
            counters,
            wheel: Mutex::new(wheel),
            by_id: RwLock::default(),
        })
    }

    /// Begins to send the pulses of a session, until what it gives is dropped.
    pub(crate) fn begin(&self, id: u64, key: [u8; 32]) -> Beat {
        let session = Arc::new(PulseSession {
            id,
            key: PulseKey::from_exported(key),
            counter: AtomicU64::new(0),
            heard_us: AtomicU64::new(micros(self.clock.now())),
            mute: AtomicBool::new(false),
            orphan: AtomicBool::new(false),
            round_us: AtomicU64::new(0),
            over: AtomicBool::new(false),
        });
        let mut wheel = self.wheel();
        let slot = wheel.next;
        wheel.next = (slot + 1) % SLOTS;
        wheel.slots[slot].push(Arc::clone(&session));
        drop(wheel);
        self.by_id.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&session));
        Beat(session)
    }

    /// Sends pulses until the end.
    pub(crate) async fn send(&self) {
        let mut due = self.clock.now();
        let mut slot = 0;
        loop {
            self.clock.sleep_until(due).await;
            self.serve(slot, false);
            self.serve((slot + SLOTS / 2) % SLOTS, true);
            slot = (slot + 1) % SLOTS;
            due = due.after(SLOT);
            let now = self.clock.now();
            if now.since(due) > SLOT * SLOTS as u32 {
                // This process stood still; a real agent would not make up for it either.
                due = now;
            }
        }
    }

    /// Takes echoes until the end.
    pub(crate) async fn receive(&self) {
        loop {
            // The tag says from whom it is, whatever address it came from.
            let (datagram, _) = self.socket.recv::<DATAGRAM_BYTES>().await;
            if self.take(&datagram).is_none() {
                self.counters.bad_echoes.add(1);
            }
        }
    }

    fn serve(&self, slot: usize, hurry: bool) {
        let now = micros(self.clock.now());
        let mut over = Vec::new();
        let mut wheel = self.wheel();
        wheel.slots[slot].retain(|session| {
            let ended = session.over.load(Ordering::Relaxed);
            if ended {
                over.push(session.id);
            } else if !hurry || session.hurries(now) {
                self.pulse(session, now);
            }
            !ended
        });
        drop(wheel);
        if !over.is_empty() {
            let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
            for id in over {
                by_id.remove(&id);
            }
        }
    }

    fn pulse(&self, session: &PulseSession, sent_us: u64) {
        if session.mute.load(Ordering::Relaxed) {
            return;
        }
        let counter = session.counter.fetch_add(1, Ordering::Relaxed) + 1;
        let round = session.round_us.swap(0, Ordering::Relaxed).checked_sub(1);
        let round = round.map(Duration::from_micros).map(RoundTrip::of).unwrap_or_default();
        let orphan = session.orphan.load(Ordering::Relaxed);
        let flags = if orphan { PulseFlags::ORPHAN } else { PulseFlags::default() };
        let pulse = Pulse { session: session.id, counter, flags, sent_us, round };
        let body = pulse.encode();
        self.socket.send(&join(&body, &session.key.tag(&body)), self.hub);
        self.counters.pulses.add(1);
    }

    fn take(&self, datagram: &[u8; DATAGRAM_BYTES]) -> Option<()> {
        let (body, tag) = split(datagram).ok()?;
        let pulse = Pulse::decode(body).ok()?;
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        let session = by_id.get(&pulse.session)?;
        let good = pulse.flags.contains(PulseFlags::ECHO) && session.key.verify(body, tag);
        if !good || session.mute.load(Ordering::Relaxed) {
            return good.then_some(());
        }
        let now = micros(self.clock.now());
        session.heard_us.fetch_max(now, Ordering::Relaxed);
        self.counters.echoes.add(1);
        let round_us = now.saturating_sub(pulse.sent_us);
        session.round_us.store(round_us.saturating_add(1), Ordering::Relaxed);
        self.counters.round_trip_us.add(round_us);
        Some(())
    }

    fn wheel(&self) -> MutexGuard<'_, Wheel> {
        self.wheel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pulses that go out until this is dropped.
#[derive(Debug)]
pub(crate) struct Beat(Arc<PulseSession>);

impl std::ops::Deref for Beat {
    type Target = PulseSession;

    fn deref(&self) -> &PulseSession {
        &self.0
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

impl PulseSession {
    /// For how long no echo came.
    pub(crate) fn quiet(&self, now: Moment) -> Duration {
        let heard = self.heard_us.load(Ordering::Relaxed);
        Duration::from_micros(micros(now).saturating_sub(heard))
    }

    /// Whether nothing passes from now on.
    pub(crate) fn set_mute(&self, mute: bool) {
        self.mute.store(mute, Ordering::Relaxed);
    }

    /// Goes on and says that the stream is over.
    pub(crate) fn outlive_stream(&self) {
        self.orphan.store(true, Ordering::Relaxed);
    }

    fn hurries(&self, now_us: u64) -> bool {
        let quiet = now_us.saturating_sub(self.heard_us.load(Ordering::Relaxed));
        Duration::from_micros(quiet) >= HURRY_AFTER
    }
}

fn micros(now: Moment) -> u64 {
    u64::try_from(now.monotonic.as_micros()).unwrap_or(u64::MAX)
}
