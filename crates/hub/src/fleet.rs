use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use watchfire_alert::{HubTime, PresenceLimits, PresenceMachine};
use watchfire_model::{
    Evidence, Incident, IncidentId, Moment, Presence, ProcessTable, ServerName, Sight, Status,
    Transition,
};
use watchfire_runtime::Clock;

use crate::config::WatchedServer;
use crate::events::{Event, Events};
use crate::stall::{Blindness, Stall};

/// Transitions that wait for the desk. A fleet of ten thousand that flaps for a
/// minute while the disk is full stays below this.
const MAX_PENDING: usize = 100_000;

/// The shortest time between two statuses of a server that the pages are told
/// of: an agent that floods the hub does not flood them.
const TELL_PAUSE: Duration = Duration::from_millis(900);

/// All servers as they are now.
#[derive(Debug)]
pub(crate) struct Fleet {
    servers: Vec<Watched>,
    by_name: HashMap<ServerName, usize>,
    pending: Mutex<VecDeque<Transition>>,
    arrived: Notify,
    lost: AtomicU64,
    clock: Clock,
    stall: Stall,
    events: Events,
}

#[derive(Debug)]
struct Watched {
    config: WatchedServer,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    machine: PresenceMachine,
    blindness: Blindness,
    reading: Reading,
    /// The reading of the time when the server was last up, once it is not.
    before: Option<Reading>,
    incident: Option<(IncidentId, String)>,
    /// When the pages were last told of a status.
    told: Option<Moment>,
}

/// What a server last told of itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    /// The last status, and when it came on the hub's clocks.
    pub(crate) status: Option<(Moment, Arc<Status>)>,
    pub(crate) processes: Option<Arc<ProcessTable>>,
}

impl Reading {
    fn is_before(&self, at: Moment) -> bool {
        self.status.as_ref().is_some_and(|(came, _)| came.monotonic < at.monotonic)
    }
}

