use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};

use crate::connection::{check_sqlite, look_through, open_first, open_reader, open_writer};
use crate::{Batch, StoreError, folder};

/// How many reads run at once; a further one waits.
const READERS: usize = 4;

/// The hub's database. A clone is another handle on the same one.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    database: PathBuf,
    /// Empty after an error that ended the connection; the next write opens another.
    writer: Mutex<Option<Connection>>,
    /// All are open from the start: while one is, SQLite keeps its index of the
    /// WAL, and a transaction that failed cannot come back by recovery.
    readers: [Mutex<Option<Connection>>; READERS],
    next_reader: AtomicUsize,
    counters: Counters,
}

/// What went wrong or was left out since the store was opened.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    connections_ended: AtomicU64,
    pub(crate) timeline_left_out: AtomicU64,
}

impl Store {
    /// Opens the database in `folder`, and makes both if they are not there.
    ///
    /// # Errors
    /// [`StoreError::Folder`] when the folder cannot be used,
    /// [`StoreError::NewerFormat`] and [`StoreError::Foreign`] when the file is
    /// not for this release, [`StoreError::Damaged`] when it is damaged. The
    /// file is not changed in these cases.
    pub fn open(folder: &Path) -> Result<Store, StoreError> {
        check_sqlite()?;
        let folder = folder::prepare(folder)?;
        let writer = open_first(&folder.database)?;
        let mut readers = [const { Mutex::new(None) }; READERS];
        for slot in &mut readers {
            *slot = Mutex::new(Some(open_reader(&folder.database)?));
        }
        Ok(Store(Arc::new(Inner {
            database: folder.database.clone(),
            writer: Mutex::new(Some(writer)),
            readers,
            next_reader: AtomicUsize::new(0),
            counters: Counters::default(),
        })))
    }

    /// Does `work` in one transaction. When this returns `Ok`, all of it is on
    /// the disk; otherwise none of it is seen by any reader. Writers wait for
    /// each other.
    ///
    /// # Errors
    /// What `work` returned, or why the transaction could not begin or be
    /// committed. After [`StoreError::Io`] and [`StoreError::Damaged`], and
    /// after any failed commit, the writer's connection is closed, and the next
    /// call opens another.
    pub fn write<R>(
        &self,
        work: impl FnOnce(&Batch<'_>) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let mut slot = lock(&self.0.writer);
        let connection = present(&mut slot, || open_writer(&self.0.database))?;
        match transact(connection, &self.0.counters, work) {
            Ok(result) => Ok(result),
            Err(failure) => {
                if failure.at_commit || failure.error.ends_connection() {
                    self.end_connection(&mut slot, &failure.error);
                }
                Err(failure.error)
            }
        }
    }

    /// Looks through the whole database for damage. It reads every page, so it
    /// is for an operator who asks, not for every start.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with the first thing that was found.
    pub fn check(&self) -> Result<(), StoreError> {
        self.read(|connection| look_through(connection, true))
    }

    /// How many connections were closed after an error of the disk.
    #[must_use]
    pub fn connections_ended(&self) -> u64 {
        self.0.counters.connections_ended.load(Ordering::Relaxed)
    }

    /// How many timeline entries were left out because their incident had
    /// [`MAX_TIMELINE`](crate::MAX_TIMELINE) already.
    #[must_use]
    pub fn timeline_left_out(&self) -> u64 {
        self.0.counters.timeline_left_out.load(Ordering::Relaxed)
    }

    /// Does `work` on one snapshot of the database.
    pub(crate) fn read<R>(
        &self,
        work: impl FnOnce(&Connection) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let mut slot = self.free_reader();
        let connection = present(&mut slot, || open_reader(&self.0.database))?;
        let read = snapshot(connection, work);
        if let Err(error) = &read
            && error.ends_connection()
        {
            self.end_connection(&mut slot, error);
        }
        read
    }

    /// A reader that nobody uses, or else the next one in turn once it is free.
    fn free_reader(&self) -> MutexGuard<'_, Option<Connection>> {
        let first = self.0.next_reader.fetch_add(1, Ordering::Relaxed) % READERS;
        let in_turn = (first..READERS).chain(0..first);
        for slot in in_turn.map(|number| &self.0.readers[number]) {
            match slot.try_lock() {
                Ok(guard) => return guard,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        lock(&self.0.readers[first])
    }

    fn end_connection(&self, slot: &mut Option<Connection>, error: &StoreError) {
        self.0.counters.connections_ended.fetch_add(1, Ordering::Relaxed);
        tracing::error!(%error, "a connection to the database is closed after an error");
        if let Some(connection) = slot.take() {
            // A disk that just failed is no place to move pages about.
            let kept = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
            if let Err(error) = kept {
                tracing::warn!(%error, "the database is checkpointed as its connection closes");
            }
        }
    }
}

/// A thread that panicked while it held the lock left a connection whose
/// transaction was rolled back as it unwound, so the connection is good.
fn lock(slot: &Mutex<Option<Connection>>) -> MutexGuard<'_, Option<Connection>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

fn present(
    slot: &mut Option<Connection>,
    open: impl FnOnce() -> Result<Connection, StoreError>,
) -> Result<&mut Connection, StoreError> {
    if slot.is_none() {
        *slot = Some(open()?);
    }
    Ok(slot.as_mut().expect("it was filled just now if it was empty"))
}

struct Failure {
    error: StoreError,
    at_commit: bool,
}

fn transact<R>(
    connection: &mut Connection,
    counters: &Counters,
    work: impl FnOnce(&Batch<'_>) -> Result<R, StoreError>,
) -> Result<R, Failure> {
    let early = |error| Failure { error, at_commit: false };
    // Dropped before its commit, the transaction is rolled back.
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|error| early(error.into()))?;
    let result = work(&Batch::new(&transaction, counters)).map_err(early)?;
    transaction.commit().map_err(|error| Failure { error: error.into(), at_commit: true })?;
    Ok(result)
}

fn snapshot<R>(
    connection: &mut Connection,
    work: impl FnOnce(&Connection) -> Result<R, StoreError>,
) -> Result<R, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let result = work(&transaction)?;
    transaction.commit()?;
    Ok(result)
}

#[cfg(test)]
mod tests;
