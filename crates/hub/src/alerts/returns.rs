//! Which servers were away of late: what is missing of such a one means nothing yet.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use watchfire_model::{Moment, Presence, ServerName};

use crate::fleet::Fleet;

/// For how long a server has to be up before its alerts are looked at again.
const SETTLE: Duration = Duration::from_secs(60);
/// How often it is looked whether a server is up.
const LOOK: Duration = Duration::from_secs(10);

/// A server that has been away for longer is missed by nobody.
const LONG: Duration = Duration::from_secs(60 * 60);
/// One of so many servers is many.
const MANY: usize = 20;

/// When servers came back. The desk of presence writes it down, because nobody else sees each
/// short trouble.
#[derive(Debug, Default)]
pub(crate) struct Returns(Mutex<HashMap<ServerName, Moment>>);

/// Why what an alert of a server says cannot be told, and when to look again.
pub(super) struct Unsettled {
    pub(super) why: &'static str,
    pub(super) until: Moment,
}

impl Returns {
    /// A trouble of the server is over.
    pub(crate) fn note(&self, server: &ServerName, at: Moment) {
        let mut known = self.lock();
        known.retain(|_, back| at.since(*back) < SETTLE);
        known.insert(server.clone(), at);
    }

    /// Whether a server is away, or was until just now.
    pub(super) fn unsettled(
        &self,
        fleet: &Fleet,
        server: &ServerName,
        now: Moment,
    ) -> Option<Unsettled> {
        let index = fleet.index(server)?;
        let (presence, since) = fleet.presence_since(index);
        let why = match presence {
            Presence::Up => {
                // Until its desk has written down that it is back, it is back since now.
                let ends = || fleet.is_in_incident(index).then_some(now);
                let back = self.lock().get(server).copied().or_else(ends)?;
                // It may have been away once more since then.
                let until = if since.monotonic > back.monotonic { since } else { back };
                let until = until.after(SETTLE);
                let why = "its server came back just now";
                return (now.monotonic < until.monotonic).then_some(Unsettled { why, until });
            }
            Presence::Late => "its server is quiet",
            Presence::Unknown => "its server was not heard yet",
            Presence::Leaving => {
                // Such a time ends without a trouble.
                self.note(server, now);
                "its server is leaving"
            }
            Presence::Down | Presence::AgentDown | Presence::Unreachable => {
                self.note(server, now);
                "its server is down"
            }
        };
        Some(Unsettled { why, until: now.after(LOOK) })
    }

    /// Whether so many servers went away or came back of late that what is worked out of many
    /// of them says little. Who has been away for long is missed by nobody.
    pub(super) fn many_unsettled(&self, fleet: &Fleet, now: Moment) -> bool {
        let indices = fleet.indices();
        let is_away = |index: &usize| {
            let (presence, since) = fleet.presence_since(*index);
            presence != Presence::Up && now.since(since) < LONG
        };
        let all = indices.len();
        let away = indices.into_iter().filter(is_away).count();
        let back = self.lock().values().filter(|back| now.since(**back) < SETTLE).count();
        away + back > 0 && (away + back) * MANY >= all
    }

    /// A panic elsewhere leaves whole values here, so a poisoned lock is used on.
    fn lock(&self) -> MutexGuard<'_, HashMap<ServerName, Moment>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
