//! What the alert desk knows of the store.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rpds::{HashTrieMapSync, HashTrieSetSync};
use watchfire_model::{
    Incident, IncidentId, LabelSet, Labels, Moment, NotificationId, ServerName, Severity,
};

use super::change::FLAPS;
use super::{Firing, Poster, Round};

/// What the store holds and what is decided about it. A transaction works on a copy, which takes
/// the place of the book when the transaction is durable; copies share what did not change.
#[derive(Debug, Clone, Default)]
pub(super) struct Book {
    /// The alerts of the open incidents, be they over or not.
    pub(super) alerts: HashTrieMapSync<i64, Arc<Alert>>,
    /// The same by where they come from.
    pub(super) by_source: HashTrieMapSync<Arc<str>, OfSource>,
    /// The open incidents.
    pub(super) open: HashTrieMapSync<IncidentId, Open>,
    pub(super) by_subject: HashTrieMapSync<Subject, IncidentId>,
    /// What users are still to be told.
    pub(super) news: HashTrieMapSync<Arc<str>, Pool>,
    /// How alerts came and went of late.
    pub(super) flaps: HashTrieMapSync<Key, Flap>,
}

/// The alerts of one source by their labels.
pub(super) type OfSource = HashTrieMapSync<LabelSet, i64>;
/// What one user is still to be told, by alert.
pub(super) type Pool = HashTrieMapSync<i64, Item>;
/// What makes two alerts the same one: their source and their labels.
pub(super) type Key = (Arc<str>, LabelSet);

/// What an incident of alerts is about: a server, or what such labels name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Subject {
    pub(super) server: ServerName,
    pub(super) labels: Option<Labels>,
}

/// An incident that goes on.
#[derive(Debug, Clone)]
pub(super) struct Open {
    pub(super) incident: Incident,
    pub(super) alerts: HashTrieSetSync<i64>,
}

/// An alert of an open incident.
#[derive(Debug, Clone)]
pub(crate) struct Alert {
    pub(crate) id: i64,
    pub(crate) incident: IncidentId,
    pub(crate) source: Arc<str>,
    pub(crate) labels: LabelSet,
    pub(crate) annotations: Vec<(String, String)>,
    pub(crate) generator_url: String,
    pub(super) value: Option<f64>,
    pub(crate) severity: Severity,
    /// The server that it is about.
    pub(crate) server: Option<ServerName>,
    /// Who sent it first since the start of the hub, where several share its source.
    pub(super) poster: Option<Arc<str>>,
    pub(crate) starts_ms: i64,
    pub(crate) updated_ms: i64,
    pub(crate) ends_ms: Option<i64>,
    /// When it was over.
    pub(super) over_ms: Option<i64>,
    /// Its source names it no more, and its server is not up, so that this may mean nothing.
    pub(super) is_missing: bool,
    /// What each user knows of it.
    pub(super) told: Vec<(Arc<str>, Told)>,
    /// Why nobody is told now.
    pub(crate) muted: Option<Arc<str>>,
}

/// What a user knows of an alert.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub(super) is_firing: bool,
    pub(super) at: Moment,
    /// The letter that began the thread, if it is kept.
    pub(super) thread: Option<NotificationId>,
}

/// That a user is still to be told how an alert stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    /// Told again because nobody looks after it; this is in no store.
    pub(super) is_repeat: bool,
    /// When to look whether it can be told.
    pub(super) due: Moment,
}

/// How an alert came and went.
#[derive(Debug, Clone, Default)]
pub(super) struct Flap {
    /// When it began to fire, oldest first.
    pub(super) fired: Vec<Moment>,
    /// When somebody was told last.
    pub(super) told: Option<Moment>,
}

impl Item {
    pub(super) fn repeat(due: Moment) -> Self {
        Self { is_repeat: true, due }
    }
}

impl Flap {
    /// When it fired of late, on the wall's clock.
    pub(super) fn unix_ms(&self) -> Vec<i64> {
        self.fired.iter().map(|at| at.unix_ms).collect()
    }
}

impl Alert {
    /// What a user knows of it.
    pub(super) fn told_to(&self, user: &str) -> Option<Told> {
        self.told.iter().find(|(name, _)| **name == *user).map(|(_, told)| *told)
    }

    pub(crate) fn name(&self) -> &str {
        self.labels.get("alertname")
    }

    pub(super) fn fires(&self) -> bool {
        self.over_ms.is_none()
    }

    pub(super) fn key(&self) -> Key {
        (self.source.clone(), self.labels.clone())
    }

    /// The first of these annotations that there is.
    pub(super) fn annotation(&self, names: &[&str]) -> &str {
        let of = |name: &&str| self.annotations.iter().find(|(one, _)| one == name);
        names.iter().find_map(of).map_or("", |(_, text)| text)
    }

    /// Takes over what its source says now, with the words unless there is no room for them.
    pub(super) fn refresh(&mut self, firing: &Firing, round: &Round, with_words: bool) {
        if with_words {
            self.say(firing);
        }
        self.value = firing.value;
        self.ends_ms = firing.ends_ms;
        self.updated_ms = round.at_ms;
        self.is_missing = false;
        if self.poster.is_none() {
            self.poster = round.poster.as_ref().map(Poster::name);
        }
    }

    /// Takes over the words that its source has for it now.
    pub(super) fn say(&mut self, firing: &Firing) {
        self.annotations.clone_from(&firing.annotations);
        self.generator_url.clone_from(&firing.generator_url);
    }
}

