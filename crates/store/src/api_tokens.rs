//! The tokens of programs: what is kept of each opens nothing.

use rusqlite::{Row, params};

use crate::row::{count, list_of_text, list_to_text, readable};
use crate::{Batch, Store, StoreError};

/// The most tokens of all users together.
pub const MAX_API_TOKENS: usize = 2000;
/// The most tokens of one user.
pub const MAX_API_TOKENS_OF_USER: usize = 50;

/// A token of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredApiToken {
    /// What it is called in lists, and how it is found.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// What the user calls it; no other token of the user is called so.
    pub name: String,
    /// The SHA-256 of what opens.
    pub hash: String,
    /// What stands for the password that the user had.
    pub epoch: String,
    /// What it opens, as words with blanks between.
    pub scopes: String,
    /// The matchers that narrow what the user sees; `None` where they do not.
    pub servers: Option<Vec<String>>,
    /// When it was made, in milliseconds since 1970.
    pub made_unix_ms: i64,
    /// When it ends.
    pub ends_unix_ms: i64,
    /// When it opened last.
    pub used_unix_ms: Option<i64>,
}

impl Store {
    /// All tokens, by user and name.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn api_tokens(&self) -> Result<Vec<StoredApiToken>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT id, user, name, hash, epoch, scopes, servers, made_unix_ms, \
                 ends_unix_ms, used_unix_ms FROM api_token ORDER BY user, name";
            readable(connection.prepare_cached(sql)?.query_and_then([], token)?, "api token")
        })
    }
}

impl Batch<'_> {
    /// Stores a new token.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] when there are [`MAX_API_TOKENS`] or the user has
    /// [`MAX_API_TOKENS_OF_USER`], and otherwise when the database cannot be written; so it is
    /// where the user has one of that name.
    pub fn add_api_token(&self, token: &StoredApiToken) -> Result<(), StoreError> {
        let StoredApiToken { id, user, name, hash, epoch, scopes, .. } = token;
        let StoredApiToken { made_unix_ms, ends_unix_ms, used_unix_ms, .. } = token;
        let sql = "SELECT count(*), coalesce(sum(user = ?1), 0) FROM api_token";
        let (all, own) =
            self.connection.query_row(sql, [user], |row| Ok((count(row, 0)?, count(row, 1)?)))?;
        if own >= MAX_API_TOKENS_OF_USER {
            return Err(StoreError::TooMany { what: "tokens", most: MAX_API_TOKENS_OF_USER });
        }
        if all >= MAX_API_TOKENS {
            return Err(StoreError::TooMany { what: "tokens", most: MAX_API_TOKENS });
        }
        let servers = token.servers.as_deref().map(list_to_text);
        let sql = "INSERT INTO api_token (id, user, name, hash, epoch, scopes, servers, \
             made_unix_ms, ends_unix_ms, used_unix_ms) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        self.connection.prepare_cached(sql)?.execute(params![
            id,
            user,
            name,
            hash,
            epoch,
            scopes,
            servers,
            made_unix_ms,
            ends_unix_ms,
            used_unix_ms
        ])?;
        Ok(())
    }

    /// Takes note of when a token opened last.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn api_token_used(&self, id: &str, unix_ms: i64) -> Result<(), StoreError> {
        let sql = "UPDATE api_token SET used_unix_ms = ?2 WHERE id = ?1";
        self.connection.prepare_cached(sql)?.execute(params![id, unix_ms])?;
        Ok(())
    }

    /// Forgets a token.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn remove_api_token(&self, id: &str) -> Result<(), StoreError> {
        self.connection.prepare_cached("DELETE FROM api_token WHERE id = ?1")?.execute([id])?;
        Ok(())
    }

    /// Forgets the tokens of a user.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn remove_api_tokens_of(&self, user: &str) -> Result<(), StoreError> {
        self.connection.prepare_cached("DELETE FROM api_token WHERE user = ?1")?.execute([user])?;
        Ok(())
    }
}

fn token(row: &Row<'_>) -> Result<StoredApiToken, StoreError> {
    let servers: Option<String> = row.get(6)?;
    Ok(StoredApiToken {
        id: row.get(0)?,
        user: row.get(1)?,
        name: row.get(2)?,
        hash: row.get(3)?,
        epoch: row.get(4)?,
        scopes: row.get(5)?,
        servers: servers.map(|text| list_of_text("api token", &text)).transpose()?,
        made_unix_ms: row.get(7)?,
        ends_unix_ms: row.get(8)?,
        used_unix_ms: row.get(9)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(user: &str, name: &str) -> StoredApiToken {
        StoredApiToken {
            id: format!("{user}-{name}"),
            user: user.to_owned(),
            name: name.to_owned(),
            hash: "h".to_owned(),
            epoch: "e".to_owned(),
            scopes: "read run".to_owned(),
            servers: Some(vec!["role=\"web\"".to_owned()]),
            made_unix_ms: 1,
            ends_unix_ms: 2,
            used_unix_ms: None,
        }
    }

    #[test]
    fn what_is_added_is_read_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let bare = StoredApiToken { servers: None, ..of("bob", "x") };
        store.write(|batch| batch.add_api_token(&of("ann", "y"))).unwrap();
        store.write(|batch| batch.add_api_token(&of("ann", "x"))).unwrap();
        store.write(|batch| batch.add_api_token(&bare)).unwrap();
        let twice = StoredApiToken { id: "z".to_owned(), ..of("ann", "x") };
        assert!(store.write(|batch| batch.add_api_token(&twice)).is_err());
        store.write(|batch| batch.api_token_used("ann-x", 9)).unwrap();
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        let used = StoredApiToken { used_unix_ms: Some(9), ..of("ann", "x") };
        assert_eq!(store.api_tokens(), Ok(vec![used, of("ann", "y"), bare.clone()]));
        store.write(|batch| batch.remove_api_token("ann-x")).unwrap();
        store.write(|batch| batch.remove_api_tokens_of("ann")).unwrap();
        assert_eq!(store.api_tokens(), Ok(vec![bare]));
    }

    #[test]
    fn a_user_has_no_more_than_so_many() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let add = |user: &str, name: usize| {
            store.write(|batch| batch.add_api_token(&of(user, &name.to_string())))
        };
        (0..MAX_API_TOKENS_OF_USER).for_each(|name| add("ann", name).unwrap());
        let full = Err(StoreError::TooMany { what: "tokens", most: MAX_API_TOKENS_OF_USER });
        assert_eq!(add("ann", MAX_API_TOKENS_OF_USER), full);
        add("bob", 0).unwrap();
    }
}
