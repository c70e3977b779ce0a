//! Which sessions there are, and for how long those go on whose streams have ended.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use watchfire_model::Moment;

use super::session::PulseSession;

/// The pulses of a stream that ended go on for as long as they come, with no pause
/// longer than this. Opening another stream takes some seconds on a way that loses a
/// third of all packets, and comes to nothing on one that is cut in one direction.
const ORPHAN_LIVES: Duration = Duration::from_secs(20);
/// The most time for which they go on: what only pulses is no agent that works.
const ORPHAN_MOST: Duration = Duration::from_secs(3600);
/// The most of such sessions; the oldest make room.
const MAX_ORPHANS: usize = 65_536;

/// By what a datagram names a session, and which side gave that name: two agents may
/// give the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// The hub named it.
    Own(u64),
    /// An agent named it, which listens at that address.
    Theirs(u64, SocketAddr),
}

/// All sessions.
#[derive(Debug, Default)]
pub(super) struct Table {
    sessions: HashMap<Key, Arc<PulseSession>>,
    /// Those whose streams have ended, by when they are looked at next.
    orphans: VecDeque<Orphan>,
    /// The newest session of each server that was heard beside its stream: the orphans
    /// before it are over. There are no more than the fleet has places.
    newest: HashMap<usize, u64>,
}

#[derive(Debug)]
struct Orphan {
    since: Moment,
    look: Moment,
    key: Key,
    session: Arc<PulseSession>,
}

impl Table {
    pub(super) fn insert(&mut self, key: Key, session: Arc<PulseSession>) {
        self.sessions.insert(key, session);
    }

    /// The session of that name, unless it is over.
    pub(super) fn get(&self, key: Key) -> Option<Arc<PulseSession>> {
        self.sessions.get(&key).filter(|session| !self.is_over(session)).cloned()
    }

    /// A stream ended. Its pulses go on, unless its agent has left or is not wanted.
    pub(super) fn stream_ended(&mut self, key: Key, session: &Arc<PulseSession>, now: Moment) {
        session.outlive_stream();
        if session.is_over() {
            self.forget(key, session);
            return;
        }
        let look = now.after(ORPHAN_LIVES);
        self.orphans.push_back(Orphan { since: now, look, key, session: session.clone() });
        if self.orphans.len() > MAX_ORPHANS {
            self.forget_oldest();
        }
    }

    /// A session was heard beside its stream: of its server it is the one that counts.
    pub(super) fn took_over(&mut self, session: &PulseSession) {
        let newest = self.newest.entry(session.index).or_default();
        *newest = session.number.max(*newest);
    }

    /// True when orphans are to be looked at.
    pub(super) fn is_due(&self, now: Moment) -> bool {
        self.orphans.front().is_some_and(|orphan| orphan.look.monotonic <= now.monotonic)
    }

    /// Lets go of the orphans that say nothing any more, or whose time is over.
    /// `is_in` says whether a server is in the fleet.
    pub(super) fn forget_old(&mut self, now: Moment, is_in: impl Fn(usize) -> bool) {
        while self.is_due(now) {
            let Some(orphan) = self.orphans.pop_front() else { return };
            if self.goes_on(&orphan, now) && is_in(orphan.session.index) {
                self.orphans.push_back(Orphan { look: now.after(ORPHAN_LIVES), ..orphan });
            } else {
                self.forget(orphan.key, &orphan.session);
            }
        }
    }

    fn goes_on(&self, orphan: &Orphan, now: Moment) -> bool {
        let heard = orphan.session.heard().is_some_and(|heard| now.since(heard) < ORPHAN_LIVES);
        heard && now.since(orphan.since) < ORPHAN_MOST && !self.is_over(&orphan.session)
    }

    fn is_over(&self, session: &PulseSession) -> bool {
        let newer = || self.newest.get(&session.index).is_some_and(|one| *one > session.number);
        session.is_orphan() && (session.is_over() || newer())
    }

    fn forget_oldest(&mut self) {
        if let Some(orphan) = self.orphans.pop_front() {
            self.forget(orphan.key, &orphan.session);
        }
    }

    fn forget(&mut self, key: Key, session: &Arc<PulseSession>) {
        // Another stream of this agent may have given its session the same name.
        if self.sessions.get(&key).is_some_and(|known| Arc::ptr_eq(known, session)) {
            self.sessions.remove(&key);
        }
    }
}
