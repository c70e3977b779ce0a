//! How a server is shown.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use watchfire_model::{
    Event as KernelEvent, IncidentId, Moment, Presence, ProcessTable, ServerName, Status,
};

use super::{Feed, Fleet, Reading};
use crate::events::Event;
use crate::pulses::Quality;

/// For how long the pages show that two agents have the key of one server.
const TWINS_SHOWN: Duration = Duration::from_secs(600);

/// One server at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) presence: Presence,
    pub(crate) since: Moment,
    pub(crate) last_sign: Option<Moment>,
    /// The open incident and its cause as it is stored: for a `Reader`.
    pub(crate) incident: Option<(IncidentId, String)>,
    /// The last status, and when it came on the hub's clocks.
    pub(crate) status: Option<(Moment, Arc<Status>)>,
    pub(crate) link: LinkSnapshot,
}

/// The link to a server at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct LinkSnapshot {
    /// True while there is a session with its agent.
    pub(crate) connected: bool,
    /// Its wall clock less the hub's, in milliseconds.
    pub(crate) skew_ms: Option<i64>,
    /// The pulses of its session.
    pub(crate) quality: Option<Arc<Quality>>,
    /// Since when its pulses come without a stream; `None` while there is one, and
    /// while none come.
    pub(crate) stream_missing: Option<Moment>,
    /// True when two agents were seen with its key a while ago.
    pub(crate) twins: bool,
    /// True when its agent told more than is taken of one server a while ago.
    pub(crate) over_quota: bool,
    /// The kernel's last events, oldest first.
    pub(crate) events: Vec<KernelEvent>,
}

impl Fleet {
    /// The server as it is now.
    pub(crate) fn snapshot(&self, index: usize) -> Snapshot {
        let now = self.clock.now();
        let watched = self.watched(index);
        let state = watched.state();
        let link = LinkSnapshot {
            connected: state.link.sessions > 0,
            skew_ms: state.link.skew_ms,
            quality: state.link.quality.clone(),
            stream_missing: state.link.stream_missing(now),
            twins: state.link.twins.is_some_and(|at| now.since(at) < TWINS_SHOWN),
            over_quota: state.link.over_quota.is_some_and(|at| now.since(at) < TWINS_SHOWN),
            events: state.link.events.iter().cloned().collect(),
        };
        Snapshot {
            link,
            presence: state.machine.presence(),
            since: state.machine.since(),
            last_sign: state.machine.last_sign(),
            incident: state.incident.clone(),
            status: state.reading.status(),
        }
    }

    /// What the server had told of itself before `at`: the newest such reading the
    /// fleet still has, and else the present one. The desk may come to a transition
    /// when the server has long told more.
    pub(crate) fn reading_before(&self, index: usize, at: Moment) -> Reading {
        let source = {
            let watched = self.watched(index);
            let state = watched.state();
            let before = state.before.as_ref().filter(|before| before.is_before(at));
            match before {
                Some(before) if !state.reading.is_before(at) => before.clone(),
                _ => state.reading.clone(),
            }
        };
        Reading { status: source.status(), processes: source.processes() }
    }

    /// The last process table of the server. It is read for the one who asks.
    pub(crate) fn processes_of(&self, index: usize) -> Option<Arc<ProcessTable>> {
        let source = self.watched(index).state().reading.clone();
        source.processes()
    }

    /// What the server's ticks come from, while there is a session.
    pub(crate) fn feed(&self, index: usize) -> Option<Feed> {
        self.watched(index).state().reading.feed()
    }

    /// What the server is, and since when.
    pub(crate) fn presence_since(&self, index: usize) -> (Presence, Moment) {
        let watched = self.watched(index);
        let state = watched.state();
        (state.machine.presence(), state.machine.since())
    }

    pub(crate) fn presence(&self, index: usize) -> Presence {
        self.watched(index).state().machine.presence()
    }

    /// Where the server's agent was last seen from here.
    pub(crate) fn remote(&self, index: usize) -> Option<SocketAddr> {
        self.watched(index).state().link.remote
    }

    /// Whether an incident of a server is open.
    pub(crate) fn is_in_incident(&self, index: usize) -> bool {
        self.watched(index).state().incident.is_some()
    }

    /// Remembers which incident of a server is open.
    pub(crate) fn set_incident(&self, name: &ServerName, incident: Option<(IncidentId, String)>) {
        if let Some(index) = self.index(name) {
            self.watched(index).state().incident = incident;
            self.events.tell(Event::Server(index));
        }
    }
}
