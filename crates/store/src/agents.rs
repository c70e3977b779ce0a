use rusqlite::{Connection, OptionalExtension, Row, params};
use watchfire_model::Labels;

use crate::row::readable;
use crate::{Batch, Store, StoreError};

/// The most agents that may be enrolled at once.
pub const MAX_AGENTS: usize = 50_000;
/// How many removed agents are remembered; the one removed first is forgotten
/// first, and its key is then refused as an unknown one.
pub const MAX_REMOVED_AGENTS: usize = 10_000;

/// An agent that enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAgent {
    /// The hash of its key, as `identity` writes it. It is what the agent *is*;
    /// whatever belongs to an agent is kept under this and never under the name.
    pub id: String,
    /// The server's name, which no other agent has that is not removed.
    pub name: String,
    /// The server's labels.
    pub labels: Labels,
    /// Where the hub dials it, if it is the hub that dials.
    pub address: Option<String>,
    /// The fingerprint of its public key, as `identity` writes it.
    pub public_key_fingerprint: String,
    /// When its certificate ends, in milliseconds since 1970.
    pub certificate_not_after: i64,
    /// When it enrolled, in milliseconds since 1970.
    pub enrolled_unix_ms: i64,
    /// When it was removed, in milliseconds since 1970.
    pub removed_unix_ms: Option<i64>,
    /// The newest version of the protocol that it spoke.
    pub last_protocol: Option<String>,
}

impl Store {
    /// Every agent, removed ones too, by name and then by id.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn agents(&self) -> Result<Vec<StoredAgent>, StoreError> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM agent ORDER BY name, id");
            readable(connection.prepare_cached(&sql)?.query_and_then([], agent)?, "agent")
        })
    }

    /// The agents that changed after change number `after`, removed ones too, and the
    /// number of the newest change. 0 is before the first: it gives every agent. Every
    /// process that changes one is counted. A removed agent that was forgotten since
    /// does not come: that takes [`MAX_REMOVED_AGENTS`] later removals.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn agents_changed(&self, after: i64) -> Result<(i64, Vec<StoredAgent>), StoreError> {
        self.read(|connection| {
            let sql = "SELECT number FROM agent_change";
            let newest = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
            if newest == after {
                return Ok((newest, Vec::new()));
            }
            let sql = format!("SELECT {COLUMNS} FROM agent WHERE changed > ?1 ORDER BY name, id");
            let mut query = connection.prepare_cached(&sql)?;
            Ok((newest, readable(query.query_and_then([after], agent)?, "agent")?))
        })
    }

    /// The agent of that id, removed or not.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn agent(&self, id: &str) -> Result<Option<StoredAgent>, StoreError> {
        self.read(|connection| select(connection, id))
    }
}

