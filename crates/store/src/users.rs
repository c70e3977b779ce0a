use std::fmt;

use rusqlite::{OptionalExtension, Row, params};

use crate::row::{count, list_of_text, list_to_text, readable};
use crate::{Batch, Store, StoreError};

/// The most users that may be made.
pub const MAX_USERS: usize = 1000;

/// A user that the program or the page made; those of the config are not here.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredUser {
    /// The name, which no other user has.
    pub name: String,
    /// The role, as the config writes it.
    pub role: String,
    /// The password's hash as a PHC string.
    pub password_hash: String,
    /// The matchers of the servers that the user sees.
    pub servers: Vec<String>,
}

impl fmt::Debug for StoredUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredUser")
            .field("name", &self.name)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Every stored user, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn users(&self) -> Result<Vec<StoredUser>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT name, role, password_hash, servers FROM user ORDER BY name";
            readable(connection.prepare_cached(sql)?.query_and_then([], user)?, "user")
        })
    }

    /// When the user's last report was written down, in milliseconds since 1970.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn last_report(&self, user: &str) -> Result<Option<i64>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT unix_ms FROM last_report WHERE user = ?1";
            let mut query = connection.prepare_cached(sql)?;
            Ok(query.query_row([user], |row| row.get(0)).optional()?)
        })
    }
}

impl Batch<'_> {
    /// Stores a user, in place of one with the same name.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] when there are [`MAX_USERS`] others, and otherwise when the database
    /// cannot be written.
    pub fn put_user(&self, user: &StoredUser) -> Result<(), StoreError> {
        let StoredUser { name, role, password_hash, servers } = user;
        let sql = "SELECT count(*) FROM user WHERE name <> ?1";
        let others = self.connection.query_row(sql, [name], |row| count(row, 0))?;
        if others >= MAX_USERS {
            return Err(StoreError::TooMany { what: "users", most: MAX_USERS });
        }
        let sql = "INSERT OR REPLACE INTO user (name, role, password_hash, servers) \
             VALUES (?1, ?2, ?3, ?4)";
        let values = params![name, role, password_hash, list_to_text(servers)];
        self.connection.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    /// Forgets a user, with the authenticator app and the tokens.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn remove_user(&self, name: &str) -> Result<(), StoreError> {
        self.connection.prepare_cached("DELETE FROM user WHERE name = ?1")?.execute([name])?;
        self.remove_totp(name)?;
        self.remove_api_tokens_of(name)
    }

    /// Remembers when the user's last report was written down.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn set_last_report(&self, user: &str, unix_ms: i64) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO last_report (user, unix_ms) VALUES (?1, ?2)";
        self.connection.prepare_cached(sql)?.execute(params![user, unix_ms])?;
        Ok(())
    }

    /// Writes down that the hub could write at a moment, in milliseconds since 1970.
    ///
    /// # Errors
    /// [`StoreError`] when it could not.
    pub fn beat(&self, unix_ms: i64) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO last_beat (one, unix_ms) VALUES (1, ?1)";
        self.connection.prepare_cached(sql)?.execute([unix_ms])?;
        Ok(())
    }
}

fn user(row: &Row<'_>) -> Result<StoredUser, StoreError> {
    Ok(StoredUser {
        name: row.get(0)?,
        role: row.get(1)?,
        password_hash: row.get(2)?,
        servers: list_of_text("user", &row.get::<_, String>(3)?)?,
    })
}
