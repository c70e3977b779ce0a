use std::path::PathBuf;

use rusqlite::Connection;

use crate::StoreError;
use crate::connection::open_reader;
use crate::connections::present;

/// A connection that never writes, and so is told of every commit of others.
#[derive(Debug)]
pub(crate) struct Watcher {
    database: PathBuf,
    connection: Option<Connection>,
    /// What SQLite said last. It compares only within one connection.
    seen: Option<i64>,
    version: u64,
}

impl Watcher {
    pub(crate) fn new(database: PathBuf) -> Result<Self, StoreError> {
        let mut watcher = Self { database, connection: None, seen: None, version: 0 };
        watcher.version()?;
        Ok(watcher)
    }

    /// One more than before if anybody wrote meanwhile.
    pub(crate) fn version(&mut self) -> Result<u64, StoreError> {
        let connection = present(&mut self.connection, || open_reader(&self.database))?;
        let read = connection
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut query| query.query_row([], |row| row.get::<_, i64>(0)));
        let found = match read {
            Ok(found) => found,
            Err(error) => {
                // What was written while nothing could be read counts as a change.
                self.connection = None;
                self.seen = None;
                return Err(error.into());
            }
        };
        if self.seen != Some(found) {
            self.seen = Some(found);
            self.version += 1;
        }
        Ok(self.version)
    }
}
