use rusqlite::{Connection, OptionalExtension, params};

use crate::{Batch, Store, StoreError};

impl Store {
    /// The secret of that name, such as the key that tokens are signed with.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|connection| select(connection, name))
    }
}

impl Batch<'_> {
    /// The secret of that name, as this transaction sees it: to make one only
    /// if no other process has made it meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        select(self.connection, name)
    }

    /// Stores a secret, in place of one with the same name.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn put_secret(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        put(self.connection, name, value)
    }
}

pub(crate) fn put(connection: &Connection, name: &str, value: &[u8]) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO secret (name, value) VALUES (?1, ?2)";
    connection.prepare_cached(sql)?.execute(params![name, value])?;
    Ok(())
}

pub(crate) fn select(connection: &Connection, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let mut query = connection.prepare_cached("SELECT value FROM secret WHERE name = ?1")?;
    Ok(query.query_row([name], |row| row.get(0)).optional()?)
}
