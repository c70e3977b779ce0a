mod doubt;
mod link;
mod roster;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use tokio::sync::Notify;
use watchfire_alert::{HubTime, PresenceLimits, PresenceMachine, Suspect};
use watchfire_model::{
    Event as KernelEvent, Evidence, Goodbye, Incident, IncidentId, Moment, Presence, ProcessTable,
    Server, ServerName, Sight, Status, Transition,
};
use watchfire_runtime::Clock;

use crate::config::WatchedServer;
use crate::events::{Event, Events};
use crate::pulses::Quality;
use crate::stall::{Blindness, Stall};
pub(crate) use doubt::CutNews;
use doubt::SelfDoubt;
use link::LinkState;
pub(crate) use link::{Greeting, Return};
use roster::{Roster, Watched};

/// Transitions that wait for the desk. A fleet of ten thousand that flaps for a
/// minute while the disk is full stays below this.
const MAX_PENDING: usize = 100_000;

/// How long a server that comes while the hub runs has for its first sign of
/// life: whoever enrols a fleet starts its agents afterwards.
const NEWCOMER_GRACE: Duration = Duration::from_secs(60);

/// The shortest time between two statuses of a server that the pages are told
/// of: an agent that floods the hub does not flood them.
const TELL_PAUSE: Duration = Duration::from_millis(900);

/// Quiet servers of which others are to be asked at a time. More are counted, and
/// judged by what the hub sees itself.
const MAX_ASKED: usize = 4096;

/// How many servers are looked through for neighbours of one.
const MAX_CANDIDATES: usize = 256;

/// For how long the pages show that two agents have the key of one server.
const TWINS_SHOWN: Duration = Duration::from_secs(600);

/// The observer that is the hub.
const HUB: &str = "hub";

/// All servers as they are now. A server's index is its own for as long as the
/// hub runs, also after it was taken out.
#[derive(Debug)]
pub(crate) struct Fleet {
    roster: RwLock<Roster>,
    limits: PresenceLimits,
    pending: Mutex<VecDeque<Transition>>,
    arrived: Notify,
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

#[derive(Debug)]
struct State {
    machine: PresenceMachine,
    link: LinkState,
    /// False for an agent on the hub's own machine.
    elsewhere: bool,
    blindness: Blindness,
    reading: Reading,
    /// The reading of the time when the server was last up, once it is not.
    before: Option<Reading>,
    incident: Option<(IncidentId, String)>,
    /// When the pages were last told of a status.
    told: Option<Moment>,
}

impl State {
    /// Lets go of what a server told that was taken out.
    fn forget(&mut self) {
        self.reading = Reading::default();
        self.before = None;
        self.incident = None;
        self.link = LinkState::default();
    }

    /// What is known of a server at first: nothing, but for an open incident.
    fn new(
        config: &WatchedServer,
        limits: PresenceLimits,
        open: Option<&Incident>,
        now: HubTime,
    ) -> Self {
        let name = config.server.name.clone();
        let machine = match open {
            Some(open) => PresenceMachine::restored(name, limits, open.presence, open.judged, now),
            None => PresenceMachine::new(name, limits, now),
        };
        let own = config.address.as_deref().is_some_and(|address| {
            crate::config::is_loopback(address) || link::literal(address).is_some_and(link::is_own)
        });
        Self {
            machine,
            link: LinkState::default(),
            elsewhere: !own,
            blindness: Blindness::default(),
            reading: Reading::default(),
            before: None,
            incident: open.map(|open| (open.id, open.cause.clone())),
            told: None,
        }
    }
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
    pub(crate) link: LinkSnapshot,
}

/// The link to a server at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct LinkSnapshot {
    /// True while there is a session with its agent.
    pub(crate) connected: bool,
    /// Where its agent was last seen from here.
    pub(crate) remote: Option<SocketAddr>,
    /// Its wall clock less the hub's, in milliseconds.
    pub(crate) skew_ms: Option<i64>,
    /// The pulses of its session.
    pub(crate) quality: Option<Arc<Quality>>,
    /// True when two agents were seen with its key a while ago.
    pub(crate) twins: bool,
    /// The kernel's last events, oldest first.
    pub(crate) events: Vec<KernelEvent>,
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
        if state.elsewhere {
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
        self.index(name).is_some_and(|index| self.watched(index).state().elsewhere)
    }

    pub(crate) fn stall(&self) -> &Stall {
        &self.stall
    }

    /// A sign of life came from the server.
    pub(crate) fn heard(&self, index: usize) {
        let now = self.seen(index, true);
        if self.transition(index, |machine| machine.sign_of_life(now)) {
            self.events.tell(Event::Server(index));
        }
    }

    /// A sign of life came as a datagram.
    pub(crate) fn pulse(&self, index: usize) {
        let now = self.seen(index, true);
        if self.transition(index, |machine| machine.pulse(now)) {
            self.events.tell(Event::Server(index));
        }
    }

