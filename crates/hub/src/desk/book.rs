//! What the desk knows of the store, so that it need not read it for each change.

use std::collections::{BTreeMap, HashMap};

use watchfire_alert::{FlapDigest, Flaps, Tell};
use watchfire_model::{
    Incident, IncidentId, IncidentState, Moment, NotificationId, NotificationKind, ServerName,
};

/// What the store holds and what is decided about it. A transaction works on a copy,
/// which takes the place of the book when the transaction is durable.
#[derive(Debug, Clone, Default)]
pub(super) struct Book {
    /// The open incidents.
    pub(super) open: HashMap<ServerName, Incident>,
    /// The letters that wait for others.
    pub(super) held: BTreeMap<Pool, Vec<Entry>>,
    /// How each server came and went of late, and when it last did.
    pub(super) flaps: HashMap<ServerName, (Flaps, Moment)>,
    /// Where each user was told that a server flaps: the first letter of the thread.
    pub(super) flap_threads: HashMap<(String, ServerName), NotificationId>,
    /// Who was told that the hub is cut off, and not yet that it is back.
    pub(super) cuts: HashMap<String, Cut>,
    /// When there is something to do without a new transition.
    pub(super) next: Option<Moment>,
}

/// Letters to one user that are told together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pool {
    pub(super) user: String,
    pub(super) about: About,
}

/// What brings letters together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    /// Outages that nobody was told of yet.
    News,
    /// What became of servers that one letter told of.
    Thread(NotificationId),
    /// What is known better now.
    Corrections,
    /// The last state of a server that flaps; a digest tells it.
    Flapping(ServerName),
}

/// A letter that is held back.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) letter: NotificationId,
    pub(super) incident: IncidentId,
    pub(super) server: ServerName,
    pub(super) kind: NotificationKind,
    /// When that was decided which it tells.
    pub(super) at: Moment,
    /// Since when something about its incident is held.
    pub(super) since: Moment,
    /// Set where it is to tell that the server flaps.
    pub(super) flaps: Option<FlapDigest>,
}

/// What a user was told of the hub's own cut.
#[derive(Debug, Clone)]
pub(super) struct Cut {
    pub(super) letter: NotificationId,
    pub(super) message_id: String,
    /// Set when another run of the hub told it: then the first sign of life ends it.
    pub(super) before_start: Option<Moment>,
}

impl Book {
    pub(super) fn new(open: Vec<Incident>) -> Self {
        let open = open.into_iter().map(|open| (open.server.clone(), open)).collect();
        Self { open, ..Self::default() }
    }

    /// Takes over an incident as it is now.
    pub(super) fn note(&mut self, incident: &Incident) {
        match incident.state {
            IncidentState::Open => {
                self.open.insert(incident.server.clone(), incident.clone());
            }
            IncidentState::Closed(_) => {
                self.open.remove(&incident.server);
            }
        }
    }

    /// Whether what happened to the server is told by itself.
    pub(super) fn flap(&mut self, server: &ServerName, kind: NotificationKind, at: Moment) -> Tell {
        let (flaps, last) = self.flaps.entry(server.clone()).or_insert((Flaps::default(), at));
        *last = at;
        match kind {
            NotificationKind::Down => flaps.down(at),
            NotificationKind::Recovered => flaps.up(at),
            _ => flaps.changed(at),
        }
    }

    pub(super) fn hold(&mut self, user: &str, about: About, entry: Entry) {
        self.held.entry(Pool { user: user.to_owned(), about }).or_default().push(entry);
    }

    /// Takes out a letter, and says what it waited for and since when.
    pub(super) fn take(&mut self, user: &str, letter: NotificationId) -> Option<(About, Moment)> {
        let of_user = |pool: &&Pool| pool.user == user;
        let holds = |pool: &Pool| self.held[pool].iter().any(|entry| entry.letter == letter);
        let pool = self.held.keys().filter(of_user).find(|pool| holds(pool))?.clone();
        let entries = self.held.get_mut(&pool)?;
        let place = entries.iter().position(|entry| entry.letter == letter)?;
        let since = entries.remove(place).since;
        if entries.is_empty() {
            self.held.remove(&pool);
        }
        Some((pool.about, since))
    }

    /// Something is to be done at `at` at the latest.
    pub(super) fn wake_at(&mut self, at: Moment) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }
}
