use std::time::Duration;

use watchfire_alert::{HubTime, PresenceLimits, PresenceMachine};
use watchfire_model::{Incident, IncidentId, Moment};

use super::elsewhere::Elsewhere;
use super::link::{self, LinkState};
use super::reading::Source;
use crate::config::WatchedServer;
use crate::stall::Blindness;

/// What is known of one server.
#[derive(Debug)]
pub(super) struct State {
    pub(super) machine: PresenceMachine,
    pub(super) link: LinkState,
    pub(super) elsewhere: Elsewhere,
    pub(super) blindness: Blindness,
    pub(super) reading: Source,
    /// The reading of the time when the server was last up, once it is not.
    pub(super) before: Option<Source>,
    pub(super) incident: Option<(IncidentId, String)>,
    /// When the pages were last told of a status.
    pub(super) told: Option<Moment>,
}

/// The shortest time between two statuses of a server that the pages are told
/// of: an agent that floods the hub does not flood them.
pub(super) const TELL_PAUSE: Duration = Duration::from_millis(900);

impl State {
    /// True when the pages are to be told of the status that came now.
    pub(super) fn is_to_be_told(&mut self, now: Moment) -> bool {
        let due = self.told.is_none_or(|told| now.since(told) >= TELL_PAUSE);
        if due {
            self.told = Some(now);
        }
        due
    }

    /// Lets go of what a server told that was taken out.
    pub(super) fn forget(&mut self) {
        self.reading = Source::default();
        self.before = None;
        self.incident = None;
        self.link = LinkState::default();
    }

    /// What is known of a server at first: nothing, but for an open incident.
    pub(super) fn new(
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
            elsewhere: Elsewhere::new(!own),
            blindness: Blindness::default(),
            reading: Source::default(),
            before: None,
            incident: open.map(|open| (open.id, open.cause.clone())),
            told: None,
        }
    }
}
