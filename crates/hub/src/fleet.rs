//! All servers as they are now, and the one place where they are judged.

mod doubt;
mod elsewhere;
mod feed;
mod judgement;
mod leaving;
mod link;
mod minutes;
mod reading;
mod recent;
mod roster;
mod sessions;
mod signs;
mod state;
mod view;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use tokio::sync::Notify;
use watchfire_alert::{HubTime, PresenceLimits};
use watchfire_model::{Incident, Moment, ServerName, Transition};
use watchfire_runtime::Clock;

use crate::config::WatchedServer;
use crate::events::{Event, Events};
use crate::stall::Stall;
pub(crate) use doubt::CutNews;
use doubt::SelfDoubt;
pub(crate) use feed::{Feed, FeedError};
pub(crate) use link::{Greeting, Return};
pub(crate) use reading::Reading;
pub(crate) use recent::LastMinutes;
use roster::{Roster, Watched};
use state::State;
pub(crate) use view::{LinkSnapshot, Snapshot};

/// How long a server that comes while the hub runs has for its first sign of
/// life: whoever enrols a fleet starts its agents afterwards.
const NEWCOMER_GRACE: Duration = Duration::from_secs(60);

/// What the last minutes of all servers may take, in bytes, each server an equal part: once
/// for all of their series, and where that is not enough, once more for those that are asked
/// for. What has no room is read from the disk.
const RECENT_BYTES: usize = 64 << 20;

/// All servers as they are now. A server's index is its own for as long as the
/// hub runs, also after it was taken out.
#[derive(Debug)]
pub(crate) struct Fleet {
    roster: RwLock<Roster>,
    limits: PresenceLimits,
    pending: Mutex<VecDeque<Transition>>,
    arrived: Notify,
    /// A round of judging goes on.
    judging: AtomicBool,
    /// Servers came, went or changed.
    changed: Notify,
    lost: AtomicU64,
    clock: Clock,
    stall: Stall,
    doubt: SelfDoubt,
    /// Quiet servers of which a second opinion is wanted.
    questions: Mutex<VecDeque<usize>>,
    asked: Notify,
    unasked: AtomicU64,
    events: Events,
}

impl Fleet {
    /// The fleet of `servers`, with the incidents that were open when the hub stopped.
    pub(crate) fn new(
        servers: Vec<WatchedServer>,
        limits: PresenceLimits,
        open: &[Incident],
        clock: Clock,
        events: Events,
    ) -> Self {
        let started = HubTime { at: clock.now(), stalled: Duration::ZERO };
        let fleet = Self {
            roster: RwLock::default(),
            limits,
            pending: Mutex::default(),
            arrived: Notify::new(),
            judging: AtomicBool::new(false),
            changed: Notify::new(),
            lost: AtomicU64::new(0),
            clock,
            stall: Stall::default(),
            doubt: SelfDoubt::new(limits, started),
            questions: Mutex::default(),
            asked: Notify::new(),
            unasked: AtomicU64::new(0),
            events,
        };
        for config in servers {
            let open = open.iter().find(|open| open.server == config.server.name);
            fleet.enter(config, limits, open, started);
        }
        fleet
    }

    /// Takes a server in that came while the hub runs. One that has its name
    /// already is changed instead, and keeps its place and what is known of it.
    pub(crate) fn add(&self, config: WatchedServer) -> usize {
        if let Some(index) = self.index(&config.server.name) {
            self.write().change(index, config);
            self.changed.notify_waiters();
            self.events.tell(Event::Server(index));
            return index;
        }
        let now = HubTime { at: self.clock.now(), stalled: self.stall.total() };
        // It has just enrolled, and its agent may not have been started yet.
        let grace = self.limits.grace.max(NEWCOMER_GRACE);
        self.enter(config, PresenceLimits { grace, ..self.limits }, None, now)
    }

    /// Takes a server out: it is not judged any more, and nobody finds it.
    pub(crate) fn remove(&self, index: usize) {
        self.doubt.forget(&self.config(index).server.name);
        self.write().remove(index);
        self.changed.notify_waiters();
        self.events.tell(Event::Server(index));
    }

    fn enter(
        &self,
        config: WatchedServer,
        limits: PresenceLimits,
        open: Option<&Incident>,
        now: HubTime,
    ) -> usize {
        let state = State::new(&config, limits, open, now);
        if state.elsewhere.is() {
            self.doubt.watch(config.server.name.clone(), state.machine.presence());
        }
        let index = self.write().enter(config, state);
        self.changed.notify_waiters();
        self.events.tell(Event::Server(index));
        index
    }

    /// The present moment on the fleet's clock.
    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Waits for the next change of which servers there are and how they are
    /// reached, from this call on.
    pub(crate) fn roster_changed(&self) -> impl Future<Output = ()> + '_ {
        let mut changed = Box::pin(self.changed.notified());
        changed.as_mut().enable();
        changed
    }

    /// How many servers were ever in it, and so where the next one's place is.
    pub(crate) fn places(&self) -> usize {
        self.read().places()
    }

    /// The places of the servers that are in it.
    pub(crate) fn indices(&self) -> Vec<usize> {
        self.read().indices()
    }

    /// False for a server that was taken out.
    pub(crate) fn is_in(&self, index: usize) -> bool {
        self.read().is_in(index)
    }

    pub(crate) fn config(&self, index: usize) -> Arc<WatchedServer> {
        self.watched(index).config()
    }

    pub(crate) fn index(&self, name: &ServerName) -> Option<usize> {
        self.read().by_name(name)
    }

    /// True for a server on another machine than the hub's.
    pub(crate) fn is_elsewhere(&self, name: &ServerName) -> bool {
        self.index(name).is_some_and(|index| self.watched(index).state().elsewhere.is())
    }

    pub(crate) fn stall(&self) -> &Stall {
        &self.stall
    }

    fn watched(&self, index: usize) -> Arc<Watched> {
        self.read().watched(index)
    }

    fn read(&self) -> RwLockReadGuard<'_, Roster> {
        self.roster.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Roster> {
        self.roster.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The standstill so far, and then the time: a freeze between the two must not
/// count as standstill from before a moment that was read after it. The next
/// silence would look longer by it than it is.
fn hub_time(stall: &Stall, now: impl FnOnce() -> Moment) -> HubTime {
    let stalled = stall.total();
    HubTime { at: now(), stalled }
}

/// A panic elsewhere leaves whole values here, so a poisoned lock is used on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
