//! A session with an agent: the same messages whichever side dialed.
//!
//! What an agent is, its certificate says, and the caller found its place in the
//! fleet by that. Whatever else an agent says of itself is a claim, and nothing it
//! sends reaches another server's data: a session knows one index, and gives it to
//! everything that it tells the fleet, the history and the pulses.

mod backfill;
mod facts;
mod handle;
mod inbox;
mod ingest;
mod registry;
mod talk;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Semaphore;
use watchfire_codec::KeyPool;
use watchfire_identity::certificate::AgentId;
use watchfire_identity::pulse::PulseKey;
use watchfire_model::{Moment, Sight};
use watchfire_runtime::Clock;
use watchfire_runtime::socket::{CloseReason, Socket, SocketLimits};
use watchfire_wire::{FallbackSeat, FallbackTold, MAX_FRAME_BYTES, Message, Runbooks, Version};

use crate::aftermath::Corrections;
use crate::dial::{Failed, Rarely};
use crate::enrolment::Enrolment;
use crate::fleet::Fleet;
use crate::historian::Historian;
use crate::pulses::Pulses;
pub(crate) use facts::{RecordedEvent, event_of, recorded_event};
pub(crate) use handle::SessionHandle;
use registry::Registry;
use talk::Talk;

/// What one stream may take of the hub's memory: ten thousand must fit.
pub(crate) const SOCKET_LIMITS: SocketLimits =
    SocketLimits { read_buffer: 4 << 10, incoming: MAX_FRAME_BYTES, outgoing: 64 << 10 };

/// A stream that was quiet for this long, its pulses too, is given up and dialed
/// anew: the new connection is the probe, and it does not share the old one's stuck
/// packets.
const QUIET_LIMIT: Duration = Duration::from_secs(3);
/// A stream that brings nothing for this long is over whatever the pulses say, and
/// one that the agent dialed is kept open no longer.
const STUCK_LIMIT: Duration = Duration::from_secs(30);
/// The time for the other side's hello. It is a round trip, on a way that may be slow.
const HELLO_LIMIT: Duration = Duration::from_secs(10);
/// The time for one frame to be taken by the kernel.
const SEND_LIMIT: Duration = Duration::from_secs(3);
/// How often a session looks after itself.
const TICK: Duration = Duration::from_secs(1);
/// How many agents are asked for old records at a time.
const MAX_BACKFILLS: usize = 16;
/// How many look for holes at a time: each takes a thread for as long.
const MAX_LOOKS: usize = 4;

/// All sessions of a hub, and what they work with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sessions(Arc<Shared>);

struct Shared {
    fleet: Arc<Fleet>,
    clock: Clock,
    historian: Historian,
    pulses: Pulses,
    corrections: Corrections,
    renewal: OnceLock<Box<dyn Renewal>>,
    fallback: OnceLock<Box<dyn FallbackDesk>>,
    commands: OnceLock<Box<dyn CommandDesk>>,
    pool: KeyPool,
    registry: Registry,
    backfills: Arc<Semaphore>,
    looks: Arc<Semaphore>,
    held_up: Rarely,
    misbehaving: Rarely,
    counters: Counters,
}

/// What the sessions of a hub work with.
pub(crate) struct Parts {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) clock: Clock,
    pub(crate) historian: Historian,
    pub(crate) pulses: Pulses,
    pub(crate) corrections: Corrections,
}

/// Says what agents may, and renews their certificates.
pub(crate) trait Renewal: Send + Sync {
    /// A new certificate for `agent`, which holds the key of `csr_pem` if that is
    /// its own; the reason in words otherwise. It is called on a thread that may wait.
    fn renew(&self, agent: AgentId, csr_pem: &str, now: Moment) -> Result<String, String>;

    /// Whether `agent` may speak this version of the protocol; the reason in words
    /// otherwise. It is called on a thread that must not wait.
    fn admit(&self, agent: AgentId, version: Version) -> Result<(), String>;
}

