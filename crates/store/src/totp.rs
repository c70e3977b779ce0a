//! The authenticator apps of users, and the codes that stand in for them.

use std::fmt;

use rusqlite::{Row, params};

use crate::row::readable;
use crate::{Batch, Store, StoreError};

/// The authenticator app of a user.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredTotp {
    /// Whose it is.
    pub user: String,
    /// What the app knows, in base32.
    pub secret: String,
    /// Since when, in milliseconds since 1970.
    pub since_unix_ms: i64,
    /// The step of the last code that opened.
    pub last_step: u64,
}

impl fmt::Debug for StoredTotp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredTotp").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Store {
    /// All of them, by user.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn totps(&self) -> Result<Vec<StoredTotp>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT user, secret, since_unix_ms, last_step FROM totp ORDER BY user";
            readable(connection.prepare_cached(sql)?.query_and_then([], totp)?, "totp")
        })
    }

    /// That of one user.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn totp(&self, user: &str) -> Result<Option<StoredTotp>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT user, secret, since_unix_ms, last_step FROM totp WHERE user = ?1";
            let mut query = connection.prepare_cached(sql)?;
            query.query_and_then([user], totp)?.next().transpose()
        })
    }

    /// The hashes of the user's recovery codes that are left.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn recovery_codes(&self, user: &str) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT hash FROM recovery_code WHERE user = ?1";
            let mut query = connection.prepare_cached(sql)?;
            Ok(query.query_map([user], |row| row.get(0))?.collect::<Result<_, _>>()?)
        })
    }
}

impl Batch<'_> {
    /// Stores the app of a user and the hashes of the recovery codes, in place of others.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn put_totp(&self, totp: &StoredTotp, recovery: &[String]) -> Result<(), StoreError> {
        let StoredTotp { user, secret, since_unix_ms, last_step } = totp;
        self.remove_totp(user)?;
        let sql = "INSERT INTO totp (user, secret, since_unix_ms, last_step) \
             VALUES (?1, ?2, ?3, ?4)";
        let values = params![user, secret, since_unix_ms, as_column(*last_step)];
        self.connection.prepare_cached(sql)?.execute(values)?;
        let sql = "INSERT INTO recovery_code (user, hash) VALUES (?1, ?2)";
        let mut insert = self.connection.prepare_cached(sql)?;
        recovery.iter().try_for_each(|hash| Ok(insert.execute(params![user, hash]).map(drop)?))
    }

    /// Takes note that the code of a step opened; false when that one or a later one did before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn use_totp_step(&self, user: &str, step: u64) -> Result<bool, StoreError> {
        let sql = "UPDATE totp SET last_step = ?2 WHERE user = ?1 AND last_step < ?2";
        let values = params![user, as_column(step)];
        Ok(self.connection.prepare_cached(sql)?.execute(values)? == 1)
    }

    /// Forgets a recovery code that opened; false when it was used before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn use_recovery_code(&self, user: &str, hash: &str) -> Result<bool, StoreError> {
        let sql = "DELETE FROM recovery_code WHERE user = ?1 AND hash = ?2";
        Ok(self.connection.prepare_cached(sql)?.execute([user, hash])? == 1)
    }

    /// Forgets the app of a user, with the recovery codes; false when there was none.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn remove_totp(&self, user: &str) -> Result<bool, StoreError> {
        let sql = "DELETE FROM recovery_code WHERE user = ?1";
        self.connection.prepare_cached(sql)?.execute([user])?;
        let sql = "DELETE FROM totp WHERE user = ?1";
        Ok(self.connection.prepare_cached(sql)?.execute([user])? == 1)
    }
}

fn as_column(step: u64) -> i64 {
    i64::try_from(step).unwrap_or(i64::MAX)
}

fn totp(row: &Row<'_>) -> Result<StoredTotp, StoreError> {
    Ok(StoredTotp {
        user: row.get(0)?,
        secret: row.get(1)?,
        since_unix_ms: row.get(2)?,
        last_step: u64::try_from(row.get::<_, i64>(3)?).unwrap_or(u64::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(user: &str) -> StoredTotp {
        let (user, secret) = (user.to_owned(), "GEZDGNBV".to_owned());
        StoredTotp { user, secret, since_unix_ms: 7, last_step: 41 }
    }

    #[test]
    fn a_step_and_a_recovery_code_open_once_over_a_restart_too() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let codes = ["one".to_owned(), "two".to_owned()];
        store.write(|batch| batch.put_totp(&of("ann"), &codes)).unwrap();
        store.write(|batch| batch.put_totp(&of("bob"), &codes)).unwrap();
        let step =
            |store: &Store, step| store.write(|batch| batch.use_totp_step("ann", step)).unwrap();
        assert!(!step(&store, 41), "it was the one that it was turned on with");
        assert!(step(&store, 42));
        assert!(!step(&store, 42) && !step(&store, 40));
        let code =
            |store: &Store| store.write(|batch| batch.use_recovery_code("ann", "one")).unwrap();
        assert!(code(&store));
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        assert!(!step(&store, 42) && !code(&store));
        assert_eq!(store.totp("ann").unwrap(), Some(StoredTotp { last_step: 42, ..of("ann") }));
        assert_eq!(store.recovery_codes("ann"), Ok(vec!["two".to_owned()]));
        assert!(store.write(|batch| batch.remove_totp("ann")).unwrap());
        assert!(!store.write(|batch| batch.remove_totp("ann")).unwrap());
        assert_eq!(store.totps(), Ok(vec![of("bob")]));
        assert_eq!(store.recovery_codes("ann"), Ok(vec![]));
        assert_eq!(store.recovery_codes("bob").unwrap().len(), 2);
        assert!(!step(&store, 99), "who has none uses none");
        assert_eq!(format!("{:?}", of("bob")), "StoredTotp { user: \"bob\", .. }");
    }
}
