use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, ToSql, named_params, params};
use watchfire_model::{
    Acknowledged, Incident, IncidentId, IncidentKind, IncidentState, Labels, Moment, Presence,
    ServerName, Severity,
};

use crate::agents::{labels_from, labels_text};
use crate::row::{duration, found, moment, moment_if_any, nanos, readable, server, word};
use crate::{Batch, Store, StoreError};

/// The most incidents that one call of [`Store::incidents`] returns.
pub const MAX_PAGE: usize = 500;
/// The most incidents that belong together.
pub const MAX_FAMILY: usize = 200;
/// What [`IncidentFilter::default`] asks for.
const USUAL_PAGE: usize = 100;

pub(crate) const SELECT: &str = "SELECT id, server, presence, cause, silence_mono_ns, silence_unix_ms, \
     judged_mono_ns, judged_unix_ms, hub_stalled_ns, closed_mono_ns, closed_unix_ms, kind, severity, \
     part_of, labels, acknowledged_by, acknowledged_unix_ms FROM incident";

/// An incident that is about to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIncidentRow {
    /// What it is about.
    pub kind: IncidentKind,
    /// How bad it is.
    pub severity: Severity,
    /// The first incident of those that it belongs to.
    pub part_of: Option<IncidentId>,
    /// The server; the name of the alert where that is about no server.
    pub server: ServerName,
    /// The labels by which it is known who may know of it, where it is about no server.
    pub labels: Option<Labels>,
    /// The verdict.
    pub presence: Presence,
    /// One plain sentence that says what happened.
    pub cause: String,
    /// The last sign of life; `None` when the hub never had one.
    pub silence_began: Option<Moment>,
    /// When the hub judged.
    pub judged: Moment,
    /// The part of the silence in which the hub itself stood still.
    pub hub_stalled: Duration,
}

/// Which incidents are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentFilter {
    /// Leave out those that are over.
    pub open_only: bool,
    /// Those of this server only.
    pub server: Option<ServerName>,
    /// Those of this kind only.
    pub kind: Option<IncidentKind>,
    /// Those with a smaller number than this only: the last one of the page before.
    pub before_id: Option<IncidentId>,
    /// No more than this many, and never more than [`MAX_PAGE`].
    pub limit: usize,
}

impl Default for IncidentFilter {
    /// The newest hundred of all.
    fn default() -> Self {
        Self { open_only: false, server: None, kind: None, before_id: None, limit: USUAL_PAGE }
    }
}

impl Store {
    /// The servers whose incident goes on and was told to nobody because it was muted.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn muted(&self) -> Result<Vec<ServerName>, StoreError> {
        let sql = "SELECT server FROM incident WHERE closed_unix_ms IS NULL \
             AND kind = 'presence' AND NOT EXISTS \
             (SELECT 1 FROM notification WHERE notification.incident = incident.id) AND EXISTS \
             (SELECT 1 FROM timeline WHERE timeline.incident = incident.id \
             AND timeline.kind = 'muted')";
        self.read(|connection| {
            let mut query = connection.prepare_cached(sql)?;
            readable(query.query_and_then([], |row| server(row, 0))?, "incident")
        })
    }

    /// All incidents of servers that do not answer and that go on, oldest first: one a server
    /// at the most.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn open_incidents(&self) -> Result<Vec<Incident>, StoreError> {
        self.open_incidents_of(IncidentKind::Presence)
    }

    /// All incidents of a kind that go on, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn open_incidents_of(&self, kind: IncidentKind) -> Result<Vec<Incident>, StoreError> {
        self.read(|connection| {
            let sql = format!("{SELECT} WHERE closed_unix_ms IS NULL AND kind = ?1 ORDER BY id");
            let mut query = connection.prepare_cached(&sql)?;
            readable(query.query_and_then([kind.as_str()], incident)?, "incident")
        })
    }

    /// The incidents that belong to the one with that number, itself included, oldest first
    /// and no more than [`MAX_FAMILY`].
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn family(&self, id: IncidentId) -> Result<Vec<Incident>, StoreError> {
        self.read(|connection| readable(family(connection, id)?, "incident"))
    }

    /// A page of incidents, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, StoreError> {
        let limit = i64::try_from(filter.limit.min(MAX_PAGE)).unwrap_or(i64::MAX);
        let server = filter.server.as_ref().map(ServerName::as_str);
        let before = filter.before_id.map(|id| id.0);
        let kind = filter.kind.map(IncidentKind::as_str);
        let mut params: Vec<(&str, &dyn ToSql)> = vec![(":limit", &limit)];
        if server.is_some() {
            params.push((":server", &server));
        }
        if kind.is_some() {
            params.push((":kind", &kind));
        }
        if before.is_some() {
            params.push((":before", &before));
        }
        self.read(|connection| {
            let mut query = connection.prepare_cached(&page_sql(filter))?;
            readable(query.query_and_then(params.as_slice(), incident)?, "incident")
        })
    }

    /// One incident, if it is there.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn incident(&self, id: IncidentId) -> Result<Option<Incident>, StoreError> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?;
            query.query_and_then([id.0], incident)?.next().transpose()
        })
    }
}

