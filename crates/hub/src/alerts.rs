//! Alerts that fire become incidents, and people are told of them.
//!
//! This is a desk of its own beside that of presence: it shares with that neither a lock nor a
//! lane of the outbox, so that no alert can hold up the word that a server is down.

mod active;
mod book;
mod change;
mod known;
mod look;
mod news;
mod returns;
mod route;
mod share;
mod subject;
mod take;
mod take_up;
mod tell;
mod tended;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use watchfire_alert::Recipient;
use watchfire_model::LabelSet;
use watchfire_runtime::task;
use watchfire_store::{Store, StoreError};

use crate::ack_links::AckLinks;
use crate::events::Events;
use crate::fleet::Fleet;
use crate::muting::Muting;
use crate::wording::Wording;
pub(crate) use active::Active;
pub(crate) use book::Alert as ActiveAlert;
use book::Book;
pub(crate) use returns::Returns;
pub(crate) use share::{Poster, Taken};
pub(crate) use subject::{NAMING, labels_of, server_of};

/// All alerts of one source that fire at a moment.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    /// `rules/FILE/GROUP`, or `api`.
    pub(crate) source: String,
    /// What fires.
    pub(crate) alerts: Vec<Firing>,
    /// What is not named is over.
    pub(crate) is_whole: bool,
    /// When that was so, in milliseconds since 1970.
    pub(crate) at_ms: i64,
    /// The alerts that the source's rules can give, by name, where it has rules: one of another
    /// name is over because its rule was removed.
    pub(crate) rules: Option<BTreeSet<String>>,
    /// A round of the source that was made before another one, and comes after it, is not taken.
    pub(crate) order: u64,
    /// Who says so, where several share the source.
    pub(crate) poster: Option<Poster>,
}

/// An alert that fires.
#[derive(Debug, Clone)]
pub(crate) struct Firing {
    /// Its labels, `alertname` among them.
    pub(crate) labels: LabelSet,
    /// What is said of it.
    pub(crate) annotations: Vec<(String, String)>,
    /// The value that made it fire.
    pub(crate) value: Option<f64>,
    /// Since when, in milliseconds since 1970.
    pub(crate) starts_ms: i64,
    /// Over then, unless it is named again before.
    pub(crate) ends_ms: Option<i64>,
    /// Where it comes from.
    pub(crate) generator_url: String,
}

/// How the desk of alerts does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AlertCounts {
    /// Alerts that fire.
    pub(crate) firing: usize,
    /// What users are still to be told of them, muted or not.
    pub(crate) untold: usize,
    /// Letters that were written down since the start.
    pub(crate) letters: u64,
    /// Alerts that were left out since the start: there were too many, or they were too large.
    pub(crate) left_out: u64,
    /// Changes that could not be stored in any way since the start.
    pub(crate) not_stored: u64,
}

/// Why a round is not stored. Nothing of it is lost when it comes again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TakeError {
    /// The store does not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The work itself failed.
    #[error("{0}")]
    Failed(String),
}

impl TakeError {
    /// True when it may be tried again with success.
    pub(crate) fn is_temporary(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_temporary())
    }
}

/// What the desk works with.
pub(crate) struct Tools {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) store: Store,
    pub(crate) recipients: Vec<Recipient>,
    pub(crate) muting: Arc<Muting>,
    pub(crate) events: Events,
    /// Wakes the courier.
    pub(crate) courier: Arc<Notify>,
    pub(crate) public_url: String,
    /// The links by which users acknowledge.
    pub(crate) ack_links: Option<Arc<AckLinks>>,
    /// Keeps the Message-IDs of two hubs apart.
    pub(crate) hub_id: String,
    pub(crate) wording: Wording,
}

