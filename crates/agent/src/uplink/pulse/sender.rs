use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use watchfire_identity::pulse::{PulseKey, ReplayWindow};
use watchfire_model::Moment;
use watchfire_runtime::Clock;
use watchfire_runtime::datagram::Datagrams;
use watchfire_runtime::net::Net;
use watchfire_runtime::task::{self, Task};
use watchfire_wire::pulse::{DATAGRAM_BYTES, Pulse, PulseFlags, RoundTrip};

use super::{Datagram, Signs, claimed, is_genuine, sealed};
use crate::uplink::UplinkCounters;

/// How often a pulse goes out.
const PERIOD: Duration = Duration::from_millis(500);
/// How often when no echo came for [`ANXIOUS_AFTER`].
const ANXIOUS_PERIOD: Duration = Duration::from_millis(250);
const ANXIOUS_AFTER: Duration = Duration::from_secs(2);
/// So often the last pulse, which says that the sender leaves, is sent: it has
/// no second chance.
const FAREWELLS: u32 = 2;

/// What the dialing side of a session has to know.
#[derive(Debug)]
pub(crate) struct Sender {
    session: u64,
    key: PulseKey,
    counter: u64,
    echoes: ReplayWindow,
    last_echo: Moment,
    /// What the newest echo says of the way, until the hub was told.
    round: RoundTrip,
}

impl Sender {
    pub(crate) fn new(session: u64, key: PulseKey, now: Moment) -> Self {
        Self {
            session,
            key,
            counter: 0,
            echoes: ReplayWindow::new(),
            last_echo: now,
            round: RoundTrip::default(),
        }
    }

    /// The next pulse.
    pub(crate) fn next(&mut self, flags: PulseFlags, now: Moment) -> Datagram {
        self.counter += 1;
        let (session, counter, sent_us) = (self.session, self.counter, micros(now));
        let round = std::mem::take(&mut self.round);
        let pulse = Pulse { session, counter, flags, sent_us, round };
        sealed(&pulse, &self.key)
    }

    /// The time to the pulse after this one.
    pub(crate) fn period(&self, now: Moment) -> Duration {
        if now.since(self.last_echo) < ANXIOUS_AFTER { PERIOD } else { ANXIOUS_PERIOD }
    }

    /// True for an echo of one of these pulses that was not heard before.
    pub(crate) fn hear(&mut self, datagram: &Datagram, now: Moment) -> bool {
        let Some(pulse) = claimed(datagram) else { return false };
        let is_ours = pulse.session == self.session
            && pulse.flags.contains(PulseFlags::ECHO)
            && pulse.counter <= self.counter
            && is_genuine(datagram, &self.key)
            && self.echoes.accept(pulse.counter);
        if is_ours {
            self.last_echo = now;
            let round = micros(now).checked_sub(pulse.sent_us);
            self.round = round.map(Duration::from_micros).map(RoundTrip::of).unwrap_or_default();
        }
        is_ours
    }
}

/// Pulses that go out until this is dropped.
#[derive(Debug)]
pub(crate) struct Pulses {
    socket: Arc<Datagrams>,
    sender: Arc<Mutex<Sender>>,
    to: SocketAddr,
    signs: Arc<Signs>,
    orphaned: Arc<AtomicBool>,
    _task: Task<()>,
}

impl Pulses {
    /// Begins to send. None when this machine gives no socket for it; the
    /// stream then has to say that the agent lives.
    pub(crate) fn begin(
        sender: Sender,
        to: SocketAddr,
        (clock, net): (&Clock, &Net),
        counters: Arc<UplinkCounters>,
    ) -> Option<Self> {
        let socket = match net.datagrams_towards(to) {
            Ok(socket) => Arc::new(socket),
            Err(error) => {
                tracing::debug!(%error, "no pulses can be sent");
                return None;
            }
        };
        let (sender, signs) = (Arc::new(Mutex::new(sender)), Arc::<Signs>::default());
        let orphaned = Arc::<AtomicBool>::default();
        let work = Work {
            orphaned: Arc::clone(&orphaned),
            socket: Arc::clone(&socket),
            sender: Arc::clone(&sender),
            to,
            signs: Arc::clone(&signs),
            clock: clock.clone(),
            counters,
        };
        let task = task::spawn("pulses", work.run());
        Some(Self { socket, sender, to, signs, orphaned, _task: task })
    }

    /// When echoes were heard.
    pub(crate) fn signs(&self) -> Arc<Signs> {
        Arc::clone(&self.signs)
    }

    /// The stream beside has ended. The pulses go on until this is dropped, and say so.
    pub(crate) fn outlive_stream(&self) {
        self.orphaned.store(true, Ordering::Relaxed);
    }

    /// Says that this side leaves.
    pub(crate) fn leave(&self, now: Moment) {
        for _ in 0..FAREWELLS {
            let datagram = lock(&self.sender).next(PulseFlags::LEAVING, now);
            // What cannot be sent is counted by the socket, and nothing is lost:
            // the stream says goodbye too.
            let _sent = self.socket.send(&datagram, self.to);
        }
    }
}

struct Work {
    orphaned: Arc<AtomicBool>,
    socket: Arc<Datagrams>,
    sender: Arc<Mutex<Sender>>,
    to: SocketAddr,
    signs: Arc<Signs>,
    clock: Clock,
    counters: Arc<UplinkCounters>,
}

impl Work {
    async fn run(self) {
        let mut next = self.clock.now();
        loop {
            tokio::select! {
                biased;
                // First, so that no flood of datagrams keeps it from being heard.
                () = self.clock.sleep_until(next) => {
                    let now = self.clock.now();
                    let is_orphan = self.orphaned.load(Ordering::Relaxed);
                    let flags = if is_orphan { PulseFlags::ORPHAN } else { PulseFlags::default() };
                    let (datagram, period) = {
                        let mut sender = lock(&self.sender);
                        (sender.next(flags, now), sender.period(now))
                    };
                    let sent = self.socket.send(&datagram, self.to);
                    self.counters.pulses_sent.add(u64::from(sent));
                    next = now.after(period);
                }
                (datagram, _) = self.socket.recv::<DATAGRAM_BYTES>() => self.hear(&datagram),
            }
        }
    }

    fn hear(&self, datagram: &Datagram) {
        let now = self.clock.now();
        if lock(&self.sender).hear(datagram, now) {
            self.signs.heard(now);
            self.counters.echoes.add(1);
        } else {
            self.counters.pulses_refused.add(1);
        }
    }
}

fn micros(now: Moment) -> u64 {
    u64::try_from(now.monotonic.as_micros()).unwrap_or(u64::MAX)
}

fn lock(sender: &Mutex<Sender>) -> MutexGuard<'_, Sender> {
    sender.lock().unwrap_or_else(PoisonError::into_inner)
}
