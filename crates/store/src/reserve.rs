//! Room for the outbox that is taken before it is needed, so that a full disk stops no alarm.
//!
//! It is no file of its own that is deleted when the disk is full: what fills the disk would
//! take that room first. It is within `watchfire.db`, as pages that are in no use, and within
//! the log (WAL) beside it, which is written over from its beginning once all of it is in the
//! file. So nobody else can have it, and a commit needs nothing of the disk.
//!
//! A file system that never writes in place (btrfs, zfs) needs new room for each write, and the
//! reserve is none there. The log goes when the last process closes the database, and comes
//! back with the next call.

use std::fs;

use rusqlite::Connection;

use crate::{Batch, Store, StoreError};

/// What is kept in the file and once more in the log, in bytes: some five hundred letters with
/// all that is stored of them, and a log that is twice as long as when it is moved to the file.
pub const RESERVE_BYTES: u64 = 8 << 20;
/// What may be left of it before it is filled up again.
const LEAST_BYTES: u64 = RESERVE_BYTES / 2;

/// What of the reserve there is, in bytes.
#[derive(Debug, Clone, Copy)]
struct Reserve {
    /// Of the file's pages that are in no use.
    pages: u64,
    log: u64,
    /// True when all of the file's pages have their place on the disk.
    is_in_file: bool,
}

impl Store {
    /// Fills the reserve up when little of it is left, and says whether it is whole now: a
    /// reader that takes long may put that off. It writes [`RESERVE_BYTES`] twice when there is
    /// something to do, so it is for a disk that has plenty of room.
    ///
    /// # Errors
    /// [`StoreError::Full`] when there is no room for it, and what the disk refuses.
    pub fn keep_reserve(&self) -> Result<bool, StoreError> {
        let found = self.reserve()?;
        if found.pages < LEAST_BYTES || found.log < LEAST_BYTES {
            self.write(|batch| batch.take_and_let_go(RESERVE_BYTES))?;
        }
        if !self.reserve()?.is_in_file {
            self.checkpoint()?;
        }
        Ok(self.reserve()?.is_whole())
    }

    fn reserve(&self) -> Result<Reserve, StoreError> {
        let (free, all) = self.read(|connection| {
            let size = number(connection, "page_size")?;
            let free = number(connection, "freelist_count")?.saturating_mul(size);
            Ok((free, number(connection, "page_count")?.saturating_mul(size)))
        })?;
        let mut log = self.database().as_os_str().to_owned();
        log.push("-wal");
        let length = |path: &std::path::Path| {
            let found = fs::metadata(path).map(|found| found.len());
            found.map_err(|error| StoreError::Io { why: error.to_string() })
        };
        let (file, log) = (length(self.database())?, length(log.as_ref())?);
        Ok(Reserve { pages: free, log, is_in_file: file >= all })
    }
}

impl Reserve {
    fn is_whole(&self) -> bool {
        self.pages >= LEAST_BYTES && self.log >= LEAST_BYTES && self.is_in_file
    }
}

impl Batch<'_> {
    /// Takes pages for so many bytes and lets them go again. They are written all the same,
    /// because what is deleted is overwritten: into the log first and into the file later.
    fn take_and_let_go(&self, bytes: u64) -> Result<(), StoreError> {
        let sql = "INSERT INTO secret (name, value) VALUES ('reserve', zeroblob(?1))";
        self.connection.execute(sql, [i64::try_from(bytes).unwrap_or(i64::MAX)])?;
        self.connection.execute("DELETE FROM secret WHERE name = 'reserve'", [])?;
        Ok(())
    }
}

fn number(connection: &Connection, pragma: &str) -> Result<u64, StoreError> {
    let value: i64 = connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))?;
    Ok(value.unsigned_abs())
}
