//! What is due.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Duration;

use watchfire_alert::told::{Stage, due_stages};
use watchfire_model::{Incident, IncidentId, Labels, Moment, Severity};
use watchfire_store::{FirstTold, StageDone, StoreError};

use super::{Anchor, Escalator};

/// Stages that one look goes through; the next one goes on.
const MAX_AT_ONCE: usize = 500;

/// A stage that is due.
pub(super) struct Due<'a> {
    pub(super) done: StageDone,
    pub(super) stage: &'a Stage,
    /// Whose stage it is.
    pub(super) from: &'a str,
    /// How long ago the user was told whose stage it is.
    pub(super) waited: Duration,
}

impl Escalator {
    /// Goes through what is due, and says how many letters were written.
    pub(super) fn look(&self, now: Moment) -> Result<usize, StoreError> {
        let told = self.store.first_told()?;
        let told: Vec<FirstTold> =
            told.into_iter().filter(|one| self.plans.contains_key(&one.user)).collect();
        if told.is_empty() {
            self.anchors().clear();
            return Ok(0);
        }
        let untended = self.store.untended()?;
        let back: HashMap<IncidentId, i64> = self.store.taken_back()?.into_iter().collect();
        let mut done: HashMap<(IncidentId, String), Vec<usize>> = HashMap::new();
        for one in self.store.stages_done()? {
            done.entry((one.root, one.user)).or_default().push(one.stage);
        }
        let mut worst: HashMap<IncidentId, Severity> = HashMap::new();
        for incident in &untended {
            let severity = worst.entry(incident.root()).or_insert(incident.severity);
            *severity = (*severity).max(incident.severity);
        }
        let mut due = Vec::new();
        let mut anchors = HashMap::with_capacity(told.len());
        for one in told {
            let (Some((from, plan)), Some(severity)) =
                (self.plans.get_key_value(&one.user), worst.get(&one.root))
            else {
                continue;
            };
            // What is critical does not wait for its user to be awake, and neither does this.
            let since =
                if *severity == Severity::Critical { one.unix_ms } else { one.left_unix_ms };
            let since = back.get(&one.root).map_or(since, |back| since.max(*back));
            let key = (one.root, one.user);
            let anchor = self.anchor(&key, since, now);
            let waited = anchor.before.saturating_add(now.since(anchor.seen));
            let gone = done.get(&key).map_or(&[][..], Vec::as_slice);
            due.extend(due_stages(plan, *severity, waited, gone).into_iter().map(|stage| Due {
                done: StageDone { root: key.0, user: key.1.clone(), stage },
                stage: &plan.stages[stage],
                from,
                waited,
            }));
            anchors.insert(key, anchor);
        }
        *self.anchors() = anchors;
        due.truncate(MAX_AT_ONCE);
        if due.is_empty() { Ok(0) } else { self.go_through(&due, now) }
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
