//! What the hub hears and sees of a server.

use std::time::Duration;

use watchfire_alert::{HubTime, PresenceMachine};
use watchfire_model::{
    Event as KernelEvent, Evidence, Goodbye, Moment, ProcessTable, Sight, Status, Transition,
};

use super::{Feed, Fleet, RECENT_BYTES, State, hub_time};
use crate::events::Event;

/// The observer that is the hub.
const HUB: &str = "hub";

impl Fleet {
    /// A sign of life came from the server.
    pub(crate) fn heard(&self, index: usize) {
        self.sign(index, PresenceMachine::sign_of_life, |_, _| false);
    }

    /// A sign of life came as a datagram.
    pub(crate) fn pulse(&self, index: usize) {
        self.sign(index, PresenceMachine::pulse, |state, now| {
            state.link.last_pulse = Some(now);
            false
        });
    }

    /// A status came, which is a sign of life as well.
    pub(crate) fn status(&self, index: usize, status: Status) {
        self.sign(index, PresenceMachine::sign_of_life, |state, now| {
            state.reading.set_status(now, status);
            state.is_to_be_told(now)
        });
    }

    /// A process table came, which is a sign of life as well.
    pub(crate) fn processes(&self, index: usize, table: ProcessTable) {
        self.sign(index, PresenceMachine::sign_of_life, |state, _| {
            state.reading.set_table(table);
            false
        });
    }

    /// The session's feed has read a tick, which is a sign of life as well.
    pub(crate) fn tick(&self, index: usize, feed: &Feed) {
        feed.give_room(RECENT_BYTES / self.places().max(1));
        self.sign(index, PresenceMachine::sign_of_life, |state, now| {
            state.reading.tick_of(feed);
            state.is_to_be_told(now)
        });
    }

    /// The session's feed has read a process table, which is a sign of life as well.
    pub(crate) fn table(&self, index: usize, feed: &Feed) {
        self.sign(index, PresenceMachine::sign_of_life, |state, _| {
            state.reading.table_of(feed);
            false
        });
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
        let own = hub_time(&self.stall, || self.clock.now());
        let watched = self.watched(index);
        let mut state = watched.state();
        self.towards(&mut state, own, saw.host_answers());
        state.machine.observe(Evidence { observer: HUB.to_owned(), at, saw });
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
        self.sign(index, |machine, now| machine.said_goodbye(now, goodbye), |_, _| false);
    }

    /// Takes a sign of life: `decide` judges by it, `note` keeps what came with it and
    /// says whether the pages are to be told. Ten thousand servers give thirty
    /// thousand of them a second, so all is done with one look into the fleet.
    fn sign(
        &self,
        index: usize,
        decide: impl FnOnce(&mut PresenceMachine, HubTime) -> Option<Transition>,
        note: impl FnOnce(&mut State, Moment) -> bool,
    ) {
        let own = hub_time(&self.stall, || self.clock.now());
        let watched = self.watched(index);
        let mut state = watched.state();
        if !watched.is_in() {
            return;
        }
        let now = self.towards(&mut state, own, true);
        let changed = self.decide(&mut state, |machine| decide(machine, now));
        let told = note(&mut state, now.at);
        drop(state);
        if changed || told {
            self.events.tell(Event::Server(index));
        }
    }

    /// The present time towards a server of which the hub sees something now, be
    /// it that it lives.
    fn towards(&self, state: &mut State, own: HubTime, answers: bool) -> HubTime {
        state.blindness.end(own.at);
        let held = match (state.elsewhere.is(), answers) {
            (true, true) => self.doubt.heard(own),
            (true, false) => self.doubt.held(own),
            (false, _) => Duration::ZERO,
        };
        let held = state.elsewhere.held(held);
        HubTime { at: own.at, stalled: own.stalled + state.blindness.total(own.at) + held }
    }
}
