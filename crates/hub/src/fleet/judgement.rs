//! When and how servers are judged, and who is told of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use watchfire_alert::{HubTime, PresenceMachine, Suspect};
use watchfire_model::{Moment, Presence, Server, ServerName, Transition};

use super::{CutNews, Fleet, Return, State, hub_time, lock};
use crate::config::WatchedServer;
use crate::events::Event;

/// Transitions that wait for the desk. A fleet of ten thousand that flaps for a
/// minute while the disk is full stays below this.
const MAX_PENDING: usize = 100_000;
/// Quiet servers of which others are to be asked at a time. More are counted, and
/// judged by what the hub sees itself.
const MAX_ASKED: usize = 4096;
/// How many servers may be neighbours of one.
const MAX_CANDIDATES: usize = 256;
/// How many servers are looked through for them: when much of a large fleet is quiet,
/// going through all of it for each server would cost the time of those that are heard.
const MAX_LOOKED_AT: usize = 1024;

/// A round of judging, which is over when this is dropped.
pub(crate) struct Round<'a>(&'a Fleet);

impl Drop for Round<'_> {
    fn drop(&mut self) {
        self.0.judging.store(false, Ordering::Release);
        // A large fleet has thousands of rounds a second, and hardly any changes anything.
        if !lock(&self.0.pending).is_empty() {
            self.0.arrived.notify_one();
        }
    }
}

impl Fleet {
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
            let held = state.elsewhere.held(held);
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

    /// Begins a round of judging. What falls in it is taken together, once it is over:
    /// five hundred servers that fall at one moment are one letter, however soon
    /// somebody waits for the first.
    pub(crate) fn round(&self) -> Round<'_> {
        self.judging.store(true, Ordering::Release);
        Round(self)
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
                watched.is_in() && state.elsewhere.is() && state.machine.presence() == Presence::Up;
            counts.then(|| (index, watched.config().server.clone()))
        };
        let places = self.places();
        let others = (of + 1..places).chain(0..of.min(places));
        others.take(MAX_LOOKED_AT).filter_map(candidate).take(MAX_CANDIDATES).collect()
    }

    fn quiet_elsewhere(&self) -> Vec<ServerName> {
        let quiet = |index: usize| {
            let watched = self.watched(index);
            let state = watched.state();
            let expected = matches!(
                state.machine.presence(),
                Presence::Unknown | Presence::Up | Presence::Late
            );
            (state.elsewhere.is() && expected).then(|| watched.config().server.name.clone())
        };
        self.indices().into_iter().filter_map(quiet).collect()
    }

    /// Waits until there are transitions and takes at most `most` of them, oldest
    /// first. It comes back without any when there is news of the hub's own link.
    pub(crate) async fn transitions(&self, most: usize) -> Vec<Transition> {
        loop {
            let arrived = self.arrived.notified();
            let taken: Vec<Transition> = {
                let mut pending = lock(&self.pending);
                let is_whole = !self.judging.load(Ordering::Acquire);
                let count = if is_whole { pending.len().min(most) } else { 0 };
                pending.drain(..count).collect()
            };
            if !taken.is_empty() || self.doubt.has_news() {
                return taken;
            }
            arrived.await;
        }
    }

    /// Lets the machine decide, and hands a transition on while the server is
    /// still locked, so that the desk sees a server's transitions in order.
    pub(super) fn decide(
        &self,
        state: &mut State,
        decide: impl FnOnce(&mut PresenceMachine) -> Option<Transition>,
    ) -> bool {
        let Some(transition) = decide(&mut state.machine) else { return false };
        tracing::info!(
            server = %transition.server, from = %transition.from, to = %transition.to, "presence"
        );
        if transition.from == Presence::Up {
            state.before = Some(state.reading.fixed());
        }
        if state.elsewhere.is() {
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
}
