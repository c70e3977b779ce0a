use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use watchfire_identity::pulse::{PulseKey, ReplayWindow};
use watchfire_identity::{Randomness, SystemRandomness};
use watchfire_model::Moment;
use watchfire_runtime::Clock;
use watchfire_runtime::datagram::Datagrams;
use watchfire_wire::pulse::{DATAGRAM_BYTES, PulseFlags};

use super::{Datagram, Signs, claimed, is_genuine, sealed};
use crate::uplink::{OLD_PULSES_LIVE, OLD_PULSES_MOST, UplinkCounters};

/// Most sessions whose streams have ended and that are answered still; the oldest
/// makes room. A hub that dials again and again has one for each dial.
const MAX_OLD: usize = 32;

/// Answers the pulses of all hubs that dialed this agent, on one socket. There
/// is a session for each of their streams, so there are few.
#[derive(Debug, Default)]
pub(crate) struct PulseDesk {
    sessions: Mutex<Sessions>,
    counters: Arc<UplinkCounters>,
}

#[derive(Debug, Default)]
struct Sessions {
    by_id: HashMap<u64, Session>,
    /// Those whose streams have ended, oldest first.
    old: VecDeque<u64>,
}

/// The pulses of one stream are answered while this lives, and after
/// [`PulseSeat::outlive_stream`] for as long as they come.
#[derive(Debug)]
pub(crate) struct PulseSeat {
    desk: Arc<PulseDesk>,
    id: u64,
    signs: Arc<Signs>,
    outlives: bool,
}

#[derive(Debug)]
struct Session {
    key: PulseKey,
    window: ReplayWindow,
    signs: Arc<Signs>,
    /// When its stream ended.
    orphaned: Option<Moment>,
}

impl PulseDesk {
    pub(crate) fn new(counters: Arc<UplinkCounters>) -> Self {
        Self { sessions: Mutex::default(), counters }
    }

    /// Begins to answer for a stream.
    pub(crate) fn seat(self: &Arc<Self>, key: PulseKey) -> PulseSeat {
        let signs = Arc::<Signs>::default();
        let (window, heard) = (ReplayWindow::new(), Arc::clone(&signs));
        let session = Session { key, window, signs: heard, orphaned: None };
        let mut id = [0; 8];
        SystemRandomness.fill(&mut id);
        let id = u64::from_le_bytes(id);
        self.sessions().by_id.insert(id, session);
        PulseSeat { desk: Arc::clone(self), id, signs, outlives: false }
    }

    /// The pulses of streams that have ended are not answered any more.
    pub(crate) fn forget_old(&self) {
        let mut sessions = self.sessions();
        while !sessions.old.is_empty() {
            sessions.forget_oldest();
        }
    }

    /// Answers what comes on the socket, for ever.
    pub(crate) async fn answer(self: Arc<Self>, socket: Datagrams, clock: Clock) {
        loop {
            let (datagram, from) = socket.recv::<DATAGRAM_BYTES>().await;
            match self.echo(&datagram, clock.now()) {
                Some(echo) => {
                    let sent = socket.send(&echo, from);
                    self.counters.pulses_answered.add(u64::from(sent));
                }
                None => self.counters.pulses_refused.add(1),
            }
        }
    }

    /// The answer to a datagram, if it deserves one. Its tag is looked at only
    /// when somebody knows the session, which costs a stranger's datagram nothing.
    pub(crate) fn echo(&self, datagram: &Datagram, now: Moment) -> Option<Datagram> {
        let pulse = claimed(datagram)?;
        let mut sessions = self.sessions();
        sessions.forget_old(now);
        let session = sessions.by_id.get_mut(&pulse.session)?;
        let is_new = !pulse.flags.contains(PulseFlags::ECHO)
            && is_genuine(datagram, &session.key)
            && session.window.accept(pulse.counter);
        is_new.then(|| {
            session.signs.heard(now);
            sealed(&pulse.echo(), &session.key)
        })
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    fn forget_old(&mut self, now: Moment) {
        let Self { by_id, old } = self;
        old.retain(|id| {
            let lives = by_id.get(id).is_some_and(|session| session.lives(now));
            if !lives {
                by_id.remove(id);
            }
            lives
        });
    }

    fn forget_oldest(&mut self) {
        if let Some(id) = self.old.pop_front() {
            self.by_id.remove(&id);
        }
    }
}

impl Session {
    /// False once its stream is gone and so are its pulses, or both long enough.
    fn lives(&self, now: Moment) -> bool {
        let Some(orphaned) = self.orphaned else { return true };
        let heard = self.signs.last().map_or(orphaned.monotonic, |at| at.max(orphaned.monotonic));
        now.monotonic.saturating_sub(heard) < OLD_PULSES_LIVE
            && now.since(orphaned) < OLD_PULSES_MOST
    }
}

impl PulseSeat {
    /// The session that the hub is told.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// When the hub's pulses were heard.
    pub(crate) fn signs(&self) -> Arc<Signs> {
        Arc::clone(&self.signs)
    }

    /// The stream beside has ended, and the hub is opening another: on a way that
    /// loses a third of all packets that takes longer than a server may be quiet.
    /// The hub's pulses are answered for as long as they come.
    pub(crate) fn outlive_stream(mut self, now: Moment) {
        self.outlives = true;
        let mut sessions = self.desk.sessions();
        sessions.forget_old(now);
        if let Some(session) = sessions.by_id.get_mut(&self.id) {
            session.orphaned = Some(now);
        }
        sessions.old.push_back(self.id);
        if sessions.old.len() > MAX_OLD {
            sessions.forget_oldest();
        }
    }
}

impl Drop for PulseSeat {
    fn drop(&mut self) {
        if !self.outlives {
            self.desk.sessions().by_id.remove(&self.id);
        }
    }
}
