//! Who did what on this hub: every login, every change and every command, in a chain of lines in
//! the store of which each holds the hash of the one before.
//!
//! A change that has a transaction of its own puts its line into that ([`Audit::add`]), so that
//! there is no change without one. Everything else is recorded when it is done.

mod pace;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) use watchfire_identity::audit::AuditEntry;
use watchfire_identity::audit::{AuditLine, Head, TRIMMED};
use watchfire_model::Moment;
use watchfire_runtime::{Clock, task};
use watchfire_store::{Batch, MAX_AUDIT_ROWS, Store, StoreError};

use pace::Pace;

/// Logins of one user that have a line of their own, in a minute.
const LOGINS: u32 = 20;
/// Changes of one user in a minute.
const CHANGES: u32 = 300;

/// The audit of a hub. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Audit {
    store: Store,
    clock: Clock,
    refused: Arc<Mutex<Pace>>,
    /// Logins and changes of each user: as many as there are users.
    of_users: Arc<Mutex<HashMap<String, [Pace; 2]>>>,
}

impl Audit {
    pub(crate) fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, refused: Arc::default(), of_users: Arc::default() }
    }

    /// Records what happened, or says why that cannot be: who is about to do something then
    /// should not.
    pub(crate) async fn record(&self, entry: AuditEntry) -> Result<(), StoreError> {
        let (store, now) = (self.store.clone(), self.clock.now());
        let write = move || store.write(|batch| Self::add(batch, &entry, now));
        let written = task::blocking("record in the audit", write).await;
        written.unwrap_or_else(|error| Err(StoreError::Io { why: error.to_string() }))
    }

    /// The same for what is done already: it can only be said in the log that it is not recorded.
    pub(crate) async fn note(&self, entry: AuditEntry) {
        let words = format!("{} {} {}", entry.who, entry.action, entry.object);
        if let Err(error) = self.record(entry).await {
            tracing::error!(%error, entry = ?words, "the audit cannot be written");
        }
    }

    /// The same for what strangers can do as often as they like: of more than a few a minute only
    /// the number is told.
    pub(crate) async fn note_refused(&self, mut entry: AuditEntry) {
        let now = self.clock.now();
        let taken = self.refused.lock().unwrap_or_else(PoisonError::into_inner).take(now);
        if let Some(left_out) = taken {
            if left_out > 0 {
                entry.detail = format!("{left_out} more were refused before; {}", entry.detail);
            }
            self.note(entry).await;
        }
    }

    /// The same for logins: of more than a few a minute of one user only the number is told, so
    /// that nobody who may log in can drive older lines out by it.
    pub(crate) async fn note_login(&self, mut entry: AuditEntry) {
        let now = self.clock.now();
        let taken = self.paces(&entry.who, |[logins, _]| logins.take_of(LOGINS, now));
        if let Some(left_out) = taken {
            if left_out > 0 {
                entry.detail = format!("{left_out} more before; {}", entry.detail);
            }
            self.note(entry).await;
        }
    }

    /// False when a user changes more in a minute than has lines in here: what has no line is not
    /// to be done.
    pub(crate) fn has_place_for_change(&self, who: &str) -> bool {
        let now = self.clock.now();
        self.paces(who, |[_, changes]| changes.take_of(CHANGES, now)).is_some()
    }

    fn paces<T>(&self, who: &str, take: impl FnOnce(&mut [Pace; 2]) -> T) -> T {
        let mut of_users = self.of_users.lock().unwrap_or_else(PoisonError::into_inner);
        take(of_users.entry(who.to_owned()).or_default())
    }

    /// Records as part of a transaction.
    pub(crate) fn add(
        batch: &Batch<'_>,
        entry: &AuditEntry,
        now: Moment,
    ) -> Result<(), StoreError> {
        Self::add_within(batch, entry, now, MAX_AUDIT_ROWS)
    }

    fn add_within(
        batch: &Batch<'_>,
        entry: &AuditEntry,
        now: Moment,
        most: u64,
    ) -> Result<(), StoreError> {
        let head = match batch.last_of_audit()? {
            Some(line) => head_of(&line)?,
            None => Head::START,
        };
        let (line, head) = head.next(entry, now.unix_ms);
        batch.append_audit(head.seq, &line)?;
        if let Some(last) = batch.audit_to_trim(most)? {
            let through = head_of(&last)?;
            let trimmed = AuditEntry {
                who: "watchfire".to_owned(),
                action: TRIMMED.to_owned(),
                object: through.to_string(),
                outcome: "ok".to_owned(),
                ..AuditEntry::default()
            };
            let (line, head) = head.next(&trimmed, now.unix_ms);
            batch.append_audit(head.seq, &line)?;
            batch.trim_audit(through.seq)?;
        }
        Ok(())
    }

    /// Lines after the number `after`, oldest first.
    pub(crate) async fn after(&self, after: u64, most: usize) -> Result<Vec<String>, StoreError> {
        self.blocking(move |store| store.audit_after(after, most)).await
    }

    /// The number of the newest line.
    pub(crate) async fn length(&self) -> Result<u64, StoreError> {
        self.blocking(Store::audit_length).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.store.clone();
        let done = task::blocking("read the audit", move || work(&store)).await;
        done.unwrap_or_else(|error| Err(StoreError::Io { why: error.to_string() }))
    }
}

/// Where the chain ended with this line. What was changed in it is for `watchfire audit verify`
/// to find: the next line holds what the line itself says, so it is found there.
fn head_of(line: &str) -> Result<Head, StoreError> {
    let unreadable = || StoreError::Unreadable {
        what: "audit",
        why: "its last row was changed by somebody: see `watchfire audit verify`".to_owned(),
    };
    let read = AuditLine::read(line).ok_or_else(unreadable)?;
    format!("{}:{}", read.seq, read.hash).parse().map_err(|_| unreadable())
}

#[cfg(test)]
mod tests;
