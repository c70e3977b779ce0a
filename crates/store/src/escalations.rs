//! What nobody looks after, who was told of it, and which stages of escalations it went through.

use rusqlite::params;
use watchfire_model::{Incident, IncidentId};

use crate::incidents::{self, incident};
use crate::row::readable;
use crate::{Batch, Store, StoreError};

/// The open incidents that nobody acknowledged, with the first of those that each belongs to, of
/// some families.
const UNTENDED: &str = "WITH untended AS (SELECT id, coalesce(part_of, id) AS root FROM incident \
     WHERE closed_unix_ms IS NULL AND acknowledged_by IS NULL \
     AND coalesce(part_of, id) BETWEEN ?1 AND ?2)";

/// Families of incidents that are looked at together. What can be asked of them at once is
/// limited by how many they are, and none stands in the way of those that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Families {
    first: i64,
    last: i64,
}

impl Families {
    /// The first incident of the last of them: others follow it.
    #[must_use]
    pub fn last(&self) -> IncidentId {
        IncidentId(self.last)
    }
}

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
    /// The next `most` families after that of `after` of which some incident is open that nobody
    /// acknowledged; `None` where there are no more.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn untended_families(
        &self,
        after: IncidentId,
        most: usize,
    ) -> Result<Option<Families>, StoreError> {
        let sql = format!(
            "{UNTENDED} SELECT min(root), max(root) FROM \
             (SELECT DISTINCT root FROM untended ORDER BY root LIMIT ?3)"
        );
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let range = params![after.0.saturating_add(1), i64::MAX, most];
        self.read(|connection| {
            let mut query = connection.prepare_cached(&sql)?;
            let ends = query.query_row(range, |row| Ok((row.get(0)?, row.get(1)?)))?;
            let (first, last): (Option<i64>, Option<i64>) = ends;
            Ok(first.zip(last).map(|(first, last)| Families { first, last }))
        })
    }

    /// The open incidents of these families that nobody acknowledged, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn untended(&self, families: Families) -> Result<Vec<Incident>, StoreError> {
        let sql = format!(
            "{} WHERE closed_unix_ms IS NULL AND acknowledged_by IS NULL \
             AND coalesce(part_of, id) BETWEEN ?1 AND ?2 ORDER BY id",
            incidents::SELECT
        );
        let range = [families.first, families.last];
        self.read(|connection| {
            let mut query = connection.prepare_cached(&sql)?;
            readable(query.query_and_then(range, incident)?, "incident")
        })
    }

    /// When these users were first told of what nobody looks after. What is held back was not
    /// told, and a letter to whom an escalation led is none of the first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn first_told(
        &self,
        families: Families,
        users: &[&str],
    ) -> Result<Vec<FirstTold>, StoreError> {
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
             AND (state <> 'merged' OR thread IS NOT NULL) \
             AND user IN (SELECT value FROM json_each(?3)) GROUP BY root, user \
             ORDER BY root, user"
        );
        let users = serde_json::json!(users).to_string();
        self.read(|connection| {
            let mut query = connection.prepare_cached(&sql)?;
            let rows = query.query_map(params![families.first, families.last, users], |row| {
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
    pub fn taken_back(&self, families: Families) -> Result<Vec<(IncidentId, i64)>, StoreError> {
        // The root's own lines count as well, where it is over and another of its family is not.
        let sql = format!(
            "{UNTENDED}, member AS (SELECT root, id FROM untended UNION SELECT root, root \
             FROM untended) SELECT root, max(at_unix_ms) FROM member \
             JOIN timeline ON timeline.incident = member.id \
             WHERE timeline.kind = 'acknowledged' GROUP BY root ORDER BY root"
        );
        self.read(|connection| {
            let mut query = connection.prepare_cached(&sql)?;
            let range = [families.first, families.last];
            let rows = query.query_map(range, |row| Ok((IncidentId(row.get(0)?), row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The stages that what nobody looks after went through.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn stages_done(&self, families: Families) -> Result<Vec<StageDone>, StoreError> {
        let sql = format!(
            "{UNTENDED} SELECT incident, user, stage FROM escalation \
             WHERE incident IN (SELECT root FROM untended) ORDER BY incident, user, stage"
        );
        self.read(|connection| {
            let mut query = connection.prepare_cached(&sql)?;
            let rows = query.query_map([families.first, families.last], |row| {
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
