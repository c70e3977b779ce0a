//! The way to the hub: streams, whoever dialed them, and the pulses beside them.
//!
//! [`feed`] has what was just recorded, [`session`] is one stream from its first
//! word to its last, [`dial`] makes streams to the hub that the agent belongs
//! to. [`backfill`], [`pulse`], [`probe`] and [`goodbye`] are what a session does
//! beside sending live records.

pub(crate) mod backfill;
mod counters;
pub(crate) mod dial;
mod durable;
pub(crate) mod feed;
pub(crate) mod goodbye;
pub(crate) mod probe;
pub(crate) mod pulse;
mod relay;
pub(crate) mod session;
#[cfg(test)]
pub(crate) mod testing;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use watchfire_model::Labels;
use watchfire_runtime::http::END_TIME;
use watchfire_runtime::net::Net;
use watchfire_runtime::socket::SocketLimits;
use watchfire_runtime::task::{self, Task};
use watchfire_runtime::{Clock, Shutdown};
use watchfire_wire as wire;

pub(crate) use self::counters::UplinkCounters;
use self::feed::Feed;
use self::goodbye::Goodbye;
use self::probe::Prober;
use self::pulse::{PulseDesk, Pulses};
use self::relay::Relay;
use crate::boot::Boot;
use crate::counters::Counters;
use crate::fallback::{Desk, Watcher};
use crate::identity::Identity;
use crate::runner::Runner;
use crate::sampler::Samples;

/// The largest frame that a hub may send, in bytes. A command with its input is the
/// longest thing it has to say.
const MAX_INCOMING_BYTES: usize = wire::MAX_FRAME_BYTES;
/// How long one frame may take to leave.
const SEND_TIME: Duration = Duration::from_secs(10);
/// The pulses of a stream that ended are answered for as long as they come, with no
/// pause longer than this. The hub does the same.
const OLD_PULSES_LIVE: Duration = Duration::from_secs(20);
/// The most time for which pulses go on without their stream, and are answered. Where
/// the way from the hub is cut they are sent unanswered: that they arrive there, only
/// the hub knows.
const OLD_PULSES_MOST: Duration = Duration::from_secs(3600);
/// The read buffer of one stream, in bytes.
const READ_BUFFER_BYTES: usize = 4 << 10;

/// What one stream may take, at both ends of a dial.
pub(crate) const LIMITS: SocketLimits = SocketLimits {
    read_buffer: READ_BUFFER_BYTES,
    incoming: MAX_INCOMING_BYTES,
    outgoing: wire::MAX_FRAME_BYTES,
};

/// What the agent says of itself when a stream begins.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) server: String,
    pub(crate) boot_id: String,
    pub(crate) agent_id: String,
    pub(crate) labels: Labels,
}

/// What all streams of an agent share.
#[derive(Debug)]
pub(crate) struct Uplink {
    pub(crate) clock: Clock,
    pub(crate) net: Net,
    pub(crate) shutdown: Shutdown,
    pub(crate) counters: Arc<UplinkCounters>,
    pub(crate) pulses: Arc<PulseDesk>,
    /// The pulses of the last stream, while another is being opened.
    old_pulses: Mutex<Option<Task<()>>>,
    /// The counters of the streams that get samples.
    samples_skipped: Arc<Counters>,
    samples: Samples,
    pub(crate) about: About,
    feed: Feed,
    record_folder: PathBuf,
    reboot_reason: String,
    goodbye: Goodbye,
    prober: Arc<Prober>,
    identity: Option<Arc<Identity>>,
    /// For the day without a hub; `None` where this agent could tell nobody.
    pub(crate) fallback: Option<Arc<Desk>>,
    /// The commands that the hub hands over.
    relay: Arc<Relay>,
}

/// What an [`Uplink`] is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) clock: Clock,
    pub(crate) net: Net,
    pub(crate) shutdown: Shutdown,
    pub(crate) counters: Arc<Counters>,
    pub(crate) samples: Samples,
    pub(crate) about: About,
    pub(crate) feed: Feed,
    /// The recorder's folder.
    pub(crate) record_folder: PathBuf,
    pub(crate) boot: Boot,
    pub(crate) goodbye: Goodbye,
    /// Who the agent is; `None` in tests that need nobody.
    pub(crate) identity: Option<Arc<Identity>>,
    pub(crate) fallback: Option<Arc<Desk>>,
    /// What runs commands; `None` where nothing is run.
    pub(crate) runner: Option<Runner>,
}

