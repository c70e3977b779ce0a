use std::sync::atomic::Ordering;

use rusqlite::{Row, params};
use watchfire_model::{IncidentId, TimelineEntry, TimelineKind};

use crate::row::{moment, nanos, readable, word};
use crate::{Batch, Store, StoreError};

/// The most timeline entries of one incident. The first ones say how it began,
/// so further ones are left out and counted; a recovery is always kept.
pub const MAX_TIMELINE: usize = 1000;

impl Store {
    /// An incident's timeline, in the order in which it was written.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn timeline(&self, id: IncidentId) -> Result<Vec<TimelineEntry>, StoreError> {
        self.read(|connection| readable(select(connection, id)?, "timeline entry"))
    }
}

impl Batch<'_> {
    /// An incident's timeline, with what this transaction wrote.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn timeline(&self, id: IncidentId) -> Result<Vec<TimelineEntry>, StoreError> {
        select(self.connection, id)?.into_iter().collect()
    }

    /// Adds a line to an incident's timeline. Above [`MAX_TIMELINE`] it is
    /// counted in [`Store::timeline_left_out`] instead.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such incident.
    pub fn add_timeline(&self, id: IncidentId, entry: &TimelineEntry) -> Result<(), StoreError> {
        self.require("incident", "SELECT 1 FROM incident WHERE id = ?1", id.0)?;
        if entry.kind != TimelineKind::Recovered && self.timeline_is_full(id)? {
            self.counters.timeline_left_out.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        let sql = "INSERT INTO timeline (incident, at_mono_ns, at_unix_ms, kind, text) \
             VALUES (?1, ?2, ?3, ?4, ?5)";
        self.connection.prepare_cached(sql)?.execute(params![
            id.0,
            nanos(entry.at.monotonic),
            entry.at.unix_ms,
            entry.kind.as_str(),
            entry.text,
        ])?;
        Ok(())
    }

    /// How many lines of a kind an incident's timeline has.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn lines_of(&self, id: IncidentId, kind: TimelineKind) -> Result<usize, StoreError> {
        let sql = "SELECT count(*) FROM timeline WHERE incident = ?1 AND kind = ?2";
        let params = params![id.0, kind.as_str()];
        let count: i64 =
            self.connection.prepare_cached(sql)?.query_row(params, |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// Whether a further line would be left out.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn timeline_is_full(&self, id: IncidentId) -> Result<bool, StoreError> {
        let sql = "SELECT count(*) FROM timeline WHERE incident = ?1";
        let count: i64 =
            self.connection.prepare_cached(sql)?.query_row([id.0], |row| row.get(0))?;
        Ok(usize::try_from(count).is_ok_and(|count| count >= MAX_TIMELINE))
    }

    /// Refuses when `sql` finds nothing under the number `id`.
    pub(crate) fn require(&self, what: &'static str, sql: &str, id: i64) -> Result<(), StoreError> {
        let exists = self.connection.prepare_cached(sql)?.exists([id])?;
        if exists { Ok(()) } else { Err(StoreError::NotFound { what, id }) }
    }
}

fn select(
    connection: &rusqlite::Connection,
    id: IncidentId,
) -> Result<Vec<Result<TimelineEntry, StoreError>>, StoreError> {
    let sql = "SELECT at_mono_ns, at_unix_ms, kind, text FROM timeline \
         WHERE incident = ?1 ORDER BY id";
    Ok(connection.prepare_cached(sql)?.query_and_then([id.0], entry)?.collect())
}

fn entry(row: &Row<'_>) -> Result<TimelineEntry, StoreError> {
    Ok(TimelineEntry {
        at: moment(row, 0)?,
        kind: word(row, 2, &TimelineKind::ALL, TimelineKind::as_str, "timeline kind")?,
        text: row.get(3)?,
    })
}
