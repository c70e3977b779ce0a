//! Letters about several incidents: what they tell of, and other words for them.

use rusqlite::params;
use watchfire_model::{Content, IncidentId, NotificationId};

use crate::{Batch, StoreError};

impl Batch<'_> {
    /// The incidents that a notification tells of beside its own, by their numbers: those of the
    /// held ones that it tells, and those of the alerts in it.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn told_in(&self, letter: NotificationId) -> Result<Vec<IncidentId>, StoreError> {
        let sql = "SELECT incident FROM notification WHERE told_by = ?1 AND incident IS NOT NULL \
             UNION SELECT alert.incident FROM alert_letter \
             JOIN alert ON alert.id = alert_letter.alert \
             WHERE alert_letter.notification = ?1 AND alert.incident IS NOT NULL ORDER BY 1";
        let mut query = self.connection.prepare_cached(sql)?;
        let found = query.query_map([letter.0], |row| row.get(0).map(IncidentId))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Gives a notification that waits to be sent other words.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such notification that is pending.
    pub fn reword(&self, letter: NotificationId, content: &Content) -> Result<(), StoreError> {
        let sql = "UPDATE notification SET subject = ?2, text = ?3, html = ?4, \
             first_subject = NULL, first_text = NULL, first_html = NULL \
             WHERE id = ?1 AND state = 'pending'";
        let changed = self.connection.prepare_cached(sql)?.execute(params![
            letter.0,
            content.subject,
            content.text,
            content.html,
        ])?;
        match changed {
            0 => Err(StoreError::NotFound { what: "pending notification", id: letter.0 }),
            _ => Ok(()),
        }
    }
}
