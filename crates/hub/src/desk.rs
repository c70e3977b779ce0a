//! Transitions become incidents and notifications, in one transaction.

mod letters;
mod plain;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
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

use crate::courier::Begun;
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
    begun: Arc<Begun>,
    /// The open incidents, as the store has them.
    open: Mutex<HashMap<ServerName, Incident>>,
    /// Transitions that could not be stored in any way.
    set_aside: AtomicU64,
    /// What the next transactions end with instead, for tests.
    #[cfg(test)]
    faults: Mutex<VecDeque<StoreError>>,
}

/// Why transitions are not stored.
enum Failure {
    /// The hub ends.
    Ending,
    /// They cannot be stored as they are.
    Lasting(String),
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
        begun: Arc<Begun>,
    ) -> Self {
        let (recipients, public_url, hub_id) = letters;
        let letters = Letters::new(fleet.clone(), recipients, public_url, hub_id, begun.clone());
        let open = open.into_iter().map(|open| (open.server.clone(), open)).collect();
        Self {
            fleet,
            store,
            letters,
            events,
            courier,
            begun,
            open: Mutex::new(open),
            set_aside: AtomicU64::new(0),
            #[cfg(test)]
            faults: Mutex::default(),
        }
    }

    /// Works until the end is asked for.
    pub(crate) async fn run(self: Arc<Self>, clock: Clock, shutdown: Shutdown) {
        loop {
            let transitions = tokio::select! {
                () = shutdown.requested() => return,
                transitions = self.fleet.transitions(BATCH) => transitions,
            };
            if let Err(Failure::Ending) = self.store_all(transitions, &clock, &shutdown).await {
                return;
            }
        }
    }

    /// Stores what can be stored. A part that cannot is halved until the transition
    /// that stands in the way is alone, so that it holds up no other, and the
    /// others still share their transactions.
    async fn store_all(
        self: &Arc<Self>,
        transitions: Vec<Transition>,
        clock: &Clock,
        shutdown: &Shutdown,
    ) -> Result<(), Failure> {
        let mut parts = VecDeque::from([transitions]);
        while let Some(mut part) = parts.pop_front() {
            let why = match self.patiently(&part, clock, shutdown).await {
                Ok(()) => continue,
                Err(Failure::Lasting(why)) => why,
                Err(Failure::Ending) => return Err(Failure::Ending),
            };
            if part.len() > 1 {
                let second = part.split_off(part.len() / 2);
                parts.push_front(second);
                parts.push_front(part);
            } else if let Some(transition) = part.pop() {
                self.rescue(transition, &why, clock, shutdown).await?;
            }
        }
        Ok(())
    }

    /// Tries a transition once more with the incident as the store has it, and
    /// sets it aside when that fails too.
    async fn rescue(
        self: &Arc<Self>,
        transition: Transition,
        why: &str,
        clock: &Clock,
        shutdown: &Shutdown,
    ) -> Result<(), Failure> {
        let (server, to) = (transition.server.clone(), transition.to);
        tracing::error!(%server, %to, why, "a transition cannot be stored; looking at the store");
        let (desk, again) = (self.clone(), transition.clone());
        let looked = task::blocking("desk", move || desk.resynchronise(&again)).await;
        match looked.map_err(|failed| failed.to_string()) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%server, %error, "its incident cannot be looked up"),
            Err(why) => tracing::error!(%server, why, "its incident cannot be looked up"),
        }
        match self.patiently(&[transition], clock, shutdown).await {
            Err(Failure::Lasting(why)) => {
                let set_aside = self.set_aside.fetch_add(1, Ordering::Relaxed) + 1;
                tracing::error!(
                    %server, %to, why, set_aside, "a transition is set aside: nobody is told of it"
                );
                Ok(())
            }
            other => other,
        }
    }

    /// Stores the transitions in one transaction, and waits for as long as what is
    /// in the way may pass: a transition is not given up for a full disk.
    async fn patiently(
        self: &Arc<Self>,
        transitions: &[Transition],
        clock: &Clock,
        shutdown: &Shutdown,
    ) -> Result<(), Failure> {
        let transitions: Arc<[Transition]> = transitions.into();
        loop {
            let (desk, work) = (self.clone(), transitions.clone());
            match task::blocking("desk", move || desk.record(&work)).await {
                Ok(Ok(changes)) => {
                    self.tell(changes);
                    return Ok(());
                }
                Ok(Err(error)) if error.is_temporary() => {
                    tracing::error!(%error, "transitions cannot be stored yet; trying again");
                }
                Ok(Err(error)) => return Err(Failure::Lasting(error.to_string())),
                Err(failed) => return Err(Failure::Lasting(failed.to_string())),
            }
            tokio::select! {
                () = shutdown.requested() => return Err(Failure::Ending),
                () = clock.sleep(RETRY) => {}
            }
        }
    }

    fn tell(&self, changes: Changes) {
        self.courier.notify_one();
        for (server, incident) in changes {
            let open = matches!(incident.state, IncidentState::Open);
            let shown = open.then(|| (incident.id, incident.cause.clone()));
            self.fleet.set_incident(&server, shown);
            self.events.tell(Event::Incident(server, IncidentRow::from(&incident)));
        }
    }

    /// Takes over the open incident of the transition's server from the store. One
    /// that cannot be read is closed there: it must not keep a new one away.
    fn resynchronise(&self, transition: &Transition) -> Result<(), StoreError> {
        let server = &transition.server;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.remove(server);
        let Some(id) = self.store.write(|batch| batch.open_incident_of(server))? else {
            return Ok(());
        };
        match self.store.incident(id) {
            Ok(Some(incident)) => {
                open.insert(server.clone(), incident);
            }
            Ok(None) => {}
            Err(error) if error.is_temporary() => return Err(error),
            Err(error) => {
                tracing::error!(%server, incident = id.0, %error, "an unreadable incident is closed");
                self.store.write(|batch| batch.close_incident(id, transition.at))?;
            }
        }
        Ok(())
    }

    /// Records all transitions in one transaction, or none of them.
    fn record(&self, transitions: &[Transition]) -> Result<Changes, StoreError> {
        #[cfg(test)]
        if let Some(fault) = self.faults.lock().expect("whole").pop_front() {
            return Err(fault);
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut now_open = open.clone();
        // A panic may have left some of the last transaction.
        self.begun.settle(false);
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
        });
        self.begun.settle(changes.is_ok());
        let changes = changes?;
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
    let added = timeline.iter().try_for_each(|entry| batch.add_timeline(incident, entry));
    without(added, "a line of a timeline cannot be stored").map(|_| ())
}

/// What the news can do without: when it cannot be had, it is left out and the news
/// is told all the same. Only what may pass stops the transaction.
fn without<T>(result: Result<T, StoreError>, what: &'static str) -> Result<Option<T>, StoreError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_temporary() => Err(error),
        Err(error) => {
            tracing::error!(%error, "{what}; the news is told without it");
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests;