impl Uplink {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let counters = Arc::clone(parts.feed.counters());
        let me = parts.identity.as_ref().map(|identity| identity.enrolled());
        let prober =
            Prober::new(parts.clock.clone(), me, Arc::clone(&counters)).over(parts.net.clone());
        Arc::new(Self {
            pulses: Arc::new(PulseDesk::new(Arc::clone(&counters))),
            old_pulses: Mutex::default(),
            relay: Relay::new(parts.runner, parts.clock.clone()),
            clock: parts.clock,
            net: parts.net,
            shutdown: parts.shutdown,
            counters,
            samples_skipped: parts.counters,
            samples: parts.samples,
            about: parts.about,
            feed: parts.feed,
            record_folder: parts.record_folder,
            reboot_reason: parts.boot.in_words(),
            goodbye: parts.goodbye,
            prober: Arc::new(prober),
            identity: parts.identity,
            fallback: parts.fallback,
        })
    }

    /// Lets the pulses of a stream that ended go on while another is being opened: on
    /// a way that loses a third of all packets that takes longer than a server may
    /// be quiet, and on one that is cut in one direction none can be opened.
    pub(crate) fn outlive(&self, pulses: Pulses) {
        pulses.outlive_stream();
        let clock = self.clock.clone();
        let task = task::spawn("old pulses", async move {
            clock.sleep(OLD_PULSES_MOST).await;
            drop(pulses);
        });
        *self.old_pulses.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    /// A new stream has its own pulses, and a hub that does not want this agent wants
    /// none.
    pub(crate) fn forget_old_pulses(&self) {
        *self.old_pulses.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Answers pulses beside the listener, and dials the hub where there is one.
    pub(crate) fn start(self: &Arc<Self>, listen: SocketAddr) -> Running {
        self.prober.listens(listen.port());
        self.fallback.iter().for_each(|desk| desk.listens(listen));
        let answering = match self.net.datagrams(listen) {
            Ok(socket) => {
                let answer = Arc::clone(&self.pulses).answer(socket, self.clock.clone());
                Some(task::spawn("pulse answers", answer))
            }
            Err(error) => {
                tracing::warn!(
                    %listen, %error,
                    "pulses cannot be answered; streams carry the signs of life"
                );
                None
            }
        };
        let dialing = self.identity.as_ref().map(|identity| {
            let (up, enrolled) = (Arc::clone(self), identity.enrolled());
            let make = move || dial::keep(Arc::clone(&up), enrolled.clone());
            task::spawn_restarting("dial the hub", self.clock.clone(), make)
        });
        let watching =
            self.fallback.as_ref().zip(self.identity.as_ref()).map(|(desk, identity)| {
                let (up, desk, me) = (Arc::clone(self), Arc::clone(desk), identity.enrolled());
                let make = move || {
                    let (clock, net) = (up.clock.clone(), up.net.clone());
                    let (desk, me, shutdown) = (Arc::clone(&desk), me.clone(), up.shutdown.clone());
                    Watcher { desk, clock, net, me, shutdown }.run()
                };
                task::spawn_restarting("look after the hub", self.clock.clone(), make)
            });
        Running { dialing, _answering: answering, _watching: watching }
    }
}

/// What goes on until the agent ends.
#[derive(Debug)]
pub(crate) struct Running {
    dialing: Option<Task<()>>,
    _answering: Option<Task<()>>,
    _watching: Option<Task<()>>,
}

impl Running {
    /// Waits until the stream that this agent dialed has said goodbye, after the
    /// shutdown was asked for.
    pub(crate) async fn end(self, clock: &Clock) {
        let Some(dialing) = self.dialing else { return };
        if clock.within(END_TIME, dialing.join()).await.is_none() {
            tracing::debug!("the stream to the hub did not end in time and is cut");
        }
    }
}
