use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use watchfire_alert::{HubTime, PresenceLimits, PresenceMachine};
use watchfire_model::{
    Evidence, Incident, IncidentId, Moment, Presence, ProcessTable, ServerName, Sight, Status,
    Transition,
};
use watchfire_runtime::Clock;

use crate::config::WatchedServer;
use crate::events::{Event, Events};
use crate::stall::Stall;

/// Transitions that wait for the desk. A fleet of ten thousand that flaps for a
/// minute while the disk is full stays below this.
const MAX_PENDING: usize = 100_000;

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
    status: Option<(Moment, Arc<Status>)>,
    processes: Option<Arc<ProcessTable>>,
    incident: Option<(IncidentId, String)>,
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
        let started = HubTime { at: clock.now(), stalled: std::time::Duration::ZERO };
        let by_name = servers
            .iter()
            .enumerate()
            .map(|(index, watched)| (watched.server.name.clone(), index))
            .collect();
        let watched = |config: WatchedServer| {
            let name = config.server.name.clone();
            let incident = open.iter().find(|incident| incident.server == name);
            let machine = match incident {
                Some(open) => PresenceMachine::restored(name, limits, open.presence, started),
                None => PresenceMachine::new(name, limits, started),
            };
            let incident = incident.map(|open| (open.id, open.cause.clone()));
            let state = State { machine, status: None, processes: None, incident };
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
        let now = self.now();
        let changed = self.transition(index, |machine| machine.sign_of_life(now));
        if changed {
            self.events.tell(Event::Server(index));
        }
    }

    /// A status came, which is a sign of life as well.
    pub(crate) fn status(&self, index: usize, status: Status) {
        let now = self.now();
        self.state(index).status = Some((now.at, Arc::new(status)));
        self.transition(index, |machine| machine.sign_of_life(now));
        self.events.tell(Event::Server(index));
    }

    /// A process table came, which is a sign of life as well.
    pub(crate) fn processes(&self, index: usize, table: ProcessTable) {
        self.state(index).processes = Some(Arc::new(table));
        self.heard(index);
    }

    /// The hub tried to reach the server and saw this.
    pub(crate) fn observed(&self, index: usize, saw: Sight) {
        let at = self.clock.now();
        let evidence = Evidence { observer: "hub".to_owned(), at, saw };
        self.state(index).machine.observe(evidence);
    }

    /// The server said that it leaves for a while.
    pub(crate) fn goodbye(&self, index: usize) {
        let now = self.now();
        if self.transition(index, |machine| machine.goodbye(now)) {
            self.events.tell(Event::Server(index));
        }
    }

    /// Judges the server as of `at`, and says when to look again. `at` is the
    /// watch's own: a freeze of the hub after it was read cannot be held
    /// against the server before the watch has counted it.
    pub(crate) fn check(&self, index: usize, at: Moment) -> Option<Moment> {
        let now = HubTime { at, stalled: self.stall.total() };
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
            status: state.status.clone(),
            processes: state.processes.clone(),
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

    fn now(&self) -> HubTime {
        HubTime { at: self.clock.now(), stalled: self.stall.total() }
    }

    /// Lets the machine decide, and hands a transition on while the server is
    /// still locked, so that the desk sees a server's transitions in order.
    fn transition(
        &self,
        index: usize,
        decide: impl FnOnce(&mut PresenceMachine) -> Option<Transition>,
    ) -> bool {
        let mut state = self.state(index);
        let Some(transition) = decide(&mut state.machine) else { return false };
        tracing::info!(
            server = %transition.server, from = %transition.from, to = %transition.to, "presence"
        );
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

/// A panic elsewhere leaves whole values here, so a poisoned lock is used on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