impl Batch<'_> {
    /// The agent of that id, removed or not, as this transaction sees it.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn agent(&self, id: &str) -> Result<Option<StoredAgent>, StoreError> {
        select(self.connection, id)
    }

    /// Stores an agent, in place of one with the same id. With `removed_unix_ms`
    /// empty, an agent that was removed is enrolled again.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`] when another agent has the name, and
    /// [`StoreError::TooMany`] above [`MAX_AGENTS`].
    pub fn put_agent(&self, agent: &StoredAgent) -> Result<(), StoreError> {
        if agent.removed_unix_ms.is_none() {
            self.require_free_name(&agent.name, &agent.id)?;
            self.require_room(&agent.id)?;
        }
        let sql = format!(
            "INSERT OR REPLACE INTO agent ({COLUMNS}, changed) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
        );
        self.connection.prepare_cached(&sql)?.execute(params![
            agent.id,
            agent.name,
            labels_text(&agent.labels)?,
            agent.address,
            agent.public_key_fingerprint,
            agent.certificate_not_after,
            agent.enrolled_unix_ms,
            agent.removed_unix_ms,
            agent.last_protocol,
            self.next_change()?,
        ])?;
        Ok(())
    }

    /// Gives an agent another name. Its history stays its own.
    ///
    /// # Errors
    /// [`StoreError::NoAgent`] when there is none of that id that is not removed, and
    /// [`StoreError::NameTaken`] when another one has the name.
    pub fn rename_agent(&self, id: &str, name: &str) -> Result<(), StoreError> {
        self.require_free_name(name, id)?;
        let sql = "UPDATE agent SET name = ?2, changed = ?3 \
             WHERE id = ?1 AND removed_unix_ms IS NULL";
        let changed = self.next_change()?;
        found(self.connection.prepare_cached(sql)?.execute(params![id, name, changed])?, id)
    }

    /// Marks an agent as removed: its name is free, and its key is refused.
    ///
    /// # Errors
    /// [`StoreError::NoAgent`] when there is none of that id that is not removed.
    pub fn remove_agent(&self, id: &str, now_unix_ms: i64) -> Result<(), StoreError> {
        let sql = "UPDATE agent SET removed_unix_ms = ?2, changed = ?3 \
             WHERE id = ?1 AND removed_unix_ms IS NULL";
        let changed = self.next_change()?;
        found(
            self.connection.prepare_cached(sql)?.execute(params![id, now_unix_ms, changed])?,
            id,
        )?;
        let sql = "DELETE FROM agent WHERE id IN (SELECT id FROM agent \
             WHERE removed_unix_ms IS NOT NULL ORDER BY removed_unix_ms DESC LIMIT -1 OFFSET ?1)";
        let most = i64::try_from(MAX_REMOVED_AGENTS).unwrap_or(i64::MAX);
        self.connection.prepare_cached(sql)?.execute([most])?;
        Ok(())
    }

    /// Remembers the newest version of the protocol that an agent spoke; `None`
    /// forgets it, so that an older one is taken.
    ///
    /// # Errors
    /// [`StoreError::NoAgent`] when there is none of that id that is not removed.
    pub fn set_agent_protocol(&self, id: &str, protocol: Option<&str>) -> Result<(), StoreError> {
        let sql = "UPDATE agent SET last_protocol = ?2, changed = ?3 \
             WHERE id = ?1 AND removed_unix_ms IS NULL";
        let changed = self.next_change()?;
        found(self.connection.prepare_cached(sql)?.execute(params![id, protocol, changed])?, id)
    }

    /// The number of a change that this transaction makes.
    fn next_change(&self) -> Result<i64, StoreError> {
        let sql = "UPDATE agent_change SET number = number + 1 RETURNING number";
        Ok(self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }

    fn require_free_name(&self, name: &str, id: &str) -> Result<(), StoreError> {
        let sql = "SELECT id FROM agent WHERE name = ?1 AND removed_unix_ms IS NULL";
        let mut query = self.connection.prepare_cached(sql)?;
        let holder: Option<String> = query.query_row([name], |row| row.get(0)).optional()?;
        match holder {
            Some(holder) if holder != id => {
                Err(StoreError::NameTaken { name: name.to_owned(), by: holder })
            }
            _ => Ok(()),
        }
    }

    fn require_room(&self, id: &str) -> Result<(), StoreError> {
        let most = i64::try_from(MAX_AGENTS).unwrap_or(i64::MAX);
        // Each came with a change, so there are no more of them than changes: the many
        // that come one after the other need not be counted each time.
        let sql = "SELECT number FROM agent_change WHERE number >= ?1";
        let mut query = self.connection.prepare_cached(sql)?;
        if !query.exists([most])? {
            return Ok(());
        }
        let sql = "SELECT count(*) FROM agent WHERE removed_unix_ms IS NULL AND id <> ?1";
        let count: i64 = self.connection.prepare_cached(sql)?.query_row([id], |row| row.get(0))?;
        if usize::try_from(count).is_ok_and(|count| count < MAX_AGENTS) {
            return Ok(());
        }
        Err(StoreError::TooMany { what: "agents", most: MAX_AGENTS })
    }
}

const COLUMNS: &str = "id, name, labels, address, public_key_fingerprint, certificate_not_after, \
     enrolled_unix_ms, removed_unix_ms, last_protocol";

fn select(connection: &Connection, id: &str) -> Result<Option<StoredAgent>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM agent WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_and_then([id], agent)?.next().transpose()
}

fn agent(row: &Row<'_>) -> Result<StoredAgent, StoreError> {
    Ok(StoredAgent {
        id: row.get(0)?,
        name: row.get(1)?,
        labels: labels_from(&row.get::<_, String>(2)?)?,
        address: row.get(3)?,
        public_key_fingerprint: row.get(4)?,
        certificate_not_after: row.get(5)?,
        enrolled_unix_ms: row.get(6)?,
        removed_unix_ms: row.get(7)?,
        last_protocol: row.get(8)?,
    })
}

fn found(changed: usize, id: &str) -> Result<(), StoreError> {
    if changed == 0 { Err(StoreError::NoAgent { id: id.to_owned() }) } else { Ok(()) }
}

fn unreadable(why: impl ToString) -> StoreError {
    StoreError::Unreadable { what: "label", why: why.to_string() }
}

/// Labels as a JSON object.
pub(crate) fn labels_text(labels: &Labels) -> Result<String, StoreError> {
    let pairs: std::collections::BTreeMap<_, _> = labels.iter().collect();
    serde_json::to_string(&pairs).map_err(unreadable)
}

pub(crate) fn labels_from(text: &str) -> Result<Labels, StoreError> {
    let pairs: std::collections::BTreeMap<String, String> =
        serde_json::from_str(text).map_err(unreadable)?;
    let mut labels = Labels::new();
    for (name, value) in &pairs {
        labels.insert(name, value).map_err(unreadable)?;
    }
    Ok(labels)
}

#[cfg(test)]
mod tests;
