//! The datagrams beside the streams: signs of life, and the answers to them.
//!
//! One socket and two tasks serve all sessions. Where an agent dialed, it sends
//! and the hub answers; where the hub dialed, one timer sends for all of them.
//! Nothing is answered, counted as a sign or remembered before its tag was right.

mod quality;
mod sending;
mod session;

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use watchfire_identity::pulse::PulseKey;
use watchfire_identity::{Randomness, SystemRandomness};
use watchfire_model::Moment;
use watchfire_runtime::datagram::Datagrams;
use watchfire_runtime::{Clock, Shutdown};
use watchfire_wire::pulse::{DATAGRAM_BYTES, Pulse, PulseFlags, join, split};

use crate::fleet::Fleet;
pub(crate) use quality::Quality;
use sending::Sending;
use session::PulseSession;

/// How often the sending timer looks who is due. Pulses are half a second apart.
const STEP: Duration = Duration::from_millis(50);

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
    counters: Counters,
}

/// By what a datagram names, and which side gave that name: two agents may give
/// the same one.
#[derive(Debug, Default)]
struct Table {
    /// Sessions that the hub named.
    own: HashMap<u64, Arc<PulseSession>>,
    /// Sessions that an agent named, with the address it listens at.
    theirs: HashMap<(u64, SocketAddr), Arc<PulseSession>>,
    /// Sessions of the hub's naming whose streams have ended, oldest first, and until
    /// when their pulses are taken.
    orphans: VecDeque<(Moment, u64)>,
}

impl Table {
    /// A stream ended; its agent may be opening another, on a way that loses packets.
    fn orphan(&mut self, id: u64, now: Moment) {
        self.orphans.push_back((now.after(ORPHAN_LIVES), id));
        if self.orphans.len() > MAX_ORPHANS {
            self.forget_oldest();
        }
    }

    fn forget_old(&mut self, now: Moment) {
        while self.orphans.front().is_some_and(|(until, _)| until.monotonic <= now.monotonic) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, id)) = self.orphans.pop_front() {
            self.own.remove(&id);
        }
    }
}

/// For how long the pulses of a stream that ended are taken: opening another on a way
/// that loses a third of all packets takes some seconds, in which the agent lives.
const ORPHAN_LIVES: Duration = Duration::from_secs(20);
/// The most of such sessions; the oldest make room.
const MAX_ORPHANS: usize = 65_536;

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
    pub(crate) fn bind(listener: SocketAddr) -> Self {
        let listening = Datagrams::bind(listener)
            .inspect_err(|error| {
                tracing::warn!(
                    %listener, %error,
                    "the port cannot be had for datagrams: agents that dial the hub send their \
                     signs of life on their streams, which is weaker where packets are lost"
                );
            })
            .ok();
        let any = |ip: IpAddr| Datagrams::bind((ip, 0).into()).ok();
        let (v4, v6) = (any(Ipv4Addr::UNSPECIFIED.into()), any(Ipv6Addr::UNSPECIFIED.into()));
        Self { listening, v4, v6 }
    }

    /// True when agents can send here.
    pub(crate) fn listens(&self) -> bool {
        self.listening.is_some()
    }
}

/// A session that pulses, until this is dropped.
#[derive(Debug)]
pub(crate) struct Pulsing {
    pulses: Pulses,
    key: Key,
    session: Arc<PulseSession>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Own(u64),
    Theirs(u64, SocketAddr),
}

impl Pulses {
    /// `open` says whether there is a socket for them.
    pub(crate) fn new(fleet: Arc<Fleet>, clock: Clock, open: bool) -> Self {
        let (sessions, sending, counters) =
            (RwLock::default(), Mutex::default(), Counters::default());
        Self(Arc::new(Inner { fleet, clock, open, sessions, sending, counters }))
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
        let session = Arc::new(PulseSession::new(index, id, key, None));
        let mut sessions = self.write();
        sessions.forget_old(self.0.clock.now());
        sessions.own.insert(id, session.clone());
        drop(sessions);
        Some(Pulsing { pulses: self.clone(), key: Key::Own(id), session })
    }

    /// Begins to send pulses to an agent that the hub dialed, under the name that
    /// the agent gave the session.
    pub(crate) fn send(&self, index: usize, id: u64, key: PulseKey, to: SocketAddr) -> Pulsing {
        let to = canonical(to);
        let session = Arc::new(PulseSession::new(index, id, key, Some(to)));
        self.write().theirs.insert((id, to), session.clone());
        self.sending().add(self.0.clock.now(), &session);
        Pulsing { pulses: self.clone(), key: Key::Theirs(id, to), session }
    }

    /// Receives and sends until the end is asked for.
    pub(crate) async fn run(self, sockets: Sockets, shutdown: Shutdown) {
        tokio::select! {
            () = shutdown.requested() => {}
            () = self.receive(sockets.listening.as_ref()) => {}
            () = self.receive(sockets.v4.as_ref()) => {}
            () = self.receive(sockets.v6.as_ref()) => {}
            () = self.send_all(&sockets) => {}
        }
    }

    async fn receive(&self, datagrams: Option<&Datagrams>) {
        let Some(datagrams) = datagrams else { return std::future::pending().await };
        loop {
            let (datagram, from) = datagrams.recv::<DATAGRAM_BYTES>().await;
            if let Some(answer) = self.take(&datagram, from) {
                datagrams.send(&answer, from);
            }
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
        if !session.accept(pulse, now) {
            counters.replayed.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        // An agent that leaves says so on its stream, with its reason; this is no
        // sign that it will be there.
        if !pulse.flags.contains(PulseFlags::LEAVING) {
            self.0.fleet.pulse(session.index);
        }
        let body = pulse.echo().encode();
        session.to.is_none().then(|| join(&body, &session.key.tag(&body)))
    }

    /// The pulses that are to be sent now.
    pub(crate) fn due(&self) -> Vec<(SocketAddr, Datagram)> {
        let now = self.0.clock.now();
        let has_orphans = {
            let sessions = self.0.sessions.read().unwrap_or_else(PoisonError::into_inner);
            !sessions.orphans.is_empty()
        };
        if has_orphans {
            self.write().forget_old(now);
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
        let sessions = self.0.sessions.read().unwrap_or_else(PoisonError::into_inner);
        let session = if pulse.flags.contains(PulseFlags::ECHO) {
            sessions.theirs.get(&(pulse.session, canonical(from)))
        } else {
            sessions.own.get(&pulse.session)
        };
        Some((session.cloned()?, pulse))
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

    /// When the last good pulse came.
    pub(crate) fn last(&self) -> Option<Moment> {
        self.session.quality.last()
    }
}

impl Drop for Pulsing {
    fn drop(&mut self) {
        let mut sessions = self.pulses.write();
        match self.key {
            Key::Own(id) => sessions.orphan(id, self.pulses.0.clock.now()),
            Key::Theirs(id, to) => {
                // Another stream of this agent may have begun meanwhile.
                let known = sessions.theirs.get(&(id, to));
                if known.is_some_and(|known| Arc::ptr_eq(known, &self.session)) {
                    sessions.theirs.remove(&(id, to));
                }
            }
        }
    }
}

/// A socket for both families shows IPv4 senders as IPv6 ones.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests;
