//! The datagrams beside the streams: signs of life, and the answers to them.
//!
//! One socket and two tasks serve all sessions. Where an agent dialed, it sends
//! and the hub answers; where the hub dialed, one timer sends for all of them.
//! Nothing is answered, counted as a sign or remembered before its tag was right.

mod quality;
mod sending;
mod session;
mod table;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use watchfire_identity::pulse::PulseKey;
use watchfire_identity::{Randomness, SystemRandomness};
use watchfire_model::Moment;
use watchfire_runtime::datagram::Datagrams;
use watchfire_runtime::net::Net;
use watchfire_runtime::{Clock, Shutdown};
use watchfire_wire::pulse::{DATAGRAM_BYTES, Pulse, PulseFlags, join, split};

use crate::fleet::Fleet;
pub(crate) use quality::Quality;
use sending::Sending;
use session::{Accepted, PulseSession};
use table::{Key, Table};

/// How often the sending timer looks who is due. Pulses are half a second apart.
const STEP: Duration = Duration::from_millis(50);
/// After so many datagrams of one socket the others have their turn. The turns of all
/// three are within what tokio lets one task receive at a time (128).
const TURN: usize = 32;

/// A whole pulse with its tag.
type Datagram = [u8; DATAGRAM_BYTES];

/// All sessions that pulse. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Pulses(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    fleet: Arc<Fleet>,
    clock: Clock,
    /// False when the listener's port could not be had: then the streams carry the
    /// signs of agents that dial.
    open: bool,
    sessions: RwLock<Table>,
    sending: Mutex<Sending>,
    next: AtomicU64,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    unknown: AtomicU64,
    forged: AtomicU64,
    replayed: AtomicU64,
}

/// What became of datagrams that were no sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Refused {
    /// No pulse, or of no session.
    pub(crate) unknown: u64,
    /// Their tag was wrong.
    pub(crate) forged: u64,
    /// They came before, or too late.
    pub(crate) replayed: u64,
}

/// The sockets of the pulses. What the hub sends of its own leaves from others than
/// the listener's: that one may be bound to an address from which no agent is reached.
#[derive(Debug)]
pub(crate) struct Sockets {
    listening: Option<Datagrams>,
    v4: Option<Datagrams>,
    v6: Option<Datagrams>,
}

impl Sockets {
    /// Binds the listener's port, and two of any number. What cannot be had is told
    /// and left out: then the streams carry the signs of life.
    pub(crate) fn bind(listener: SocketAddr, net: &Net) -> Self {
        let listening = net
            .datagrams(listener)
            .inspect_err(|error| {
                tracing::warn!(
                    %listener, %error,
                    "the port cannot be had for datagrams: agents that dial the hub send their \
                     signs of life on their streams, which is weaker where packets are lost"
                );
            })
            .ok();
        let any = |ip: IpAddr| net.datagrams((ip, 0).into()).ok();
        let (v4, v6) = (any(Ipv4Addr::UNSPECIFIED.into()), any(Ipv6Addr::UNSPECIFIED.into()));
        Self { listening, v4, v6 }
    }

    /// True when agents can send here.
    pub(crate) fn listens(&self) -> bool {
        self.listening.is_some()
    }
}

/// A session that pulses until this is dropped, and for as long as pulses come without
/// its stream.
#[derive(Debug)]
pub(crate) struct Pulsing {
    pulses: Pulses,
    key: Key,
    session: Arc<PulseSession>,
}

impl Pulses {
    /// `open` says whether there is a socket for them.
    pub(crate) fn new(fleet: Arc<Fleet>, clock: Clock, open: bool) -> Self {
        let (sessions, sending, counters) =
            (RwLock::default(), Mutex::default(), Counters::default());
        let next = AtomicU64::new(1);
        Self(Arc::new(Inner { fleet, clock, open, sessions, sending, next, counters }))
    }

    /// Begins to answer the pulses of an agent that dialed. `None` when there is no
    /// socket for them.
    pub(crate) fn listen(&self, index: usize, key: PulseKey) -> Option<Pulsing> {
        if !self.0.open {
            return None;
        }
        let mut bytes = [0; 8];
        SystemRandomness.fill(&mut bytes);
        let id = u64::from_ne_bytes(bytes);
        let session = Arc::new(PulseSession::new(index, (id, self.number()), key, None));
        Some(self.begin(Key::Own(id), session))
    }

    /// Begins to send pulses to an agent that the hub dialed, under the name that
    /// the agent gave the session.
    pub(crate) fn send(&self, index: usize, id: u64, key: PulseKey, to: SocketAddr) -> Pulsing {
        let to = canonical(to);
        let session = Arc::new(PulseSession::new(index, (id, self.number()), key, Some(to)));
        self.sending().add(self.0.clock.now(), &session);
        self.begin(Key::Theirs(id, to), session)
    }

    fn begin(&self, key: Key, session: Arc<PulseSession>) -> Pulsing {
        self.write().insert(key, session.clone());
        Pulsing { pulses: self.clone(), key, session }
    }