impl Batch<'_> {
    /// Opens an incident.
    ///
    /// # Errors
    /// [`StoreError::AlreadyOpen`] when the server has an open one of that kind, or when one
    /// with the same labels is open.
    pub fn open_incident(&self, new: &NewIncidentRow) -> Result<IncidentId, StoreError> {
        let sql = "INSERT INTO incident (server, presence, cause, silence_mono_ns, \
             silence_unix_ms, judged_mono_ns, judged_unix_ms, hub_stalled_ns, kind, severity, \
             part_of, subject, labels) \
             VALUES (:server, :presence, :cause, :silence_mono, :silence_unix, \
             :judged_mono, :judged_unix, :hub_stalled, :kind, :severity, :part_of, :subject, \
             :labels)";
        let labels = new.labels.as_ref().map(labels_text).transpose()?;
        if let Some(root) = new.part_of {
            self.require("incident", "SELECT 1 FROM incident WHERE id = ?1", root.0)?;
        }
        let inserted = self.connection.prepare_cached(sql)?.insert(named_params! {
            ":server": new.server.as_str(),
            ":presence": new.presence.as_str(),
            ":cause": new.cause,
            ":silence_mono": new.silence_began.map(|at| nanos(at.monotonic)),
            ":silence_unix": new.silence_began.map(|at| at.unix_ms),
            ":judged_mono": nanos(new.judged.monotonic),
            ":judged_unix": new.judged.unix_ms,
            ":hub_stalled": nanos(new.hub_stalled),
            ":kind": new.kind.as_str(),
            ":severity": new.severity.as_str(),
            ":part_of": new.part_of.map(|root| root.0),
            ":subject": labels.as_deref().unwrap_or_default(),
            ":labels": labels,
        });
        match inserted {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Err(StoreError::AlreadyOpen { server: new.server.as_str().to_owned() })
            }
            other => Ok(IncidentId(other?)),
        }
    }

    /// The open incident of a server that does not answer, as this transaction sees it.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn open_incident_of(&self, server: &ServerName) -> Result<Option<IncidentId>, StoreError> {
        let sql = "SELECT id FROM incident WHERE server = ?1 AND closed_unix_ms IS NULL \
             AND kind = 'presence'";
        let mut query = self.connection.prepare_cached(sql)?;
        Ok(query.query_row([server.as_str()], |row| row.get(0)).optional()?.map(IncidentId))
    }

    /// The open incident of a kind about a server, or about what has such labels.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn open_incident_about(
        &self,
        server: &ServerName,
        kind: IncidentKind,
        labels: Option<&Labels>,
    ) -> Result<Option<IncidentId>, StoreError> {
        let sql = "SELECT id FROM incident WHERE server = ?1 AND kind = ?2 AND subject = ?3 \
             AND closed_unix_ms IS NULL";
        let subject = labels.map(labels_text).transpose()?.unwrap_or_default();
        let mut query = self.connection.prepare_cached(sql)?;
        let params = params![server.as_str(), kind.as_str(), subject];
        Ok(query.query_row(params, |row| row.get(0)).optional()?.map(IncidentId))
    }

    /// The first one of the incidents that a new one of the server's belongs to: those of `kind`
    /// that are open, or were closed at or after `since_unix_ms`.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn root_for(
        &self,
        server: &ServerName,
        kind: IncidentKind,
        since_unix_ms: i64,
    ) -> Result<Option<IncidentId>, StoreError> {
        let sql = "SELECT coalesce(part_of, id) FROM incident WHERE server = ?1 AND kind = ?2 \
             AND subject = '' AND coalesce(closed_unix_ms, ?3) >= ?3 ORDER BY id DESC LIMIT 1";
        let mut query = self.connection.prepare_cached(sql)?;
        let params = params![server.as_str(), kind.as_str(), since_unix_ms];
        Ok(query.query_row(params, |row| row.get(0)).optional()?.map(IncidentId))
    }

    /// As [`Store::family`], as this transaction sees it.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn family(&self, id: IncidentId) -> Result<Vec<Incident>, StoreError> {
        readable(family(self.connection, id)?, "incident")
    }

    /// Says how bad an incident is at its worst, and what it is about now.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such open incident.
    pub fn describe_incident(
        &self,
        id: IncidentId,
        severity: Severity,
        cause: &str,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE incident SET severity = ?2, cause = ?3 \
             WHERE id = ?1 AND closed_unix_ms IS NULL";
        let params = params![id.0, severity.as_str(), cause];
        let changed = self.connection.prepare_cached(sql)?.execute(params)?;
        found(changed, "open incident", id.0)
    }

    /// Writes down who looks after an incident; `None` is nobody any more.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such incident.
    pub fn acknowledge(
        &self,
        id: IncidentId,
        acknowledged: Option<&Acknowledged>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE incident SET acknowledged_by = ?2, acknowledged_unix_ms = ?3 \
             WHERE id = ?1";
        let by = acknowledged.map(|one| one.by.as_str());
        let params = params![id.0, by, acknowledged.map(|one| one.at_unix_ms)];
        let changed = self.connection.prepare_cached(sql)?.execute(params)?;
        found(changed, "incident", id.0)
    }

    /// Gives an incident another verdict and cause.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such open incident.
    pub fn change_incident(
        &self,
        id: IncidentId,
        presence: Presence,
        cause: &str,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE incident SET presence = ?2, cause = ?3 \
             WHERE id = ?1 AND closed_unix_ms IS NULL";
        let changed = self.connection.prepare_cached(sql)?.execute(params![
            id.0,
            presence.as_str(),
            cause
        ])?;
        found(changed, "open incident", id.0)
    }

    /// Gives an incident another cause, be it open or closed: what happened is known
    /// better now.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such incident.
    pub fn correct_incident(&self, id: IncidentId, cause: &str) -> Result<(), StoreError> {
        let sql = "UPDATE incident SET cause = ?2 WHERE id = ?1";
        let changed = self.connection.prepare_cached(sql)?.execute(params![id.0, cause])?;
        found(changed, "incident", id.0)
    }

    /// An incident, as this transaction sees it.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn incident(&self, id: IncidentId) -> Result<Option<Incident>, StoreError> {
        let mut query = self.connection.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?;
        query.query_and_then([id.0], incident)?.next().transpose()
    }

    /// Ends an incident.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such open incident.
    pub fn close_incident(&self, id: IncidentId, at: Moment) -> Result<(), StoreError> {
        let sql = "UPDATE incident SET closed_mono_ns = ?2, closed_unix_ms = ?3 \
             WHERE id = ?1 AND closed_unix_ms IS NULL";
        let changed = self.connection.prepare_cached(sql)?.execute(params![
            id.0,
            nanos(at.monotonic),
            at.unix_ms
        ])?;
        found(changed, "open incident", id.0)
    }
}

