use rusqlite::Connection;

use crate::StoreError;
use crate::store::Counters;

/// One transaction under way. What is written through it becomes durable, all
/// of it or none, when [`Store::write`](crate::Store::write) returns.
#[derive(Debug)]
pub struct Batch<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) counters: &'a Counters,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(connection: &'a Connection, counters: &'a Counters) -> Self {
        Self { connection, counters }
    }

    /// Does a part of the transaction that can be done without: when it fails, what it
    /// wrote is undone, and the rest of the transaction stands.
    ///
    /// # Errors
    /// What `work` returned; [`StoreError`] when it cannot be begun, ended or undone.
    pub fn attempt<R>(
        &self,
        work: impl FnOnce() -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        self.connection.execute_batch("SAVEPOINT attempt")?;
        let done = work();
        let end = match done {
            Ok(_) => "RELEASE attempt",
            Err(_) => "ROLLBACK TO attempt; RELEASE attempt",
        };
        let ended = self.connection.execute_batch(end);
        // A full disk may have undone all of the transaction, and the attempt with it:
        // what the work says is what the caller must know.
        let value = done?;
        ended?;
        Ok(value)
    }
}