/// Hears of the agents that keep what is for the day without the hub. It is called on threads
/// that must not wait.
pub(crate) trait FallbackDesk: Send + Sync {
    /// An agent with this place in the fleet takes part. Its stream leads to this address, and
    /// the hub dialed it or not.
    fn greeted(&self, who: (usize, AgentId), at: (SocketAddr, bool), said: FallbackSeat);

    /// An agent says that the fallback was told. True once that is on disk, and the agent need
    /// not say it again.
    fn told(&self, agent: AgentId, told: FallbackTold) -> bool;
}

/// Hears of the commands that agents were given. It is called on threads that must not wait.
pub(crate) trait CommandDesk: Send + Sync {
    /// The agent at this place takes commands, and says what may be run there. The second number
    /// names its session.
    fn offered(&self, who: (usize, u64), runbooks: Runbooks);

    /// That session is over.
    fn left(&self, who: (usize, u64));

    /// An agent says what came of a command. False when it was not given that command.
    fn said(&self, index: usize, news: Message) -> bool;
}

impl Renewal for Arc<Enrolment> {
    fn renew(&self, agent: AgentId, csr_pem: &str, now: Moment) -> Result<String, String> {
        Enrolment::renew(self, agent, csr_pem, now).map_err(|error| error.to_string())
    }

    fn admit(&self, agent: AgentId, version: Version) -> Result<(), String> {
        self.admits(agent, version)
    }
}

/// Whose stream it is.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// The server's place in the fleet.
    pub(crate) index: usize,
    /// Who proved to be its agent; `None` behind a password.
    pub(crate) agent: Option<AgentId>,
    /// The key of its pulses; `None` without TLS.
    pub(crate) pulse_key: Option<PulseKey>,
    /// The other end of the connection.
    pub(crate) remote: SocketAddr,
}

#[derive(Debug, Default)]
struct Counters {
    wrong: AtomicU64,
    strange: AtomicU64,
    twins: AtomicU64,
    replaced: AtomicU64,
}

/// What was counted since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SessionCounts {
    /// Sessions that ended because their bytes were not understood.
    pub(crate) wrong: u64,
    /// Messages that nobody had asked for, or that this peer may not send.
    pub(crate) strange: u64,
    /// Times that two agents were seen with one key.
    pub(crate) twins: u64,
    /// Streams that were refused because another one of the same agent lives.
    pub(crate) refused: u64,
}