/// Only the conditions that are asked for: with "or is null" in their place,
/// SQLite would not use its indexes.
fn page_sql(filter: &IncidentFilter) -> String {
    let mut conditions = vec!["TRUE"];
    if filter.open_only {
        conditions.push("closed_unix_ms IS NULL");
    }
    if filter.server.is_some() {
        conditions.push("server = :server");
    }
    if filter.kind.is_some() {
        conditions.push("kind = :kind");
    }
    if filter.before_id.is_some() {
        conditions.push("id < :before");
    }
    format!("{SELECT} WHERE {} ORDER BY id DESC LIMIT :limit", conditions.join(" AND "))
}

fn family(
    connection: &Connection,
    id: IncidentId,
) -> Result<Vec<Result<Incident, StoreError>>, StoreError> {
    // Two searches by an index and not one by "or", which would read every incident.
    let sql = format!(
        "WITH first AS (SELECT coalesce(part_of, id) AS root FROM incident WHERE id = ?1) \
         {SELECT} WHERE id IN (SELECT root FROM first UNION ALL \
         SELECT id FROM incident WHERE part_of = (SELECT root FROM first)) \
         ORDER BY id LIMIT ?2"
    );
    let most = i64::try_from(MAX_FAMILY).unwrap_or(i64::MAX);
    let mut query = connection.prepare_cached(&sql)?;
    Ok(query.query_and_then([id.0, most], incident)?.collect())
}

pub(crate) fn incident(row: &Row<'_>) -> Result<Incident, StoreError> {
    let by: Option<String> = row.get(15)?;
    let acknowledged = match by {
        Some(by) => Some(Acknowledged { by, at_unix_ms: row.get(16)? }),
        None => None,
    };
    Ok(Incident {
        id: IncidentId(row.get(0)?),
        kind: word(row, 11, &IncidentKind::ALL, IncidentKind::as_str, "incident kind")?,
        severity: word(row, 12, &Severity::ALL, Severity::as_str, "severity")?,
        part_of: row.get::<_, Option<i64>>(13)?.map(IncidentId),
        labels: row.get::<_, Option<String>>(14)?.map(|text| labels_from(&text)).transpose()?,
        acknowledged,
        server: server(row, 1)?,
        presence: word(row, 2, &Presence::ALL, Presence::as_str, "presence")?,
        cause: row.get(3)?,
        silence_began: moment_if_any(row, 4)?,
        judged: moment(row, 6)?,
        hub_stalled: duration(row, 8)?,
        state: moment_if_any(row, 9)?.map_or(IncidentState::Open, IncidentState::Closed),
    })
}
