use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use crate::connection::open_to_look;
use crate::{Batch, Store, StoreError, folder, migrations};

/// How many lines of the audit are kept.
pub const MAX_AUDIT_ROWS: u64 = 200_000;
/// The most lines that are read at a time.
pub const MAX_AUDIT_PAGE: usize = 1000;

/// Lines of the audit in the data folder `folder` after the number `after`, oldest first, at most
/// [`MAX_AUDIT_PAGE`], and the number of the newest one. A hub may have it open or not, and
/// nothing is changed.
///
/// # Errors
/// [`StoreError`] when there is no such database, it is another release's, or cannot be read.
pub fn audit_in(folder: &Path, after: u64) -> Result<(Vec<String>, u64), StoreError> {
    let connection = open_to_look(&folder::store_file(folder))?;
    migrations::check(&connection, &migrations::WATCHFIRE)?;
    if !migrations::check_version(&connection, &migrations::WATCHFIRE)? {
        let why = "it is of an older release: start its hub once".to_owned();
        return Err(StoreError::Unreadable { what: "audit", why });
    }
    Ok((lines(&connection, after, MAX_AUDIT_PAGE)?, newest(&connection)?))
}

impl Store {
    /// Lines of the audit after the number `after`, oldest first, at most `most` and
    /// [`MAX_AUDIT_PAGE`].
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn audit_after(&self, after: u64, most: usize) -> Result<Vec<String>, StoreError> {
        self.read(|connection| lines(connection, after, most))
    }

    /// The number of the newest line of the audit; 0 when there is none.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn audit_length(&self) -> Result<u64, StoreError> {
        self.read(newest)
    }
}

impl Batch<'_> {
    /// The newest line of the audit.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn last_of_audit(&self) -> Result<Option<String>, StoreError> {
        let sql = "SELECT line FROM audit ORDER BY seq DESC LIMIT 1";
        Ok(self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?)
    }

    /// Adds a line to the audit, as part of whatever else this batch writes.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written, or there is a line with that number.
    pub fn append_audit(&self, seq: u64, line: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO audit (seq, line) VALUES (?1, ?2)";
        self.connection.prepare_cached(sql)?.execute(params![number(seq), line])?;
        Ok(())
    }

    /// The line that would be the last to go if no more than `most` lines were kept, and a tenth
    /// less, so that this is seldom; `None` while there are not more.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn audit_to_trim(&self, most: u64) -> Result<Option<String>, StoreError> {
        let kept = number(most - most / 10);
        let sql = "SELECT line FROM audit WHERE seq = (SELECT max(seq) - ?1 FROM audit) \
             AND (SELECT max(seq) FROM audit) - (SELECT min(seq) FROM audit) >= ?2";
        let mut query = self.connection.prepare_cached(sql)?;
        let line = query.query_row([kept, number(most)], |row| row.get(0));
        Ok(line.optional()?)
    }

    /// Deletes the lines up to this number.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn trim_audit(&self, through: u64) -> Result<(), StoreError> {
        let sql = "DELETE FROM audit WHERE seq <= ?1";
        self.connection.prepare_cached(sql)?.execute([number(through)])?;
        Ok(())
    }
}

fn lines(connection: &Connection, after: u64, most: usize) -> Result<Vec<String>, StoreError> {
    let most = i64::try_from(most.min(MAX_AUDIT_PAGE)).unwrap_or(i64::MAX);
    let sql = "SELECT line FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    let mut query = connection.prepare_cached(sql)?;
    Ok(query.query_map([number(after), most], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

fn newest(connection: &Connection) -> Result<u64, StoreError> {
    let sql = "SELECT coalesce(max(seq), 0) FROM audit";
    let newest: i64 = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(newest.unsigned_abs())
}

fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
