//! Transitions become incidents and notifications, in one transaction.

mod book;
mod correct;
mod cut;
mod due;
mod flaps;
mod gone;
mod letters;
mod plain;
mod run;
mod step;
mod take_up;
mod tell;

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use watchfire_alert::{Recipient, incident_step};
use watchfire_api::hub::IncidentRow;
use watchfire_model::{Incident, IncidentState, Moment, ServerName, Transition};
use watchfire_store::{Batch, Store, StoreError};

use crate::courier::Begun;
use crate::events::{Event, Events};
use crate::fleet::{CutNews, Fleet};
use book::{Book, Pools};
use letters::Letters;

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
            #[cfg(test)]
            faults: Mutex::default(),
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
                book.held = Pools::default();
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
