//! What nobody looks after, who was told of it, and which stages of escalations it went through.

use rusqlite::params;
use watchfire_model::{Incident, IncidentId};

use crate::incidents::{self, incident};
use crate::row::readable;
use crate::{Batch, Store, StoreError};

/// The most rows that one call here returns; the oldest ones come first.
const MOST: i64 = 5000;

/// The open incidents that nobody acknowledged, with the first of those that each belongs to.
const UNTENDED: &str = "WITH untended AS (SELECT id, coalesce(part_of, id) AS root FROM incident \
     WHERE closed_unix_ms IS NULL AND acknowledged_by IS NULL)";

/// That a user was told of an incident that nobody looks after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstTold {
    /// The first incident of those that belong together.
    pub root: IncidentId,
    /// The user.
    pub user: String,
    /// When the first letter was written down, in milliseconds since 1970.
    pub unix_ms: i64,
    /// When it was to leave: later, where its user slept.
    pub left_unix_ms: i64,
}

/// That an incident went through a stage of a user's escalation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StageDone {
    /// The first incident of those that belong together.
    pub root: IncidentId,
    /// Whose escalation it is.
    pub user: String,
    /// The stage's place in it.
    pub stage: usize,
}

impl Store {
    /// The open incidents that nobody acknowledged, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn untended(&self) -> Result<Vec<Incident>, StoreError> {
        let sql = format!(
            "{} WHERE closed_unix_ms IS NULL AND acknowledged_by IS NULL ORDER BY id LIMIT ?1",
            incidents::SELECT
        );
        self.read(|connection| {
            let mut query = connection.prepare_cached(&sql)?;
            readable(query.query_and_then([MOST], incident)?, "incident")
        })
    }

    /// When users were first told of what nobody looks after. What is held back was not told, and
    /// a letter to whom an escalation led is none of the first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn first_told(&self) -> Result<Vec<FirstTold>, StoreError> {
        let sql = format!(
            "{UNTENDED}, letter AS (SELECT root, notification.id AS id FROM untended \
             JOIN notification ON notification.incident = untended.id UNION \
             SELECT root, alert_letter.notification FROM untended \
             JOIN alert ON alert.incident = untended.id \
             JOIN alert_letter ON alert_letter.alert = alert.id) \
             SELECT root, user, min(created_unix_ms), \
             min(max(created_unix_ms, coalesce(not_before_unix_ms, created_unix_ms))) \
             FROM letter JOIN notification ON notification.id = letter.id \
             WHERE kind IN ('down', 'changed', 'flapping', 'firing') AND state <> 'held' \
             AND (state <> 'merged' OR thread IS NOT NULL) GROUP BY root, user \
             ORDER BY root, user LIMIT ?1"
        );
        self.read(|connection| {
            let mut query = connection.prepare_cached(&sql)?;
            let rows = query.query_map([MOST], |row| {
                Ok(FirstTold {
                    root: IncidentId(row.get(0)?),
                    user: row.get(1)?,
                    unix_ms: row.get(2)?,
                    left_unix_ms: row.get(3)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// When the last acknowledgement of what nobody looks after was taken back, in milliseconds
    /// since 1970.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn taken_back(&self) -> Result<Vec<(IncidentId, i64)>, StoreError> {
        // The root's own lines count as well, where it is over and another of its family is not.
        let sql = format!(
            "{UNTENDED}, member AS (SELECT root, id FROM untended UNION SELECT root, root \
             FROM untended) SELECT root, max(at_unix_ms) FROM member \
             JOIN timeline ON timeline.incident = member.id \
             WHERE timeline.kind = 'acknowledged' GROUP BY root ORDER BY root LIMIT ?1"
        );
        self.read(|connection| {
            let mut query = connection.prepare_cached(&sql)?;
            let rows = query.query_map([MOST], |row| Ok((IncidentId(row.get(0)?), row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The stages that what nobody looks after went through.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn stages_done(&self) -> Result<Vec<StageDone>, StoreError> {
        let sql = format!(
            "{UNTENDED} SELECT incident, user, stage FROM escalation \
             WHERE incident IN (SELECT root FROM untended) ORDER BY incident, user, stage"
        );
        self.read(|connection| {
            let mut query = connection.prepare_cached(&sql)?;
            let rows = query.query_map([], |row| {
                let stage: u32 = row.get(2)?;
                let stage = usize::try_from(stage).unwrap_or(usize::MAX);
                Ok(StageDone { root: IncidentId(row.get(0)?), user: row.get(1)?, stage })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

impl Batch<'_> {
    /// Writes down that an incident goes through a stage. False when it did before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written, or there is no such incident.
    pub fn go_through(&self, done: &StageDone, unix_ms: i64) -> Result<bool, StoreError> {
        self.require("incident", "SELECT 1 FROM incident WHERE id = ?1", done.root.0)?;
        let sql = "INSERT OR IGNORE INTO escalation (incident, user, stage, unix_ms) \
             VALUES (?1, ?2, ?3, ?4)";
        let stage = i64::try_from(done.stage).unwrap_or(i64::MAX);
        let params = params![done.root.0, done.user, stage, unix_ms];
        Ok(self.connection.prepare_cached(sql)?.execute(params)? == 1)
    }
}

#[cfg(test)]
mod tests;