    fn number(&self) -> u64 {
        self.0.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Receives and sends until the end is asked for.
    pub(crate) async fn run(self, sockets: Sockets, shutdown: Shutdown) {
        tokio::select! {
            biased;
            () = shutdown.requested() => {}
            () = self.send_all(&sockets) => {}
            () = self.receive(sockets.listening.as_ref()) => {}
            () = self.receive(sockets.v4.as_ref()) => {}
            () = self.receive(sockets.v6.as_ref()) => {}
        }
    }

    async fn receive(&self, datagrams: Option<&Datagrams>) {
        let Some(datagrams) = datagrams else { return std::future::pending().await };
        loop {
            for _ in 0..TURN {
                let (datagram, from) = datagrams.recv::<DATAGRAM_BYTES>().await;
                if let Some(answer) = self.take(&datagram, from) {
                    datagrams.send(&answer, from);
                }
            }
            // A flood on one socket would keep the others from being read.
            tokio::task::yield_now().await;
        }
    }

    async fn send_all(&self, sockets: &Sockets) {
        loop {
            for (to, datagram) in self.due() {
                let socket = if to.is_ipv4() { &sockets.v4 } else { &sockets.v6 };
                if let Some(socket) = socket {
                    socket.send(&datagram, to);
                }
            }
            self.0.clock.sleep(STEP).await;
        }
    }

    /// Takes a datagram that came; the answer to it, if it gets one.
    pub(crate) fn take(&self, datagram: &Datagram, from: SocketAddr) -> Option<Datagram> {
        let counters = &self.0.counters;
        let Some((session, pulse)) = self.of(datagram, from) else {
            counters.unknown.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        let (body, tag) = split(datagram).ok()?;
        if !session.key.verify(body, tag) {
            counters.forged.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let now = self.0.clock.now();
        let Some(accepted) = session.accept(pulse, now) else {
            counters.replayed.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        if accepted == Accepted::First {
            self.write().took_over(&session);
        }
        // An agent that leaves says so on its stream, with its reason; this is no
        // sign that it will be there.
        if pulse.flags.contains(PulseFlags::LEAVING) {
            session.end();
        } else {
            self.0.fleet.pulse(session.index);
        }
        let body = pulse.echo().encode();
        session.to.is_none().then(|| join(&body, &session.key.tag(&body)))
    }

    /// The pulses that are to be sent now.
    pub(crate) fn due(&self) -> Vec<(SocketAddr, Datagram)> {
        let now = self.0.clock.now();
        if self.read().is_due(now) {
            self.write().forget_old(now, |index| self.0.fleet.is_in(index));
        }
        self.sending().due(now)
    }

    /// Sends a few pulses of the session of this server at once, if the hub sends
    /// them there.
    pub(crate) fn hurry(&self, index: usize) {
        self.sending().hurry(index, self.0.clock.now());
    }

    /// What became of datagrams that were no sign of life.
    pub(crate) fn refused(&self) -> Refused {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.0.counters;
        Refused {
            unknown: of(&counters.unknown),
            forged: of(&counters.forged),
            replayed: of(&counters.replayed),
        }
    }

    /// The session that a datagram names, and its pulse. A session that the hub
    /// named takes pulses and no echoes, the other kind echoes and no pulses: what
    /// one side sent never counts when somebody sends it back.
    fn of(&self, datagram: &Datagram, from: SocketAddr) -> Option<(Arc<PulseSession>, Pulse)> {
        let (body, _) = split(datagram).ok()?;
        let pulse = Pulse::decode(body).ok()?;
        let key = if pulse.flags.contains(PulseFlags::ECHO) {
            Key::Theirs(pulse.session, canonical(from))
        } else {
            Key::Own(pulse.session)
        };
        let session = self.read().get(key)?;
        // Nobody waits for the stream of a server that was taken out.
        let counts = !session.is_orphan() || self.0.fleet.is_in(session.index);
        counts.then_some((session, pulse))
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.0.sessions.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Table> {
        self.0.sessions.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn sending(&self) -> MutexGuard<'_, Sending> {
        self.0.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pulsing {
    /// The name of the session, for the hello of the side that gave it.
    pub(crate) fn id(&self) -> u64 {
        self.session.id
    }

    /// What the pulses tell of the way.
    pub(crate) fn quality(&self) -> &Arc<Quality> {
        &self.session.quality
    }

    /// The agent has left, or is not wanted: nothing goes on when this is dropped.
    pub(crate) fn end(&self) {
        self.session.end();
    }

    /// When the last good pulse came.
    pub(crate) fn last(&self) -> Option<Moment> {
        self.session.quality.last()
    }
}

impl Drop for Pulsing {
    fn drop(&mut self) {
        let now = self.pulses.0.clock.now();
        self.pulses.write().stream_ended(self.key, &self.session, now);
    }
}

/// A socket for both families shows IPv4 senders as IPv6 ones.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests;
