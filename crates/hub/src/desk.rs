//! Transitions become incidents and notifications, in one transaction.

mod book;
mod correct;
mod cut;
mod due;
mod flaps;
mod gone;
mod letters;
mod plain;
mod take_up;
mod tell;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use watchfire_alert::{IncidentStep, NewIncident, Recipient, incident_step};
use watchfire_api::hub::IncidentRow;
use watchfire_model::{
    Incident, IncidentId, IncidentState, Moment, NotificationKind, ServerName, TimelineEntry,
    Transition,
};
use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_store::{Batch, NewIncidentRow, Store, StoreError};

use crate::courier::Begun;
use crate::events::{Event, Events};
use crate::fleet::{CutNews, Fleet};
use book::Book;
use letters::{Letters, News};

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
    book: Mutex<Book>,
    /// When there is something to do without a new transition, as in the book, which
    /// is locked while the disk is written.
    due: Mutex<Option<Moment>>,
    /// `due` was changed by somebody else than the desk's own task.
    woken: Notify,
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

/// One transaction's work, which is tried until it is stored.
type Work = Arc<dyn Fn(&Desk) -> Result<Changes, StoreError> + Send + Sync>;

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
        Self {
            fleet,
            store,
            letters,
            events,
            courier,
            begun,
            book: Mutex::new(Book::new(open)),
            due: Mutex::default(),
            woken: Notify::new(),
            set_aside: AtomicU64::new(0),
            #[cfg(test)]
            faults: Mutex::default(),
        }
    }

    /// Works until the end is asked for.
    pub(crate) async fn run(self: Arc<Self>, clock: Clock, shutdown: Shutdown) {
        let take_up: Work = Arc::new(|desk| desk.take_up().map(|()| Changes::new()));
        if let Err(Failure::Ending) = self.work(take_up, &clock, &shutdown).await {
            return;
        }
        loop {
            let next = *self.due();
            let due = async {
                match next {
                    Some(next) => clock.sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            let done = tokio::select! {
                biased;
                () = shutdown.requested() => return,
                transitions = self.fleet.transitions(BATCH) => {
                    self.take(transitions, &clock, &shutdown).await
                }
                () = self.woken.notified() => Ok(()),
                () = due => {
                    let settle: Work = Arc::new(|desk| desk.record(&[]));
                    self.work(settle, &clock, &shutdown).await
                }
            };
            if let Err(Failure::Ending) = done {
                return;
            }
        }
    }

    async fn take(
        self: &Arc<Self>,
        transitions: Vec<Transition>,
        clock: &Clock,
        shutdown: &Shutdown,
    ) -> Result<(), Failure> {
        if let Some(news) = self.fleet.take_cut_news() {
            let cut: Work = Arc::new(move |desk| desk.record_cut(&news));
            self.work(cut, clock, shutdown).await?;
        }
        if transitions.is_empty() {
            return Ok(());
        }
        self.store_all(transitions, clock, shutdown).await
    }

    /// Does what no transition stands behind. What cannot be stored in any way is
    /// logged, and waits for the next occasion.
    async fn work(
        self: &Arc<Self>,
        work: Work,
        clock: &Clock,
        shutdown: &Shutdown,
    ) -> Result<(), Failure> {
        match self.patiently(work, clock, shutdown).await {
            Err(Failure::Lasting(why)) => {
                tracing::error!(why, "notifications cannot be put together");
                *self.due() = Some(clock.now().after(due::LONGEST_WAIT));
                Ok(())
            }
            other => other,
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
            let why = match self.patiently(recording(&part), clock, shutdown).await {
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
        match self.patiently(recording(&[transition]), clock, shutdown).await {
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

    /// Stores one transaction, and waits for as long as what is in the way may pass:
    /// a transition is not given up for a full disk.
    async fn patiently(
        self: &Arc<Self>,
        work: Work,
        clock: &Clock,
        shutdown: &Shutdown,
    ) -> Result<(), Failure> {
        loop {
            let (desk, work) = (self.clone(), work.clone());
            match task::blocking("desk", move || work(&desk)).await {
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
                biased;
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
    /// that cannot be read is closed there: it must not keep a new one away. What is
    /// held is let go: something about it may be what stands in the way.
    fn resynchronise(&self, transition: &Transition) -> Result<(), StoreError> {
        let server = &transition.server;
        let mut book = self.book();
        self.store.write(|batch| batch.release_all())?;
        book.held.clear();
        let open = &mut book.open;
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
        self.transact(|batch, book| {
            let mut changes = Changes::new();
            for transition in transitions {
                self.letters.end_old_cuts(batch, book, transition)?;
                self.note_leaving(batch, transition)?;
                let before = book.open.get(&transition.server).cloned();
                let Some(step) = incident_step(transition, before.as_ref()) else { continue };
                let incident = self.take_step(batch, book, transition, step, before)?;
                book.note(&incident);
                changes.insert(transition.server.clone(), incident);
            }
            Ok(changes)
        })
    }

    fn record_cut(&self, news: &CutNews) -> Result<Changes, StoreError> {
        self.transact(|batch, book| {
            self.letters.tell_cut(batch, book, news, self.fleet.now())?;
            Ok(Changes::new())
        })
    }

    /// Does `work` in one transaction, and tells what waited long enough. The book
    /// changes when the store has.
    fn transact<T>(
        &self,
        work: impl FnOnce(&Batch<'_>, &mut Book) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut book = self.book();
        let mut next = book.clone();
        // A panic may have left some of the last transaction.
        self.begun.settle(false);
        let done = self.store.write(|batch| {
            let done = work(batch, &mut next)?;
            self.settle(batch, &mut next)?;
            Ok(done)
        });
        self.begun.settle(done.is_ok());
        let done = done?;
        *book = next;
        *self.due() = book.next;
        Ok(done)
    }

    /// What cannot be told together is sent letter by letter.
    fn settle(&self, batch: &Batch<'_>, book: &mut Book) -> Result<(), StoreError> {
        let mut next = book.clone();
        match batch.attempt(|| self.letters.settle(batch, &mut next)) {
            Ok(()) => *book = next,
            Err(error) if error.is_temporary() => return Err(error),
            Err(error) => {
                // The tries that were written down with it are gone with it.
                self.begun.settle(false);
                let released = batch.release_all()?;
                tracing::error!(%error, released, "letters cannot be told together");
                book.held.clear();
                book.next = None;
            }
        }
        Ok(())
    }

    fn due(&self) -> MutexGuard<'_, Option<Moment>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A panic elsewhere leaves whole values here, so a poisoned lock is used on.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_step(
        &self,
        batch: &Batch<'_>,
        book: &mut Book,
        transition: &Transition,
        step: IncidentStep,
        before: Option<Incident>,
    ) -> Result<Incident, StoreError> {
        let (server, at) = (&transition.server, transition.at);
        let (kind, incident, lines) = match (step, before) {
            (IncidentStep::Open(new), _) => {
                let (incident, lines) = open_incident(batch, new)?;
                (NotificationKind::Down, incident, lines)
            }
            (IncidentStep::Change { presence, cause, timeline }, Some(mut incident)) => {
                batch.change_incident(incident.id, presence, &cause)?;
                incident.presence = presence;
                incident.cause = cause;
                (NotificationKind::Changed, incident, timeline)
            }
            (IncidentStep::Close { timeline }, Some(mut incident)) => {
                batch.close_incident(incident.id, at)?;
                incident.state = IncidentState::Closed(at);
                (NotificationKind::Recovered, incident, timeline)
            }
            (IncidentStep::Change { .. } | IncidentStep::Close { .. }, None) => {
                unreachable!("a step other than Open is made from an open incident")
            }
        };
        add_all(batch, incident.id, &lines)?;
        let tell = book.flap(server, kind, at);
        let news = News { kind, incident: &incident, at, lines: &lines, tell };
        self.letters.write(batch, book, &news)?;
        Ok(incident)
    }
}

fn recording(transitions: &[Transition]) -> Work {
    let transitions: Arc<[Transition]> = transitions.into();
    Arc::new(move |desk| desk.record(&transitions))
}

fn open_incident(
    batch: &Batch<'_>,
    new: NewIncident,
) -> Result<(Incident, Vec<TimelineEntry>), StoreError> {
    let id = batch.open_incident(&NewIncidentRow {
        server: new.server.clone(),
        presence: new.presence,
        cause: new.cause.clone(),
        silence_began: new.silence_began,
        judged: new.judged,
        hub_stalled: new.hub_stalled,
    })?;
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
    Ok((incident, new.timeline))
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
