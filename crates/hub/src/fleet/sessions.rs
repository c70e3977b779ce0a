//! What sessions tell of the link to a server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{Feed, Fleet, Greeting, Return, hub_time, link};
use crate::events::Event;
use crate::pulses::Quality;

/// How often the log is told that a server is over its quota.
const OVER_QUOTA_TOLD: Duration = Duration::from_secs(60);

impl Fleet {
    /// A session with the server's agent began.
    pub(crate) fn connected(&self, index: usize, remote: SocketAddr) {
        let elsewhere = !link::is_own(remote.ip());
        let own = hub_time(&self.stall, || self.clock.now());
        let watched = self.watched(index);
        let mut state = watched.state();
        state.link.remote = Some(remote);
        state.link.sessions += 1;
        if !watched.is_in() || !state.elsewhere.seen(elsewhere, self.doubt.held(own)) {
            return;
        }
        let name = &watched.config().server.name;
        if elsewhere {
            self.doubt.watch(name.clone(), state.machine.presence());
        } else {
            self.doubt.forget(name);
        }
    }

    /// The session with the server's agent has pulses.
    pub(crate) fn pulses(&self, index: usize, quality: Arc<Quality>) {
        self.watched(index).state().link.quality = Some(quality);
    }

    /// A session with the server's agent is over. What it told stays.
    pub(crate) fn disconnected(
        &self,
        index: usize,
        quality: Option<&Arc<Quality>>,
        feed: Option<&Feed>,
    ) {
        let watched = self.watched(index);
        let state = &mut *watched.state();
        if let Some(feed) = feed {
            state.reading.close(feed);
        }
        let link = &mut state.link;
        link.sessions = link.sessions.saturating_sub(1);
        let is_lost = link.sessions == 0 && link.stream_lost.is_none();
        if is_lost {
            link.stream_lost = Some(self.clock.now());
        }
        // Another session may have begun meanwhile.
        if let (Some(known), Some(over)) = (&link.quality, quality)
            && Arc::ptr_eq(known, over)
        {
            link.quality = None;
        }
        if is_lost {
            self.events.tell(Event::Server(index));
        }
    }

    /// Takes what an agent says of itself. Whether its machine was started anew
    /// since it last did; `None` when that is not known.
    pub(crate) fn greeted(&self, index: usize, greeting: Greeting) -> Option<bool> {
        let watched = self.watched(index);
        let mut state = watched.state();
        if state.link.stream_lost.take().is_some() {
            self.events.tell(Event::Server(index));
        }
        state.link.greet(greeting)
    }

    /// The server's return from trouble, told once.
    pub(crate) fn take_return(&self, index: usize) -> Option<Return> {
        self.watched(index).state().link.returned.take()
    }

    /// Its agent tells more than is taken of one server. The log is told once a minute.
    pub(crate) fn over_quota(&self, index: usize) {
        let now = self.clock.now();
        let watched = self.watched(index);
        let mut state = watched.state();
        let is_news = state.link.over_quota.replace(now).is_none();
        if state.link.over_quota_told.is_none_or(|at| now.since(at) >= OVER_QUOTA_TOLD) {
            state.link.over_quota_told = Some(now);
            let server = &watched.config().server.name;
            tracing::warn!(
                %server,
                "quota_exceeded: its agent tells more than is stored of one server; what is \
                 too much is left out, and its signs of life count"
            );
        }
        drop(state);
        if is_news {
            self.events.tell(Event::Server(index));
        }
    }

    /// The session is over before the return was told: the next one tells it, unless
    /// the server was in trouble again.
    pub(crate) fn give_back_return(&self, index: usize, returned: Return) {
        self.watched(index).state().link.returned.get_or_insert(returned);
    }

    /// Two agents have the key of this server.
    pub(crate) fn twins(&self, index: usize) {
        self.watched(index).state().link.twins = Some(self.clock.now());
        self.events.tell(Event::Server(index));
    }
}