/// The alert desk: the only writer of incidents of alerts.
pub(crate) struct AlertDesk {
    tools: Tools,
    /// What the store holds; `None` until it was read.
    book: Mutex<Option<Book>>,
    /// The same for those who only look: it is never locked while the disk is written.
    shown: Mutex<Book>,
    /// There is something new to tell, or a time has changed.
    woken: Notify,
    /// Alerts that were left out: there are too many, or they are too large.
    left_out: AtomicU64,
    /// Changes that could not be stored in any way.
    not_stored: AtomicU64,
    /// Letters that were written down.
    letters: AtomicU64,
    /// Which servers were away of late.
    returns: Arc<Returns>,
    sight: Mutex<known::Sight>,
    /// The last round of each source that was taken.
    orders: Mutex<HashMap<String, u64>>,
    /// What the next transactions end with instead, for tests.
    #[cfg(test)]
    faults: Mutex<std::collections::VecDeque<StoreError>>,
}

impl AlertDesk {
    pub(crate) fn new(tools: Tools) -> Self {
        let started = tools.fleet.now();
        Self {
            tools,
            book: Mutex::default(),
            shown: Mutex::default(),
            woken: Notify::new(),
            left_out: AtomicU64::new(0),
            not_stored: AtomicU64::new(0),
            letters: AtomicU64::new(0),
            returns: Arc::default(),
            sight: Mutex::new(known::Sight::new(started)),
            orders: Mutex::default(),
            #[cfg(test)]
            faults: Mutex::default(),
        }
    }

    /// The same desk, that knows which servers came back.
    pub(crate) fn with_returns(mut self, returns: Arc<Returns>) -> Self {
        self.returns = returns;
        self
    }

    /// Takes over what a source says. When this returns without an error, all of it is on the
    /// disk, with what is to be told of it, but for what there is no room for: that is counted.
    ///
    /// # Errors
    /// [`TakeError`] says why not all of it is stored; when it comes again, what is missing is
    /// made up for.
    pub(crate) async fn take(self: &Arc<Self>, round: Round) -> Result<Taken, TakeError> {
        let desk = self.clone();
        let work = task::blocking("alerts", move || desk.take_now(&round));
        let taken = work.await.map_err(|failed| TakeError::Failed(failed.to_string()))??;
        self.woken.notify_one();
        Ok(taken)
    }

    /// What fires now. It costs next to nothing, for it shares all with the desk.
    pub(crate) fn active(&self) -> Active {
        Active::new(self.shown())
    }

    /// Why nobody is told of an alert now.
    pub(crate) fn muted(&self, id: i64) -> Option<String> {
        self.shown().alerts.get(&id)?.muted.as_ref().map(|why| why.to_string())
    }

    /// What fires by source, from the store where it was not read yet: a source that is no more wants
    /// an empty whole round, and one that has forgotten something is told.
    ///
    /// # Errors
    /// [`TakeError`] when the store cannot be read.
    pub(crate) async fn by_source(
        self: &Arc<Self>,
    ) -> Result<BTreeMap<String, Vec<Firing>>, TakeError> {
        let desk = self.clone();
        let work = task::blocking("alerts by source", move || desk.by_source_now());
        Ok(work.await.map_err(|failed| TakeError::Failed(failed.to_string()))??)
    }

    fn by_source_now(&self) -> Result<BTreeMap<String, Vec<Firing>>, StoreError> {
        let mut slot = self.lock();
        Ok(self.loaded(&mut slot)?.firing_by_source())
    }

    /// How the desk does.
    pub(crate) fn counts(&self) -> AlertCounts {
        let shown = self.shown();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        AlertCounts {
            firing: shown.alerts.values().filter(|alert| alert.fires()).count(),
            untold: shown.news.values().map(|pool| pool.size()).sum(),
            letters: count(&self.letters),
            left_out: count(&self.left_out),
            not_stored: count(&self.not_stored),
        }
    }

    fn shown(&self) -> Book {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A panic elsewhere leaves whole values here, so a poisoned lock is used on.
    fn lock(&self) -> MutexGuard<'_, Option<Book>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