/// One server at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) presence: Presence,
    pub(crate) since: Moment,
    pub(crate) last_sign: Option<Moment>,
    /// The open incident and its cause.
    pub(crate) incident: Option<(IncidentId, String)>,
    /// The last status, and when it came on the hub's clocks.
    pub(crate) status: Option<(Moment, Arc<Status>)>,
    pub(crate) processes: Option<Arc<ProcessTable>>,
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
        let by_name = servers
            .iter()
            .enumerate()
            .map(|(index, watched)| (watched.server.name.clone(), index))
            .collect();
        let watched = |config: WatchedServer| {
            let name = config.server.name.clone();
            let incident = open.iter().find(|incident| incident.server == name);
            let machine = match incident {
                Some(open) => {
                    let (presence, since) = (open.presence, open.judged);
                    PresenceMachine::restored(name, limits, presence, since, started)
                }
                None => PresenceMachine::new(name, limits, started),
            };
            let incident = incident.map(|open| (open.id, open.cause.clone()));
            let blindness = Blindness::default();
            let (reading, before) = (Reading::default(), None);
            let state = State { machine, blindness, reading, before, incident, told: None };
            Watched { config, state: Mutex::new(state) }
        };
        Self {
            servers: servers.into_iter().map(watched).collect(),
            by_name,
            pending: Mutex::default(),
            arrived: Notify::new(),
            lost: AtomicU64::new(0),
            clock,
            stall: Stall::default(),
            events,
        }
    }

    /// The present moment on the fleet's clock.
    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    pub(crate) fn len(&self) -> usize {
        self.servers.len()
    }

    pub(crate) fn config(&self, index: usize) -> &WatchedServer {
        &self.servers[index].config
    }

    pub(crate) fn index(&self, name: &ServerName) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn stall(&self) -> &Stall {
        &self.stall
    }

    /// A sign of life came from the server.
    pub(crate) fn heard(&self, index: usize) {
        let now = self.seen(index);
        let changed = self.transition(index, |machine| machine.sign_of_life(now));
        if changed {
            self.events.tell(Event::Server(index));
        }
    }

    /// A status came, which is a sign of life as well.
    pub(crate) fn status(&self, index: usize, status: Status) {
        let now = self.seen(index);
        let mut state = self.state(index);
        let changed = self.decide(&mut state, |machine| machine.sign_of_life(now));
        state.reading.status = Some((now.at, Arc::new(status)));
        let due = state.told.is_none_or(|told| now.at.since(told) >= TELL_PAUSE);
        if due || changed {
            state.told = Some(now.at);
            self.events.tell(Event::Server(index));
        }
    }

    /// A process table came, which is a sign of life as well.
    pub(crate) fn processes(&self, index: usize, table: ProcessTable) {
        let now = self.seen(index);
        let mut state = self.state(index);
        let changed = self.decide(&mut state, |machine| machine.sign_of_life(now));
        state.reading.processes = Some(Arc::new(table));
        drop(state);
        if changed {
            self.events.tell(Event::Server(index));
        }
    }

    /// The hub tried to reach the server and saw this.
    pub(crate) fn observed(&self, index: usize, saw: Sight) {
        let at = self.seen(index).at;
        let evidence = Evidence { observer: "hub".to_owned(), at, saw };
        self.state(index).machine.observe(evidence);
    }

    /// The hub could not even try to reach the server, for want of something of
    /// its own: the server is not judged by the time until it can.
    pub(crate) fn blind(&self, index: usize) {
        let now = self.clock.now();
        self.state(index).blindness.begin(now);
    }

    /// The server said that it leaves for a while.
    pub(crate) fn goodbye(&self, index: usize) {
        let now = self.seen(index);
        if self.transition(index, |machine| machine.goodbye(now)) {
            self.events.tell(Event::Server(index));
        }
    }

    /// Judges the server as of `at`, and says when to look again. `at` is the
    /// watch's own: a freeze of the hub after it was read cannot be held
    /// against the server before the watch has counted it.
    pub(crate) fn check(&self, index: usize, at: Moment) -> Option<Moment> {
        let blind = self.state(index).blindness.total(at);
        let now = HubTime { at, stalled: self.stall.total() + blind };
        if self.transition(index, |machine| machine.check(now)) {
            self.events.tell(Event::Server(index));
        }
        self.state(index).machine.next_check()
    }

    /// The server as it is now.
    pub(crate) fn snapshot(&self, index: usize) -> Snapshot {
        let state = self.state(index);
        Snapshot {
            presence: state.machine.presence(),
            since: state.machine.since(),
            last_sign: state.machine.last_sign(),
            incident: state.incident.clone(),
            status: state.reading.status.clone(),
            processes: state.reading.processes.clone(),
        }
    }

    /// What the server had told of itself before `at`: the newest such reading the
    /// fleet still has, and else the present one. The desk may come to a transition
    /// when the server has long told more.
    pub(crate) fn reading_before(&self, index: usize, at: Moment) -> Reading {
        let state = self.state(index);
        let before = state.before.as_ref().filter(|before| before.is_before(at));
        match before {
            Some(before) if !state.reading.is_before(at) => before.clone(),
            _ => state.reading.clone(),
        }
    }

    /// Remembers which incident of a server is open.
    pub(crate) fn set_incident(&self, name: &ServerName, incident: Option<(IncidentId, String)>) {
        if let Some(index) = self.index(name) {
            self.state(index).incident = incident;
            self.events.tell(Event::Server(index));
        }
    }

    /// Waits until there are transitions and takes at most `most` of them, oldest first.
    pub(crate) async fn transitions(&self, most: usize) -> Vec<Transition> {
        loop {
            let arrived = self.arrived.notified();
            let taken: Vec<Transition> = {
                let mut pending = lock(&self.pending);
                let count = pending.len().min(most);
                pending.drain(..count).collect()
            };
            if !taken.is_empty() {
                return taken;
            }
            arrived.await;
        }
    }

    /// The present time towards a server of which the hub sees something now.
    fn seen(&self, index: usize) -> HubTime {
        let HubTime { at, stalled } = hub_time(&self.stall, || self.clock.now());
        let mut state = self.state(index);
        state.blindness.end(at);
        HubTime { at, stalled: stalled + state.blindness.total(at) }
    }

    fn transition(
        &self,
        index: usize,
        decide: impl FnOnce(&mut PresenceMachine) -> Option<Transition>,
    ) -> bool {
        self.decide(&mut self.state(index), decide)
    }

    /// Lets the machine decide, and hands a transition on while the server is
    /// still locked, so that the desk sees a server's transitions in order.
    fn decide(
        &self,
        state: &mut State,
        decide: impl FnOnce(&mut PresenceMachine) -> Option<Transition>,
    ) -> bool {
        let Some(transition) = decide(&mut state.machine) else { return false };
        tracing::info!(
            server = %transition.server, from = %transition.from, to = %transition.to, "presence"
        );
        if transition.from == Presence::Up {
            state.before = Some(state.reading.clone());
        }
        let mut pending = lock(&self.pending);
        if pending.len() < MAX_PENDING {
            pending.push_back(transition);
        } else {
            let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::error!(server = %transition.server, lost, "no room for a transition");
        }
        drop(pending);
        self.arrived.notify_one();
        true
    }

    fn state(&self, index: usize) -> MutexGuard<'_, State> {
        lock(&self.servers[index].state)
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