    /// A status came, which is a sign of life as well.
    pub(crate) fn status(&self, index: usize, status: Status) {
        let now = self.seen(index, true);
        let watched = self.watched(index);
        let mut state = watched.state();
        if !watched.is_in() {
            return;
        }
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
        let now = self.seen(index, true);
        let watched = self.watched(index);
        let mut state = watched.state();
        if !watched.is_in() {
            return;
        }
        let changed = self.decide(&mut state, |machine| machine.sign_of_life(now));
        state.reading.processes = Some(Arc::new(table));
        drop(state);
        if changed {
            self.events.tell(Event::Server(index));
        }
    }

    /// The server's kernel told something.
    pub(crate) fn kernel_event(&self, index: usize, event: KernelEvent) {
        self.watched(index).state().link.note(event);
    }

    /// The hub tried to reach the server and saw this.
    pub(crate) fn observed(&self, index: usize, saw: Sight) {
        self.observed_since(index, self.clock.now(), saw);
    }

    /// The same for a look that began at `at`.
    pub(crate) fn observed_since(&self, index: usize, at: Moment, saw: Sight) {
        self.seen(index, saw.host_answers());
        self.seen_by(index, HUB, at, saw);
    }

    /// Somebody saw this of the server: the hub, or a neighbour. `at` is when the
    /// look began.
    pub(crate) fn seen_by(&self, index: usize, observer: &str, at: Moment, saw: Sight) {
        let evidence = Evidence { observer: observer.to_owned(), at, saw };
        self.watched(index).state().machine.observe(evidence);
    }

    /// The hub could not even try to reach the server, for want of something of
    /// its own: the server is not judged by the time until it can.
    pub(crate) fn blind(&self, index: usize) {
        let now = self.clock.now();
        self.watched(index).state().blindness.begin(now);
    }

    /// The server's agent said that it goes, and why.
    pub(crate) fn said_goodbye(&self, index: usize, goodbye: Goodbye) {
        let now = self.seen(index, true);
        if self.transition(index, |machine| machine.said_goodbye(now, goodbye)) {
            self.events.tell(Event::Server(index));
        }
    }

    /// A session with the server's agent began.
    pub(crate) fn connected(&self, index: usize, remote: SocketAddr) {
        let own = link::is_own(remote.ip());
        let watched = self.watched(index);
        let mut state = watched.state();
        state.link.remote = Some(remote);
        state.link.sessions += 1;
        if own && state.elsewhere {
            state.elsewhere = false;
            self.doubt.forget(&watched.config().server.name);
        }
    }

    /// The session with the server's agent has pulses.
    pub(crate) fn pulses(&self, index: usize, quality: Arc<Quality>) {
        self.watched(index).state().link.quality = Some(quality);
    }

    /// A session with the server's agent is over.
    pub(crate) fn disconnected(&self, index: usize, quality: Option<&Arc<Quality>>) {
        let watched = self.watched(index);
        let link = &mut watched.state().link;
        link.sessions = link.sessions.saturating_sub(1);
        // Another session may have begun meanwhile.
        if let (Some(known), Some(over)) = (&link.quality, quality)
            && Arc::ptr_eq(known, over)
        {
            link.quality = None;
        }
    }

    /// Takes what an agent says of itself. Whether its machine was started anew
    /// since it last did; `None` when that is not known.
    pub(crate) fn greeted(&self, index: usize, greeting: Greeting) -> Option<bool> {
        self.watched(index).state().link.greet(greeting)
    }

    /// The server's return from trouble, told once.
    pub(crate) fn take_return(&self, index: usize) -> Option<Return> {
        self.watched(index).state().link.returned.take()
    }

    /// Two agents have the key of this server.
    pub(crate) fn twins(&self, index: usize) {
        self.watched(index).state().link.twins = Some(self.clock.now());
        self.events.tell(Event::Server(index));
    }

    /// The hub judges itself, as of `at`, before it judges the servers.
    pub(crate) fn doubt_itself(&self, at: Moment) {
        let now = HubTime { at, stalled: self.stall.total() };
        if self.doubt.judge(now, || self.quiet_elsewhere()) {
            self.arrived.notify_one();
        }
    }

    /// Judges the server as of `at`, and says when to look again. `at` is the
    /// watch's own: a freeze of the hub after it was read cannot be held
    /// against the server before the watch has counted it.
    pub(crate) fn check(&self, index: usize, at: Moment) -> Option<Moment> {
        let own = HubTime { at, stalled: self.stall.total() };
        let held = self.doubt.held(own);
        let watched = self.watched(index);
        let (changed, wants, next) = {
            let mut state = watched.state();
            let blind = state.blindness.total(at);
            let held = if state.elsewhere { held } else { Duration::ZERO };
            let now = HubTime { at, stalled: own.stalled + blind + held };
            let is_in = watched.is_in();
            let changed = is_in && self.decide(&mut state, |machine| machine.check(now));
            let wants = is_in && state.machine.wants_second_opinion(now);
            (changed, wants, state.machine.next_check())
        };
        if changed {
            self.events.tell(Event::Server(index));
        }
        if wants {
            self.ask(index);
        }
        next
    }

