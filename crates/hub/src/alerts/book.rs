//! What the alert desk knows of the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use rpds::{HashTrieMapSync, HashTrieSetSync};
use watchfire_model::{
    Incident, IncidentId, LabelSet, Labels, Moment, NotificationId, ServerName, Severity,
};

use super::{ActiveAlert, Firing};

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
pub(super) struct Alert {
    pub(super) id: i64,
    pub(super) incident: IncidentId,
    pub(super) source: Arc<str>,
    pub(super) labels: LabelSet,
    pub(super) annotations: Vec<(String, String)>,
    pub(super) generator_url: String,
    pub(super) value: Option<f64>,
    pub(super) severity: Severity,
    /// The server that it is about.
    pub(super) server: Option<ServerName>,
    pub(super) starts_ms: i64,
    pub(super) updated_ms: i64,
    pub(super) ends_ms: Option<i64>,
    /// When it was over.
    pub(super) over_ms: Option<i64>,
    /// Its source names it no more, and its server is not up, so that this may mean nothing.
    pub(super) is_missing: bool,
    /// What each user knows of it.
    pub(super) told: Vec<(Arc<str>, Told)>,
    /// Why nobody is told now.
    pub(super) muted: Option<Arc<str>>,
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

    pub(super) fn name(&self) -> &str {
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

    /// Takes over what its source says now.
    pub(super) fn refresh(&mut self, firing: &Firing, at_ms: i64) {
        self.annotations.clone_from(&firing.annotations);
        self.generator_url.clone_from(&firing.generator_url);
        self.value = firing.value;
        self.ends_ms = firing.ends_ms;
        self.updated_ms = at_ms;
        self.is_missing = false;
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

    pub(super) fn firing(&self) -> Vec<ActiveAlert> {
        let mut firing: Vec<ActiveAlert> =
            self.alerts.values().filter(|alert| alert.fires()).map(|alert| active(alert)).collect();
        firing.sort_unstable_by_key(|alert| alert.id);
        firing
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

fn active(alert: &Alert) -> ActiveAlert {
    ActiveAlert {
        id: alert.id,
        incident: alert.incident,
        source: alert.source.clone(),
        labels: alert.labels.clone(),
        annotations: alert.annotations.clone(),
        severity: alert.severity,
        server: alert.server.clone(),
        starts_ms: alert.starts_ms,
        updated_ms: alert.updated_ms,
        ends_ms: alert.ends_ms,
        generator_url: alert.generator_url.clone(),
        muted: alert.muted.as_ref().map(|why| why.to_string()),
    }
}
