//! Transitions become incidents and notifications, in one transaction.

mod letters;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use watchfire_alert::{IncidentStep, NewIncident, Recipient, incident_step};
use watchfire_api::hub::IncidentRow;
use watchfire_model::{
    Incident, IncidentId, IncidentState, NotificationKind, ServerName, TimelineEntry, Transition,
};
use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_store::{Batch, NewIncidentRow, Store, StoreError};

use crate::events::{Event, Events};
use crate::fleet::Fleet;
use letters::Letters;

/// Transitions that share one transaction. Five hundred servers that fall
/// together cost one commit.
const BATCH: usize = 1000;
/// The pause before a transaction that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The desk: the only writer of incidents.
pub(crate) struct Desk {
    fleet: Arc<Fleet>,
    store: Store,
    letters: Letters,
    events: Events,
    courier: Arc<Notify>,
    /// The open incidents, as the store has them.
    open: Mutex<HashMap<ServerName, Incident>>,
}

/// What a transaction changed, to be told once it is durable.
type Changes = HashMap<ServerName, Incident>;

impl Desk {
    pub(crate) fn new(
        fleet: Arc<Fleet>,
        store: Store,
        open: Vec<Incident>,
        letters: (Vec<Recipient>, String, String),
        events: Events,
        courier: Arc<Notify>,
    ) -> Self {
        let (recipients, public_url, hub_id) = letters;
        let letters = Letters { fleet: fleet.clone(), recipients, public_url, hub_id };
        let open = open.into_iter().map(|open| (open.server.clone(), open)).collect();
        Self { fleet, store, letters, events, courier, open: Mutex::new(open) }
    }

    /// Works until the end is asked for.
    pub(crate) async fn run(self: Arc<Self>, clock: Clock, shutdown: Shutdown) {
        loop {
            let transitions = tokio::select! {
                () = shutdown.requested() => return,
                transitions = self.fleet.transitions(BATCH) => Arc::new(transitions),
            };
            // A transition is never given up: without it, a person is not told.
            while let Err(why) = self.store_all(transitions.clone()).await {
                tracing::error!(why, "transitions cannot be stored yet; trying again");
                tokio::select! {
                    () = shutdown.requested() => return,
                    () = clock.sleep(RETRY) => {}
                }
            }
        }
    }

    async fn store_all(self: &Arc<Self>, transitions: Arc<Vec<Transition>>) -> Result<(), String> {
        let desk = self.clone();
        let stored = task::blocking("desk", move || desk.record(&transitions)).await;
        let changes = match stored {
            Ok(Ok(changes)) => changes,
            Ok(Err(error)) => return Err(error.to_string()),
            Err(failed) => return Err(failed.to_string()),
        };
        self.courier.notify_one();
        for (server, incident) in changes {
            let open = matches!(incident.state, IncidentState::Open);
            let shown = open.then(|| (incident.id, incident.cause.clone()));
            self.fleet.set_incident(&server, shown);
            self.events.tell(Event::Incident(server, IncidentRow::from(&incident)));
        }
        Ok(())
    }

    /// Records all transitions in one transaction, or none of them.
    fn record(&self, transitions: &[Transition]) -> Result<Changes, StoreError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut now_open = open.clone();
        let changes = self.store.write(|batch| {
            let mut changes = Changes::new();
            for transition in transitions {
                let before = now_open.get(&transition.server);
                let Some(step) = incident_step(transition, before) else { continue };
                let incident = self.take_step(batch, transition, step, before.cloned())?;
                match incident.state {
                    IncidentState::Open => {
                        now_open.insert(transition.server.clone(), incident.clone());
                    }
                    IncidentState::Closed(_) => {
                        now_open.remove(&transition.server);
                    }
                }
                changes.insert(transition.server.clone(), incident);
            }
            Ok(changes)
        })?;
        *open = now_open;
        Ok(changes)
    }

    fn take_step(
        &self,
        batch: &Batch<'_>,
        transition: &Transition,
        step: IncidentStep,
        before: Option<Incident>,
    ) -> Result<Incident, StoreError> {
        match (step, before) {
            (IncidentStep::Open(new), _) => self.open_incident(batch, new),
            (IncidentStep::Change { presence, cause, timeline }, Some(mut incident)) => {
                batch.change_incident(incident.id, presence, &cause)?;
                incident.presence = presence;
                incident.cause = cause;
                add_all(batch, incident.id, &timeline)?;
                let kind = NotificationKind::Changed;
                self.letters.write(batch, kind, &incident, transition.at, &timeline)?;
                Ok(incident)
            }
            (IncidentStep::Close { timeline }, Some(mut incident)) => {
                batch.close_incident(incident.id, transition.at)?;
                incident.state = IncidentState::Closed(transition.at);
                add_all(batch, incident.id, &timeline)?;
                let kind = NotificationKind::Recovered;
                self.letters.write(batch, kind, &incident, transition.at, &timeline)?;
                Ok(incident)
            }
            (IncidentStep::Change { .. } | IncidentStep::Close { .. }, None) => {
                unreachable!("a step other than Open is made from an open incident")
            }
        }
    }

    fn open_incident(&self, batch: &Batch<'_>, new: NewIncident) -> Result<Incident, StoreError> {
        let id = batch.open_incident(&NewIncidentRow {
            server: new.server.clone(),
            presence: new.presence,
            cause: new.cause.clone(),
            silence_began: new.silence_began,
            judged: new.judged,
            hub_stalled: new.hub_stalled,
        })?;
        add_all(batch, id, &new.timeline)?;
        let incident = Incident {
            id,
            server: new.server,
            presence: new.presence,
            cause: new.cause,
            silence_began: new.silence_began,
            judged: new.judged,
            hub_stalled: new.hub_stalled,
            state: IncidentState::Open,
        };
        let kind = NotificationKind::Down;
        self.letters.write(batch, kind, &incident, incident.judged, &new.timeline)?;
        Ok(incident)
    }
}

fn add_all(
    batch: &Batch<'_>,
    incident: IncidentId,
    timeline: &[TimelineEntry],
) -> Result<(), StoreError> {
    timeline.iter().try_for_each(|entry| batch.add_timeline(incident, entry))
}

#[cfg(test)]
mod tests;
