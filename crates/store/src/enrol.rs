use rusqlite::{Row, params};
use watchfire_model::Labels;

use crate::agents::{labels_from, labels_text};
use crate::{Batch, Store, StoreError};

/// The most tokens that may be open at once: neither used nor expired.
pub const MAX_ENROL_TOKENS: usize = 10_000;
/// How long a token is remembered after its end, so that a late or second use
/// of it is told from a forged one: 30 days, in milliseconds.
const REMEMBERED_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// How many tokens that ended are remembered. Of more, those that ended first go.
const MAX_REMEMBERED: usize = 20_000;

/// A token that lets one agent enrol. The token itself is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEnrolToken {
    /// The hash of the token.
    pub digest: [u8; 32],
    /// The server's name that it is bound to, if it is.
    pub name: Option<String>,
    /// The labels that the server gets with it.
    pub labels: Labels,
    /// When it was made, in milliseconds since 1970.
    pub created_unix_ms: i64,
    /// From when on it is refused, in milliseconds since 1970.
    pub expires_unix_ms: i64,
    /// When it was used, and the id of the agent that used it.
    pub used: Option<(i64, String)>,
    /// When somebody else tried to use it again, and under which id. Then one of
    /// the two is not who the operator meant.
    pub misused: Option<(i64, String)>,
}

/// What came of the use of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redeemed {
    /// It was good, and is used up now.
    Yes,
    /// There is no such token.
    Unknown,
    /// Its time was over.
    Expired,
    /// It was used before. When `by` is the agent that asks again, its answer
    /// was lost on the way, and nothing is marked; else the token is marked as misused.
    UsedBefore {
        /// The id of the agent that used it.
        by: String,
    },
}

impl Store {
    /// All tokens that are remembered, the newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn enrol_tokens(&self) -> Result<Vec<StoredEnrolToken>, StoreError> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM enrol_token ORDER BY created_unix_ms DESC");
            let mut query = connection.prepare_cached(&sql)?;
            query.query_and_then([], token)?.collect()
        })
    }
}

impl Batch<'_> {
    /// The token of that digest, as this transaction sees it.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn enrol_token(&self, digest: &[u8; 32]) -> Result<Option<StoredEnrolToken>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM enrol_token WHERE digest = ?1");
        let mut query = self.connection.prepare_cached(&sql)?;
        query.query_and_then([digest], token)?.next().transpose()
    }

    /// Stores a new token, and forgets those that ended more than 30 days before
    /// it was made. One that was misused is remembered for as long as the agent that
    /// used it is enrolled: an operator is to see that.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] when [`MAX_ENROL_TOKENS`] are open.
    pub fn put_enrol_token(
        &self,
        digest: &[u8; 32],
        name: Option<&str>,
        created_unix_ms: i64,
        expires_unix_ms: i64,
    ) -> Result<(), StoreError> {
        self.forget_tokens(created_unix_ms)?;
        let sql = "SELECT count(*) FROM enrol_token \
             WHERE used_unix_ms IS NULL AND expires_unix_ms > ?1";
        let mut query = self.connection.prepare_cached(sql)?;
        let count: i64 = query.query_row([created_unix_ms], |row| row.get(0))?;
        if !usize::try_from(count).is_ok_and(|count| count < MAX_ENROL_TOKENS) {
            return Err(StoreError::TooMany { what: "enrolment tokens", most: MAX_ENROL_TOKENS });
        }
        let sql = "INSERT INTO enrol_token (digest, name, created_unix_ms, expires_unix_ms) \
             VALUES (?1, ?2, ?3, ?4)";
        let values = params![digest, name, created_unix_ms, expires_unix_ms];
        self.connection.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    fn forget_tokens(&self, now_unix_ms: i64) -> Result<(), StoreError> {
        let forgotten = now_unix_ms.saturating_sub(REMEMBERED_MS);
        let sql = format!("DELETE FROM enrol_token WHERE expires_unix_ms < ?1 AND NOT ({MARKED})");
        self.connection.prepare_cached(&sql)?.execute([forgotten])?;
        // So few that those that ended are not too many, whatever the others are.
        let all = "SELECT count(*) FROM enrol_token";
        let all: i64 = self.connection.prepare_cached(all)?.query_row([], |row| row.get(0))?;
        if usize::try_from(all).is_ok_and(|all| all <= MAX_REMEMBERED) {
            return Ok(());
        }
        let sql = format!(
            "DELETE FROM enrol_token WHERE digest IN (SELECT digest FROM enrol_token \
             WHERE (used_unix_ms IS NOT NULL OR expires_unix_ms <= ?1) AND NOT ({MARKED}) \
             ORDER BY expires_unix_ms DESC LIMIT -1 OFFSET ?2)"
        );
        let most = i64::try_from(MAX_REMEMBERED).unwrap_or(i64::MAX);
        self.connection.prepare_cached(&sql)?.execute(params![now_unix_ms, most])?;
        Ok(())
    }

    /// Sets the labels that the server gets whose agent uses the token.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn set_enrol_token_labels(
        &self,
        digest: &[u8; 32],
        labels: &Labels,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE enrol_token SET labels = ?2 WHERE digest = ?1";
        let values = params![digest, labels_text(labels)?];
        self.connection.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    /// Uses a token up for the agent `id`. Do it in the transaction that stores
    /// the agent, so that neither is there without the other; and commit it too
    /// when the answer is [`Redeemed::UsedBefore`], so that the mark stays.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn redeem(
        &self,
        digest: &[u8; 32],
        id: &str,
        now_unix_ms: i64,
    ) -> Result<Redeemed, StoreError> {
        let Some(token) = self.enrol_token(digest)? else { return Ok(Redeemed::Unknown) };
        if let Some((_, by)) = token.used {
            if by != id && token.misused.is_none() {
                let sql = "UPDATE enrol_token SET misused_unix_ms = ?2, misused_by = ?3 \
                     WHERE digest = ?1";
                self.connection.prepare_cached(sql)?.execute(params![digest, now_unix_ms, id])?;
            }
            return Ok(Redeemed::UsedBefore { by });
        }
        if now_unix_ms >= token.expires_unix_ms {
            return Ok(Redeemed::Expired);
        }
        let sql = "UPDATE enrol_token SET used_unix_ms = ?2, used_by = ?3 WHERE digest = ?1";
        self.connection.prepare_cached(sql)?.execute(params![digest, now_unix_ms, id])?;
        Ok(Redeemed::Yes)
    }
}

/// A token that two agents used, of which the first is still the hub's.
const MARKED: &str = "misused_by IS NOT NULL AND EXISTS (SELECT 1 FROM agent \
     WHERE agent.id = enrol_token.used_by AND agent.removed_unix_ms IS NULL)";

const COLUMNS: &str = "digest, name, labels, created_unix_ms, expires_unix_ms, used_unix_ms, \
     used_by, misused_unix_ms, misused_by";

fn token(row: &Row<'_>) -> Result<StoredEnrolToken, StoreError> {
    let pair = |at: usize| -> Result<Option<(i64, String)>, rusqlite::Error> {
        Ok(row.get::<_, Option<i64>>(at)?.zip(row.get::<_, Option<String>>(at + 1)?))
    };
    Ok(StoredEnrolToken {
        digest: row.get(0)?,
        name: row.get(1)?,
        labels: labels_from(&row.get::<_, String>(2)?)?,
        created_unix_ms: row.get(3)?,
        expires_unix_ms: row.get(4)?,
        used: pair(5)?,
        misused: pair(7)?,
    })
}

#[cfg(test)]
mod tests;
