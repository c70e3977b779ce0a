//! What the desk knows of the store, so that it need not read it for each change.

use std::collections::HashMap;

use rpds::{HashTrieMapSync, HashTrieSetSync, RedBlackTreeMapSync};
use watchfire_alert::{FlapDigest, Flaps, Tell};
use watchfire_model::{
    Channel, Incident, IncidentId, IncidentState, Moment, Notification, NotificationId,
    NotificationKind, ServerName, Severity,
};

/// What the store holds and what is decided about it. A transaction works on a copy,
/// which takes the place of the book when the transaction is durable. Everything large
/// is in maps that share with their copies what did not change.
#[derive(Debug, Clone, Default)]
pub(super) struct Book {
    /// The open incidents.
    pub(super) open: HashTrieMapSync<ServerName, Incident>,
    /// The letters that wait for others.
    pub(super) held: Pools,
    /// Servers whose trouble nobody was told of.
    pub(super) muted: HashTrieSetSync<ServerName>,
    /// When to look whether they are muted still.
    pub(super) muted_look: Option<Moment>,
    /// How each server came and went of late, and when it last did.
    pub(super) flaps: HashTrieMapSync<ServerName, (Flaps, Moment)>,
    /// Where each user was told that a server flaps: the first letter of the thread.
    pub(super) flap_threads: HashTrieMapSync<(String, ServerName), NotificationId>,
    /// Who was told that the hub is cut off, and not yet that it is back.
    pub(super) cuts: HashMap<String, Cut>,
    /// Who was told that the hub's disk is full, and not yet that it has room; `None`
    /// until it is known what an earlier run told.
    pub(super) full_disks: Option<HashMap<String, FullDisk>>,
    /// When there is something to do without a new transition.
    pub(super) next: Option<Moment>,
}

/// The letters that wait for others.
pub(super) type Pools = RedBlackTreeMapSync<Pool, Entries>;
/// The letters of a pool, oldest first; none is empty in the book.
pub(super) type Entries = RedBlackTreeMapSync<NotificationId, Entry>;

/// Letters to one user that are told together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pool {
    pub(super) user: String,
    pub(super) about: About,
}

/// What brings letters together, in the order in which it is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    /// What is known better now.
    Corrections,
    /// Outages that nobody was told of yet.
    News,
    /// What became of servers that one letter told of.
    Thread(NotificationId),
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
    /// Where it goes, and when.
    pub(super) route: Route,
    /// Set where it is to tell that the server flaps.
    pub(super) flaps: Option<FlapDigest>,
}

/// Where a letter goes, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    /// The channels, preferred first.
    pub(super) channels: Vec<Channel>,
    /// Until when it waits for its user to be awake, in milliseconds since 1970.
    pub(super) not_before_ms: Option<i64>,
    /// How bad it is. What is told together is alike in that, or what can wait would hold up
    /// in their thread what cannot.
    pub(super) severity: Severity,
}

impl Route {
    /// That of a letter as it is stored.
    pub(super) fn of(letter: &Notification, severity: Severity) -> Self {
        let channels = letter.channels.clone();
        Self { channels, not_before_ms: letter.not_before_ms, severity }
    }
}

/// What a user was told of the hub's own cut.
#[derive(Debug, Clone)]
pub(super) struct Cut {
    pub(super) letter: NotificationId,
    /// Where its end goes too.
    pub(super) channels: Vec<Channel>,
    pub(super) message_id: String,
    /// Set when another run of the hub told it: then the first sign of life ends it.
    pub(super) before_start: Option<Moment>,
}

/// What a user was told of the hub's full disk.
#[derive(Debug, Clone)]
pub(super) struct FullDisk {
    pub(super) letter: NotificationId,
    /// Where its end goes too.
    pub(super) channels: Vec<Channel>,
    pub(super) message_id: String,
    pub(super) since: Moment,
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
                self.open.insert_mut(incident.server.clone(), incident.clone());
            }
            IncidentState::Closed(_) => {
                self.open.remove_mut(&incident.server);
                self.muted.remove_mut(&incident.server);
            }
        }
    }

    /// Whether what happened to the server is told by itself.
    pub(super) fn flap(&mut self, server: &ServerName, kind: NotificationKind, at: Moment) -> Tell {
        let known = self.flaps.get(server).map(|(flaps, _)| flaps.clone());
        let mut flaps = known.unwrap_or_default();
        let tell = match kind {
            NotificationKind::Down => flaps.down(at),
            NotificationKind::Recovered => flaps.up(at),
            _ => flaps.changed(at),
        };
        self.flaps.insert_mut(server.clone(), (flaps, at));
        tell
    }

    pub(super) fn hold(&mut self, user: &str, about: About, entry: Entry) {
        let pool = Pool { user: user.to_owned(), about };
        let mut entries = self.held.get(&pool).cloned().unwrap_or_default();
        entries.insert_mut(entry.letter, entry);
        self.held.insert_mut(pool, entries);
    }

    /// Takes out a letter, and says what it waited for and since when.
    pub(super) fn take(&mut self, user: &str, letter: NotificationId) -> Option<(About, Moment)> {
        let of_user = self.held.iter().filter(|(pool, _)| pool.user == user);
        let (pool, since) = of_user
            .filter_map(|(pool, entries)| Some((pool.clone(), entries.get(&letter)?.since)))
            .next()?;
        self.drop_entry(&pool, letter);
        Some((pool.about, since))
    }

    /// Takes out all that a pool holds.
    pub(super) fn take_pool(&mut self, pool: &Pool) -> Vec<Entry> {
        let entries = self.held.get(pool).cloned().unwrap_or_default();
        self.held.remove_mut(pool);
        entries.values().cloned().collect()
    }

    /// Takes a letter out of its pool.
    pub(super) fn drop_entry(&mut self, pool: &Pool, letter: NotificationId) {
        let Some(entries) = self.held.get_mut(pool) else { return };
        entries.remove_mut(&letter);
        if entries.is_empty() {
            self.held.remove_mut(pool);
        }
    }

    /// True when a server of the pool's letters is in another trouble than theirs.
    pub(super) fn is_in_trouble_anew(&self, pool: &Pool) -> bool {
        let mut entries = self.held.get(pool).into_iter().flat_map(|entries| entries.values());
        entries
            .any(|entry| self.open.get(&entry.server).is_some_and(|open| open.id != entry.incident))
    }

    /// True while digests tell of this server.
    pub(super) fn is_flapping(&self, server: &ServerName) -> bool {
        self.flaps.get(server).is_some_and(|(flaps, _)| flaps.is_flapping())
    }

    /// Something is to be done at `at` at the latest.
    pub(super) fn wake_at(&mut self, at: Moment) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }
}
