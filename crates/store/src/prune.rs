use rusqlite::params;

use crate::{Batch, Store, StoreError};

/// What one call of [`Store::prune`] deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Incidents, each with its timeline, notifications and deliveries.
    pub incidents: usize,
    /// Reports, each with its deliveries.
    pub reports: usize,
}

impl Store {
    /// Deletes incidents that ended, and reports that were written, before
    /// `older_than_unix_ms`: the oldest first, at most `max_incidents` of each.
    /// What still has a pending notification stays. Call it again while it
    /// deletes as many as it may. The file does not shrink; its room is used again.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn prune(
        &self,
        older_than_unix_ms: i64,
        max_incidents: usize,
    ) -> Result<Pruned, StoreError> {
        let most = i64::try_from(max_incidents).unwrap_or(i64::MAX);
        self.write(|batch| {
            Ok(Pruned {
                incidents: batch.delete(INCIDENTS, older_than_unix_ms, most)?,
                reports: batch.delete(REPORTS, older_than_unix_ms, most)?,
            })
        })
    }
}

const INCIDENTS: &str = "DELETE FROM incident WHERE id IN (
    SELECT id FROM incident WHERE closed_unix_ms < ?1 AND NOT EXISTS (
        SELECT 1 FROM notification
        WHERE notification.incident = incident.id AND notification.state IN ('pending', 'held'))
    ORDER BY closed_unix_ms LIMIT ?2)";

const REPORTS: &str = "DELETE FROM notification WHERE id IN (
    SELECT id FROM notification
    WHERE incident IS NULL AND created_unix_ms < ?1 AND state NOT IN ('pending', 'held')
    ORDER BY created_unix_ms LIMIT ?2)";

impl Batch<'_> {
    fn delete(&self, sql: &str, older_than: i64, most: i64) -> Result<usize, StoreError> {
        Ok(self.connection.prepare_cached(sql)?.execute(params![older_than, most])?)
    }
}
