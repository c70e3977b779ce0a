//! What is due.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Duration;

use watchfire_alert::told::{Stage, due_stages};
use watchfire_model::{Incident, IncidentId, Labels, Moment, Severity};
use watchfire_store::{Families, StageDone, StoreError};

use super::muted::Hush;
use super::{Anchor, Escalator};

/// Stages that one look goes through, or few more; the next one goes on.
const MAX_AT_ONCE: usize = 500;
/// Families of incidents that are read at a time.
const FAMILIES_AT_ONCE: usize = 5000;

/// A stage that is due.
pub(super) struct Due<'a> {
    pub(super) done: StageDone,
    pub(super) stage: &'a Stage,
    /// Whose stage it is.
    pub(super) from: &'a str,
    /// How long ago the user was told whose stage it is.
    pub(super) waited: Duration,
}

/// What one look has found so far.
#[derive(Default)]
struct Found<'a> {
    due: Vec<Due<'a>>,
    anchors: HashMap<(IncidentId, String), Anchor>,
}

impl Escalator {
    /// Goes through what is due, and says how many letters were written.
    pub(super) fn look(&self, now: Moment) -> Result<usize, StoreError> {
        let users: Vec<&str> = self.plans.keys().map(String::as_str).collect();
        let (hush, mut found) = (self.hush(now), Found::default());
        let mut after = IncidentId(0);
        while let Some(families) = self.store.untended_families(after, FAMILIES_AT_ONCE)? {
            self.look_at(families, &users, &hush, &mut found)?;
            after = families.last();
        }
        let Found { due, anchors } = found;
        *self.anchors() = anchors;
        if due.is_empty() { Ok(0) } else { self.go_through(&due, &hush) }
    }

    /// Looks what is due of some families. What is muted takes nobody else's place: it is looked
    /// at again once it is not.
    fn look_at<'a>(
        &'a self,
        families: Families,
        users: &[&str],
        hush: &Hush<'_>,
        found: &mut Found<'a>,
    ) -> Result<(), StoreError> {
        let told = self.store.first_told(families, users)?;
        if told.is_empty() {
            return Ok(());
        }
        let back: HashMap<IncidentId, i64> = self.store.taken_back(families)?.into_iter().collect();
        let mut done: HashMap<(IncidentId, String), Vec<usize>> = HashMap::new();
        for one in self.store.stages_done(families)? {
            done.entry((one.root, one.user)).or_default().push(one.stage);
        }
        let mut untended: HashMap<IncidentId, Vec<Incident>> = HashMap::new();
        for incident in self.store.untended(families)? {
            untended.entry(incident.root()).or_default().push(incident);
        }
        let mut muted: HashMap<IncidentId, bool> = HashMap::new();
        for one in told {
            let (Some((from, plan)), Some(family)) =
                (self.plans.get_key_value(&one.user), untended.get(&one.root))
            else {
                continue;
            };
            let Some(severity) = family.iter().map(|one| one.severity).max() else { continue };
            // What is critical does not wait for its user to be awake, and neither does this.
            let since = if severity == Severity::Critical { one.unix_ms } else { one.left_unix_ms };
            let since = back.get(&one.root).map_or(since, |back| since.max(*back));
            let key = (one.root, one.user);
            let anchor = self.anchor(&key, since, hush.now);
            let waited = anchor.before.saturating_add(hush.now.since(anchor.seen));
            let gone = done.get(&key).map_or(&[][..], Vec::as_slice);
            let stages = due_stages(plan, severity, waited, gone);
            found.anchors.insert(key.clone(), anchor);
            let is_full = found.due.len() >= MAX_AT_ONCE;
            let is_muted = || family.iter().all(|one| self.is_muted(one, hush));
            if stages.is_empty() || is_full || *muted.entry(key.0).or_insert_with(is_muted) {
                continue;
            }
            found.due.extend(stages.into_iter().map(|stage| Due {
                done: StageDone { root: key.0, user: key.1.clone(), stage },
                stage: &plan.stages[stage],
                from,
                waited,
            }));
        }
        Ok(())
    }

    /// The labels by which it is known who may know of an incident; `None` is nobody.
    pub(super) fn labels_of(&self, incident: &Incident) -> Option<Labels> {
        let of_server = || {
            let index = self.fleet.index(&incident.server)?;
            Some(self.fleet.config(index).server.labels.clone())
        };
        incident.labels.clone().or_else(of_server)
    }

    fn anchor(&self, key: &(IncidentId, String), told_ms: i64, now: Moment) -> Anchor {
        let known = self.anchors().get(key).copied().filter(|known| known.told_ms == told_ms);
        known.unwrap_or_else(|| {
            let before = u64::try_from(now.unix_ms.saturating_sub(told_ms)).unwrap_or(0);
            Anchor { told_ms, seen: now, before: Duration::from_millis(before) }
        })
    }

    fn anchors(&self) -> std::sync::MutexGuard<'_, HashMap<(IncidentId, String), Anchor>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