    fn ask(&self, index: usize) {
        let mut questions = lock(&self.questions);
        if questions.len() < MAX_ASKED {
            questions.push_back(index);
            drop(questions);
            self.asked.notify_one();
        } else {
            self.unasked.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits for a quiet server of which a second opinion is wanted.
    pub(crate) async fn question(&self) -> usize {
        loop {
            let asked = self.asked.notified();
            if let Some(index) = lock(&self.questions).pop_front() {
                return index;
            }
            asked.await;
        }
    }

    /// What users are to be told of the hub's own link, once.
    pub(crate) fn take_cut_news(&self) -> Option<CutNews> {
        self.doubt.take_news()
    }

    /// Whether half of the fleet went quiet together a moment ago.
    pub(crate) fn suspect(&self) -> Option<Suspect> {
        self.doubt.suspect(hub_time(&self.stall, || self.clock.now()))
    }

    /// When each server that is late would be judged.
    pub(crate) fn late(&self) -> Vec<(Arc<WatchedServer>, Moment)> {
        let late = |index: usize| {
            let watched = self.watched(index);
            let state = watched.state();
            let due = (state.machine.presence() == Presence::Late)
                .then(|| state.machine.next_check())
                .flatten()?;
            Some((watched.config(), due))
        };
        self.indices().into_iter().filter_map(late).collect()
    }

    /// Servers that are up and whose word about another one counts: those on other
    /// machines. From a large fleet a part, another one for each server.
    pub(crate) fn neighbours(&self, of: usize) -> Vec<(usize, Server)> {
        let candidate = |index: usize| {
            let watched = self.watched(index);
            let state = watched.state();
            let counts =
                watched.is_in() && state.elsewhere && state.machine.presence() == Presence::Up;
            counts.then(|| (index, watched.config().server.clone()))
        };
        let places = self.places();
        let others = (of + 1..places).chain(0..of.min(places));
        others.filter_map(candidate).take(MAX_CANDIDATES).collect()
    }

    fn quiet_elsewhere(&self) -> Vec<ServerName> {
        let quiet = |index: usize| {
            let watched = self.watched(index);
            let state = watched.state();
            let expected = matches!(
                state.machine.presence(),
                Presence::Unknown | Presence::Up | Presence::Late
            );
            (state.elsewhere && expected).then(|| watched.config().server.name.clone())
        };
        self.indices().into_iter().filter_map(quiet).collect()
    }

    /// The server as it is now.
    pub(crate) fn snapshot(&self, index: usize) -> Snapshot {
        let now = self.clock.now();
        let watched = self.watched(index);
        let state = watched.state();
        let link = LinkSnapshot {
            connected: state.link.sessions > 0,
            remote: state.link.remote,
            skew_ms: state.link.skew_ms,
            quality: state.link.quality.clone(),
            twins: state.link.twins.is_some_and(|at| now.since(at) < TWINS_SHOWN),
            events: state.link.events.iter().cloned().collect(),
        };
        Snapshot {
            link,
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
        let watched = self.watched(index);
        let state = watched.state();
        let before = state.before.as_ref().filter(|before| before.is_before(at));
        match before {
            Some(before) if !state.reading.is_before(at) => before.clone(),
            _ => state.reading.clone(),
        }
    }

    /// Remembers which incident of a server is open.
    pub(crate) fn set_incident(&self, name: &ServerName, incident: Option<(IncidentId, String)>) {
        if let Some(index) = self.index(name) {
            self.watched(index).state().incident = incident;
            self.events.tell(Event::Server(index));
        }
    }

    /// Waits until there are transitions and takes at most `most` of them, oldest
    /// first. It comes back without any when there is news of the hub's own link.
    pub(crate) async fn transitions(&self, most: usize) -> Vec<Transition> {
        loop {
            let arrived = self.arrived.notified();
            let taken: Vec<Transition> = {
                let mut pending = lock(&self.pending);
                let count = pending.len().min(most);
                pending.drain(..count).collect()
            };
            if !taken.is_empty() || self.doubt.has_news() {
                return taken;
            }
            arrived.await;
        }
    }

    /// The present time towards a server of which the hub sees something now, be
    /// it that it lives.
    fn seen(&self, index: usize, answers: bool) -> HubTime {
        let own = hub_time(&self.stall, || self.clock.now());
        let watched = self.watched(index);
        let mut state = watched.state();
        state.blindness.end(own.at);
        let held = match (state.elsewhere, answers) {
            (true, true) => self.doubt.heard(own),
            (true, false) => self.doubt.held(own),
            (false, _) => Duration::ZERO,
        };
        HubTime { at: own.at, stalled: own.stalled + state.blindness.total(own.at) + held }
    }

    fn transition(
        &self,
        index: usize,
        decide: impl FnOnce(&mut PresenceMachine) -> Option<Transition>,
    ) -> bool {
        let watched = self.watched(index);
        watched.is_in() && self.decide(&mut watched.state(), decide)
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
        if state.elsewhere {
            self.doubt.transition(&transition);
        }
        if transition.to.is_trouble() && !transition.from.is_trouble() {
            state.link.trouble_begins();
        }
        if transition.from.is_trouble() && transition.to == Presence::Up {
            let (back, last_sign) = (transition.at, transition.last_sign);
            state.link.returned = Some(Return { back, last_sign });
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