impl Book {
    /// What is to be told of an alert waits until `item` is due, or until what waits already is.
    pub(super) fn wait(&mut self, user: &str, alert: i64, item: Item) {
        let mut pool = self.news.get(user).cloned().unwrap_or_default();
        let known = pool.get(&alert).filter(|known| !known.is_repeat && !item.is_repeat);
        let due = known.map(|known| known.due).filter(|due| due.monotonic < item.due.monotonic);
        pool.insert_mut(alert, Item { due: due.unwrap_or(item.due), ..item });
        self.news.insert_mut(user.into(), pool);
    }

    pub(super) fn put(&mut self, alert: Alert) {
        let mut of_source = self.by_source.get(&alert.source).cloned().unwrap_or_default();
        of_source.insert_mut(alert.labels.clone(), alert.id);
        self.by_source.insert_mut(alert.source.clone(), of_source);
        if let Some(open) = self.open.get_mut(&alert.incident) {
            open.alerts.insert_mut(alert.id);
        }
        self.alerts.insert_mut(alert.id, Arc::new(alert));
    }

    /// Opens an incident, or changes it.
    pub(super) fn note(&mut self, incident: Incident) {
        let subject = Subject { server: incident.server.clone(), labels: incident.labels.clone() };
        self.by_subject.insert_mut(subject, incident.id);
        let known = self.open.get(&incident.id).map(|open| open.alerts.clone());
        let alerts = known.unwrap_or_default();
        self.open.insert_mut(incident.id, Open { incident, alerts });
    }

    /// Forgets an incident that is over, with its alerts but for those of which somebody is
    /// still to be told.
    pub(super) fn close(&mut self, id: IncidentId) {
        let Some(open) = self.open.get(&id).cloned() else { return };
        let Incident { server, labels, .. } = open.incident;
        self.by_subject.remove_mut(&Subject { server, labels });
        self.open.remove_mut(&id);
        open.alerts.iter().for_each(|id| self.forget(*id));
    }

    /// Forgets an alert that is over: when it fires again, it is another one.
    pub(super) fn forget(&mut self, id: i64) {
        let Some(alert) = self.alerts.get(&id).cloned() else { return };
        if let Some(open) = self.open.get_mut(&alert.incident) {
            open.alerts.remove_mut(&id);
        }
        if let Some(of_source) = self.by_source.get_mut(&alert.source)
            && of_source.get(&alert.labels) == Some(&id)
        {
            of_source.remove_mut(&alert.labels);
            if of_source.is_empty() {
                self.by_source.remove_mut(&alert.source);
            }
        }
        if !self.is_news(id) {
            self.alerts.remove_mut(&id);
        }
    }

    /// Whether somebody is still to be told of an alert.
    pub(super) fn is_news(&self, id: i64) -> bool {
        self.news.values().any(|pool| pool.contains_key(&id))
    }

    /// Nothing is left to tell of an alert: if its incident is over, it is forgotten.
    pub(super) fn is_told(&mut self, id: i64) {
        let incident = self.alerts.get(&id).map(|alert| alert.incident);
        if incident.is_some_and(|incident| !self.open.contains_key(&incident)) && !self.is_news(id)
        {
            self.alerts.remove_mut(&id);
        }
    }

    /// Whether an alert of the incident fires.
    pub(super) fn goes_on(&self, id: IncidentId) -> bool {
        self.alerts_of(id).any(|alert| alert.fires())
    }

    /// The alerts of an open incident.
    pub(super) fn alerts_of(&self, id: IncidentId) -> impl Iterator<Item = &Arc<Alert>> {
        let open = self.open.get(&id).into_iter();
        open.flat_map(|open| open.alerts.iter()).filter_map(|id| self.alerts.get(id))
    }

    /// Forgets how alerts came and went where that is of more than `most`, or of more text than so
    /// many bytes: half of what the source has that has most of it. What comes and goes just now
    /// is remembered before the rest, and the newest before the older.
    pub(super) fn forget_flaps(&mut self, most: usize, most_bytes: usize) {
        let text = |key: &Key| -> usize {
            key.1.iter().map(|(name, value)| name.len() + value.len()).sum()
        };
        let mut of_source: HashMap<Arc<str>, (usize, usize)> = HashMap::new();
        for key in self.flaps.keys() {
            let (count, bytes) = of_source.entry(key.0.clone()).or_default();
            *count += 1;
            *bytes += text(key);
        }
        let sums = of_source.values().fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        let is_worse = |one: &(usize, usize)| if sums.0 > most { one.0 } else { one.1 };
        if sums.0 <= most && sums.1 <= most_bytes {
            return;
        }
        let worst = of_source.iter().max_by_key(|(_, used)| is_worse(used));
        let Some((source, _)) = worst else { return };
        let last = |flap: &Flap| flap.fired.last().map(|at| at.monotonic);
        let of_worst = self.flaps.iter().filter(|(key, _)| key.0 == *source);
        let mut oldest: Vec<_> = of_worst
            .map(|(key, flap)| ((flap.fired.len() >= FLAPS, last(flap)), key.clone()))
            .collect();
        oldest.sort_unstable_by_key(|(rank, _)| *rank);
        for (_, key) in oldest.iter().take(oldest.len().div_ceil(2)) {
            self.flaps.remove_mut(key);
        }
    }

    pub(super) fn firing_by_source(&self) -> BTreeMap<String, Vec<Firing>> {
        let mut by_source: BTreeMap<String, Vec<Firing>> = BTreeMap::new();
        for alert in self.alerts.values().filter(|alert| alert.fires()) {
            by_source.entry(alert.source.to_string()).or_default().push(Firing {
                labels: alert.labels.clone(),
                annotations: alert.annotations.clone(),
                value: alert.value,
                starts_ms: alert.starts_ms,
                ends_ms: alert.ends_ms,
                generator_url: alert.generator_url.clone(),
            });
        }
        by_source
    }
}
