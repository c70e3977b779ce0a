//! Transitions become incidents and notifications, in one transaction.

mod book;
mod correct;
mod cut;
mod disk;
mod due;
mod flaps;
mod gone;
mod letters;
mod missed;
mod mute;
mod plain;
mod reconcile;
mod reroute;
mod routes;
mod run;
mod step;
mod take_up;
mod tell;
mod tended;

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use watchfire_alert::{Recipient, incident_step};
use watchfire_api::hub::IncidentRow;
use watchfire_model::{Incident, IncidentState, Moment, ServerName, Transition};
use watchfire_store::{Batch, Store, StoreError};

use crate::ack_links::AckLinks;
use crate::alerts::Returns;
use crate::courier::Begun;
use crate::events::{Event, Events};
use crate::fleet::{CutNews, Fleet};
use crate::muting::Muting;
use crate::wording::Wording;
use book::{Book, Pools};
use letters::Letters;
pub(crate) use plain::lines as plain_lines;
pub(crate) use routes::{any_channels, severity};
pub(crate) use tell::carefully;

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
    /// Servers whose incident did not fit at the last look.
    mismatches: Mutex<reconcile::Seen>,
    /// How often an incident did not fit its server's presence and was mended.
    reconciled: AtomicU64,
    /// Which servers came back of late, for the desk of alerts.
    returns: Arc<Returns>,
    /// What the next transactions end with instead, for tests.
    #[cfg(test)]
    faults: Mutex<std::collections::VecDeque<StoreError>>,
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
            mismatches: Mutex::default(),
            reconciled: AtomicU64::new(0),
            returns: Arc::default(),
            #[cfg(test)]
            faults: Mutex::default(),
        }
    }

    /// The same desk, that tells nothing of what is muted.
    pub(crate) fn with_muting(mut self, muting: Arc<Muting>) -> Self {
        self.letters.muting = muting;
        self
    }

    /// The same desk, whose letters have more than their facts.
    pub(crate) fn with_wording(mut self, wording: Wording) -> Self {
        self.letters.wording = wording;
        self
    }

    /// The same desk, that writes down which servers came back.
    pub(crate) fn with_returns(mut self, returns: Arc<Returns>) -> Self {
        self.returns = returns;
        self
    }

    /// The same desk, whose letters let their users acknowledge.
    pub(crate) fn with_ack_links(mut self, links: Arc<AckLinks>) -> Self {
        self.letters.ack_links = Some(links);
        self
    }

    fn tell(&self, changes: Changes) {
        self.courier.notify_one();
        for (server, incident) in changes {
            if let IncidentState::Closed(at) = incident.state {
                self.returns.note(&server, at);
            }
            let open = matches!(incident.state, IncidentState::Open);
            let shown = open.then(|| (incident.id, incident.cause.clone()));
            self.fleet.set_incident(&server, shown);
            self.events.tell(Event::Incident(server, IncidentRow::from(&incident)));
        }
    }

    /// Records transitions and tells of them, for tests of other desks.
    #[cfg(test)]
    pub(crate) fn record_now(&self, transitions: &[Transition]) {
        let changes = self.record(transitions).expect("the store works");
        self.tell(changes);
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
    /// changes when the store has. When what waited cannot be told together, all of it is
    /// done anew, and that is sent letter by letter: undoing a part of a transaction would
    /// need a file for what is undone, and the disk may be full.
    fn transact<T>(
        &self,
        work: impl Fn(&Batch<'_>, &mut Book) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut book = self.book();
        let is_unsettled = Cell::new(false);
        let together = |batch: &Batch<'_>, next: &mut Book| {
            let settled = self.letters.settle(batch, next);
            is_unsettled.set(settled.is_err());
            settled
        };
        let done = match self.transact_once(&book, &work, together) {
            Err(error) if is_unsettled.get() && !error.is_temporary() => {
                tracing::error!(%error, "letters cannot be told together");
                self.transact_once(&book, &work, one_by_one)
            }
            done => done,
        };
        let (done, next) = done?;
        *book = next;
        *self.due() = book.next;
        Ok(done)
    }

    /// Does `work` and then `settle` in one transaction, and returns the book as it is then.
    fn transact_once<T>(
        &self,
        book: &Book,
        work: impl Fn(&Batch<'_>, &mut Book) -> Result<T, StoreError>,
        settle: impl Fn(&Batch<'_>, &mut Book) -> Result<(), StoreError>,
    ) -> Result<(T, Book), StoreError> {
        // A panic may have left some of the last transaction.
        self.begun.settle(false);
        let done = self.store.write(|batch| {
            let mut next = book.clone();
            let done = work(batch, &mut next)?;
            settle(batch, &mut next)?;
            Ok((done, next))
        });
        self.begun.settle(done.is_ok());
        done
    }

    fn due(&self) -> MutexGuard<'_, Option<Moment>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A panic elsewhere leaves whole values here, so a poisoned lock is used on.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends what is held letter by letter.
fn one_by_one(batch: &Batch<'_>, book: &mut Book) -> Result<(), StoreError> {
    batch.release_all()?;
    book.held = Pools::default();
    book.next = None;
    Ok(())
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
