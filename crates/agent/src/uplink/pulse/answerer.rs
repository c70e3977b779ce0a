use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use watchfire_identity::pulse::{PulseKey, ReplayWindow};
use watchfire_identity::{Randomness, SystemRandomness};
use watchfire_model::Moment;
use watchfire_runtime::Clock;
use watchfire_runtime::datagram::Datagrams;
use watchfire_wire::pulse::{DATAGRAM_BYTES, PulseFlags};

use super::{Datagram, Signs, claimed, is_genuine, sealed};
use crate::uplink::UplinkCounters;

/// Answers the pulses of all hubs that dialed this agent, on one socket. There
/// is a session for each of their streams, so there are few.
#[derive(Debug, Default)]
pub(crate) struct PulseDesk {
    sessions: Mutex<HashMap<u64, Session>>,
    counters: Arc<UplinkCounters>,
}

/// The pulses of one stream are answered while this lives.
#[derive(Debug)]
pub(crate) struct PulseSeat {
    desk: Arc<PulseDesk>,
    id: u64,
    signs: Arc<Signs>,
}

#[derive(Debug)]
struct Session {
    key: PulseKey,
    window: ReplayWindow,
    signs: Arc<Signs>,
}

impl PulseDesk {
    pub(crate) fn new(counters: Arc<UplinkCounters>) -> Self {
        Self { sessions: Mutex::default(), counters }
    }

    /// Begins to answer for a stream.
    pub(crate) fn seat(self: &Arc<Self>, key: PulseKey) -> PulseSeat {
        let signs = Arc::<Signs>::default();
        let session = Session { key, window: ReplayWindow::new(), signs: Arc::clone(&signs) };
        let mut id = [0; 8];
        SystemRandomness.fill(&mut id);
        let id = u64::from_le_bytes(id);
        self.sessions().insert(id, session);
        PulseSeat { desk: Arc::clone(self), id, signs }
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
        let session = sessions.get_mut(&pulse.session)?;
        let is_new = !pulse.flags.contains(PulseFlags::ECHO)
            && is_genuine(datagram, &session.key)
            && session.window.accept(pulse.counter);
        is_new.then(|| {
            session.signs.heard(now);
            sealed(&pulse.echo(), &session.key)
        })
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<u64, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
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
}

impl Drop for PulseSeat {
    fn drop(&mut self) {
        self.desk.sessions().remove(&self.id);
    }
}