impl Sessions {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { fleet, clock, historian, pulses, corrections } = parts;
        Self(Arc::new(Shared {
            fleet,
            clock,
            historian,
            pulses,
            corrections,
            renewal: OnceLock::new(),
            fallback: OnceLock::new(),
            commands: OnceLock::new(),
            pool: KeyPool::new(),
            registry: Registry::default(),
            backfills: Arc::new(Semaphore::new(MAX_BACKFILLS)),
            looks: Arc::new(Semaphore::new(MAX_LOOKS)),
            held_up: Rarely::default(),
            misbehaving: Rarely::default(),
            counters: Counters::default(),
        }))
    }

    /// Sessions that keep nothing but what the fleet shows: for a command that looks
    /// at it once.
    pub(crate) fn without_history(fleet: Arc<Fleet>, clock: Clock) -> Self {
        let historian = Historian::new(None, clock.clone());
        let pulses = Pulses::new(fleet.clone(), clock.clone(), false);
        let (corrections, _) = Corrections::new();
        Self::new(Parts { fleet, clock, historian, pulses, corrections })
    }

    /// The pool that shares the keys of their schemas.
    pub(crate) fn pool(&self) -> KeyPool {
        self.0.pool.clone()
    }

    /// Gives these sessions again as long as they are there: for who is in turn held
    /// by them, since a circle would outlive the hub.
    pub(crate) fn weak(&self) -> impl Fn() -> Option<Self> + Send + Sync + 'static {
        let inner = Arc::downgrade(&self.0);
        move || inner.upgrade().map(Self)
    }

    /// Says who renews the agents' certificates. Only the first one counts.
    pub(crate) fn set_renewal(&self, renewal: Box<dyn Renewal>) {
        if self.0.renewal.set(renewal).is_err() {
            tracing::error!("certificates are renewed by the first who was named");
        }
    }

    /// Says who hears of the fallback. Only the first one counts.
    pub(crate) fn set_fallback(&self, desk: Box<dyn FallbackDesk>) {
        if self.0.fallback.set(desk).is_err() {
            tracing::error!("the first who was named hears of the fallback");
        }
    }

    /// Says who hears of commands. Only the first one counts.
    pub(crate) fn set_commands(&self, desk: Box<dyn CommandDesk>) {
        if self.0.commands.set(desk).is_err() {
            tracing::error!("the first who was named hears of commands");
        }
    }

    /// Keeps a session that an agent began, until it is over. The caller has found
    /// `peer.index` by the certificate. It is to be given up when the hub ends;
    /// nothing is lost then.
    pub(crate) async fn accept(&self, socket: Socket, peer: Peer) {
        let index = peer.index;
        let failed = self.keep(socket, peer, false, &mut false).await;
        // A closed stream of an agent that dialed is what the hub's own dial tells
        // of others: it says nothing of the host.
        if let Some(saw) = failed.saw().filter(|saw| *saw == Sight::StreamClosed) {
            self.0.fleet.observed(index, saw);
        }
    }

    /// Keeps a session that the hub began, until it is over. `heard` is set once
    /// something came.
    pub(crate) async fn dialed(&self, socket: Socket, peer: Peer, heard: &mut bool) -> Failed {
        self.keep(socket, peer, true, heard).await
    }

    /// The session with the server at `index`, if there is one.
    pub(crate) fn of(&self, index: usize) -> Option<SessionHandle> {
        self.0.registry.handle(index)
    }

    /// Ends the session with the server at `index`, if there is one.
    pub(crate) fn close(&self, index: usize, why: CloseReason) {
        if let Some(handle) = self.of(index) {
            handle.close(why);
        }
    }

    /// What was counted since the start.
    pub(crate) fn counts(&self) -> SessionCounts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.0.counters;
        SessionCounts {
            wrong: of(&counters.wrong),
            strange: of(&counters.strange),
            twins: of(&counters.twins),
            refused: of(&counters.replaced),
        }
    }

    async fn keep(&self, mut socket: Socket, peer: Peer, dialed: bool, heard: &mut bool) -> Failed {
        let shared = &self.0;
        let index = peer.index;
        let Some(entered) = shared.registry.enter(index, shared.clock.now()) else {
            shared.counters.replaced.fetch_add(1, Ordering::Relaxed);
            let server = &shared.fleet.config(index).server.name;
            tracing::warn!(%server, remote = %peer.remote, "a second stream of this server is refused");
            // The other side may take nothing any more.
            shared.close(&mut socket, CloseReason::Replaced, true).await;
            return Failed::new(crate::dial::Tells::Nothing, "another stream of it lives");
        };
        let mut talk = Talk::new(shared.clone(), peer, dialed, entered);
        let (failed, why) = talk.hold(&mut socket, heard).await;
        talk.end();
        shared.close(&mut socket, why, talk.told_to_end).await;
        failed
    }
}

impl Shared {
    /// Says why a stream ends, and waits until the agent has heard it if that
    /// `matters`. Where the stream is over by itself, what the hub saw must not wait.
    async fn close(&self, socket: &mut Socket, why: CloseReason, matters: bool) {
        let closing = async {
            socket.close(why).await;
            if matters {
                socket.linger().await;
            }
        };
        let _ = self.clock.within(SEND_LIMIT, closing).await;
    }
}

#[cfg(test)]
mod tests;
