//! One writer and a few readers on one database file.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};

use crate::StoreError;
use crate::connection::{Kind, open_first, open_reader, open_writer, prepare_sqlite};

/// How many reads run at once; a further one waits.
pub(crate) const READERS: usize = 4;

#[derive(Debug)]
pub(crate) struct Connections {
    database: PathBuf,
    kind: Kind,
    /// All are open from the start: while one is, SQLite keeps its index of the
    /// WAL, and a transaction that failed cannot come back by recovery.
    pub(crate) readers: [Mutex<Option<Connection>>; READERS],
    /// Empty after an error that ended the connection; the next write opens
    /// another. It is declared, and so closed, after the readers: the last one to
    /// close writes the WAL back, which a reader cannot.
    pub(crate) writer: Mutex<Option<Connection>>,
    next_reader: AtomicUsize,
    ended: AtomicU64,
    /// How often a write found no room on the disk.
    full: AtomicU64,
    /// How often another file took the place of the first one.
    generation: AtomicU64,
}

impl Connections {
    /// Opens the file for the first time in this process.
    pub(crate) fn open(database: PathBuf, kind: Kind) -> Result<Self, StoreError> {
        prepare_sqlite()?;
        let writer = open_first(&database, &kind)?;
        let mut readers = [const { Mutex::new(None) }; READERS];
        for slot in &mut readers {
            *slot = Mutex::new(Some(open_reader(&database)?));
        }
        Ok(Self {
            database,
            kind,
            readers,
            writer: Mutex::new(Some(writer)),
            next_reader: AtomicUsize::new(0),
            ended: AtomicU64::new(0),
            full: AtomicU64::new(0),
            generation: AtomicU64::new(0),
        })
    }

    /// Where the file is.
    pub(crate) fn database(&self) -> &std::path::Path {
        &self.database
    }

    /// How many connections were closed after an error of the disk.
    pub(crate) fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }

    /// How often a write found no room on the disk.
    pub(crate) fn full(&self) -> u64 {
        self.full.load(Ordering::Relaxed)
    }

    /// Does `work` in one transaction: all of it is on the disk, or none.
    pub(crate) fn write<R>(
        &self,
        work: impl FnOnce(&Connection) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let mut slot = lock(&self.writer);
        let connection = present(&mut slot, || open_writer(&self.database, &self.kind))?;
        match transact(connection, work) {
            Ok(result) => Ok(result),
            Err(failure) => {
                self.full
                    .fetch_add(u64::from(failure.error == StoreError::Full), Ordering::Relaxed);
                if failure.at_commit || failure.error.ends_connection() {
                    self.end(&mut slot, &failure.error);
                }
                Err(failure.error)
            }
        }
    }

    /// Moves what is in the log (WAL) to its place in the file, as far as readers let it be.
    pub(crate) fn checkpoint(&self) -> Result<(), StoreError> {
        let mut slot = lock(&self.writer);
        let connection = present(&mut slot, || open_writer(&self.database, &self.kind))?;
        Ok(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?)
    }

    /// Moves all that is in the log (WAL) to its place in the file, and empties it. What another
    /// process still reads stays until that has ended.
    pub(crate) fn empty_log(&self) -> Result<(), StoreError> {
        let mut slot = lock(&self.writer);
        let connection = present(&mut slot, || open_writer(&self.database, &self.kind))?;
        let emptied = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        emptied.map_err(|error| {
            let error = error.into();
            self.end(&mut slot, &error);
            error
        })
    }

    /// Does `work` on one snapshot of the database.
    pub(crate) fn read<R>(
        &self,
        work: impl FnOnce(&Connection) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let mut slot = self.free_reader();
        let connection = present(&mut slot, || open_reader(&self.database))?;
        let read = snapshot(connection, work);
        if let Err(error) = &read
            && error.ends_connection()
        {
            self.end(&mut slot, error);
        }
        read
    }

    /// How often another file took the place of the first one.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Closes all connections, lets `renew` put another file in the place of
    /// this one, and opens that. When it fails, the next write tries to open
    /// what is there. Nothing is done when the file is not that of `generation`
    /// any more: another writer met the same damage and was quicker, and what is
    /// in the fresh file may be acknowledged.
    pub(crate) fn replace(
        &self,
        generation: u64,
        renew: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut writer = lock(&self.writer);
        if self.generation() != generation {
            return Ok(());
        }
        let mut readers: Vec<_> = self.readers.iter().map(lock).collect();
        for slot in readers.iter_mut().map(|slot| &mut **slot).chain([&mut *writer]) {
            close(slot);
        }
        renew()?;
        self.generation.store(generation + 1, Ordering::Release);
        *writer = Some(open_first(&self.database, &self.kind)?);
        for slot in &mut readers {
            **slot = Some(open_reader(&self.database)?);
        }
        Ok(())
    }

    /// A reader that nobody uses, or else the next one in turn once it is free.
    fn free_reader(&self) -> MutexGuard<'_, Option<Connection>> {
        let first = self.next_reader.fetch_add(1, Ordering::Relaxed) % READERS;
        let in_turn = (first..READERS).chain(0..first);
        for slot in in_turn.map(|number| &self.readers[number]) {
            match slot.try_lock() {
                Ok(guard) => return guard,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        lock(&self.readers[first])
    }

    fn end(&self, slot: &mut Option<Connection>, error: &StoreError) {
        self.ended.fetch_add(1, Ordering::Relaxed);
        tracing::error!(
            %error, database = %self.database.display(),
            "a connection to the database is closed after an error"
        );
        close(slot);
    }
}

/// A disk that just failed is no place to move pages about, so the connection
/// closes without a checkpoint.
fn close(slot: &mut Option<Connection>) {
    if let Some(connection) = slot.take() {
        let kept = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        if let Err(error) = kept {
            tracing::warn!(%error, "the database is checkpointed as its connection closes");
        }
    }
}

/// A thread that panicked while it held the lock left a connection whose
/// transaction was rolled back as it unwound, so the connection is good.
pub(crate) fn lock(slot: &Mutex<Option<Connection>>) -> MutexGuard<'_, Option<Connection>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn present(
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
    work: impl FnOnce(&Connection) -> Result<R, StoreError>,
) -> Result<R, Failure> {
    let early = |error| Failure { error, at_commit: false };
    // Dropped before its commit, the transaction is rolled back.
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|error| early(error.into()))?;
    let result = work(&transaction).map_err(early)?;
    transaction.commit().map_err(|error| Failure { error: error.into(), at_commit: true })?;
    Ok(result)
}

fn snapshot<R>(
    connection: &mut Connection,
    work: impl FnOnce(&Connection) -> Result<R, StoreError>,
) -> Result<R, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let result = work(&transaction)?;
    // There is nothing to commit, and a commit would fail with the damage that a statement met,
    // even where the work went on without what is damaged.
    transaction.rollback()?;
    Ok(result)
}
