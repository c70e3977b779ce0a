//! Notifications that are held back until it is decided who tells what they say.

use rusqlite::{OptionalExtension, params};
use watchfire_model::{Content, Notification, NotificationId};

use crate::outbox::select;
use crate::row::{found, readable};
use crate::{Batch, Store, StoreError};

/// Where a notification's number is written down, with its own place last.
const NUMBERS: [(&str, &str); 6] = [
    ("notification_channel", "notification"),
    ("notification_reference", "notification"),
    ("delivery", "notification"),
    ("notification", "thread"),
    ("notification", "told_by"),
    ("notification", "id"),
];

/// Which other notification told what one was held for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Teller {
    /// That one: its deliveries are those of the held one too.
    pub letter: NotificationId,
    /// The first one of its thread, in which all goes on that follows.
    pub thread: NotificationId,
}

impl Store {
    /// Every notification that is held back, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn held(&self) -> Result<Vec<Notification>, StoreError> {
        self.read(|connection| {
            readable(
                select(connection, self.channels(), "WHERE state = 'held' ORDER BY id", [])?,
                "notification",
            )
        })
    }
}

impl Batch<'_> {
    /// Gives a held notification its last words, and lets it be sent. It is told now,
    /// so its number is returned, which is a new one when its user was told anything
    /// since it was written down: numbers are in the order in which things are told.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such notification that is held.
    pub fn release(
        &self,
        notification: NotificationId,
        content: &Content,
        content_if_first: Option<&Content>,
    ) -> Result<NotificationId, StoreError> {
        let sql = "UPDATE notification SET state = 'pending', subject = ?2, text = ?3, \
             html = ?4, first_subject = ?5, first_text = ?6, first_html = ?7 \
             WHERE id = ?1 AND state = 'held'";
        let changed = self.connection.prepare_cached(sql)?.execute(params![
            notification.0,
            content.subject,
            content.text,
            content.html,
            content_if_first.map(|first| &first.subject),
            content_if_first.map(|first| &first.text),
            content_if_first.map(|first| &first.html),
        ])?;
        found(changed, "held notification", notification.0)?;
        self.put_last(notification)
    }

    /// Lets a held notification be sent with the words that it has, and returns its
    /// number, as [`release`](Self::release) does. For when it cannot be given better ones.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such notification that is held.
    pub fn release_as_written(
        &self,
        notification: NotificationId,
    ) -> Result<NotificationId, StoreError> {
        let sql = "UPDATE notification SET state = 'pending' WHERE id = ?1 AND state = 'held'";
        let changed = self.connection.prepare_cached(sql)?.execute([notification.0])?;
        found(changed, "held notification", notification.0)?;
        self.put_last(notification)
    }

    /// Lets everything be sent that is held, with the words that it has and in the order
    /// in which it was written down, and says how much that was. For when what was
    /// held cannot be told together.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn release_all(&self) -> Result<usize, StoreError> {
        let sql = "SELECT id FROM notification WHERE state = 'held' ORDER BY id";
        let mut query = self.connection.prepare_cached(sql)?;
        let held = query.query_map([], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
        for id in &held {
            self.release_as_written(NotificationId(*id))?;
        }
        Ok(held.len())
    }

    /// Says that a held notification is told by another one; by none when it has
    /// nothing to tell any more.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such notification that is held.
    pub fn merge_held(
        &self,
        notification: NotificationId,
        teller: Option<Teller>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE notification SET state = 'merged', thread = ?2, told_by = ?3 \
             WHERE id = ?1 AND state = 'held'";
        let changed = self.connection.prepare_cached(sql)?.execute(params![
            notification.0,
            teller.map(|teller| teller.thread.0),
            teller.map(|teller| teller.letter.0),
        ])?;
        found(changed, "held notification", notification.0)
    }

    /// Gives a notification the next number when its user has a newer one.
    fn put_last(&self, id: NotificationId) -> Result<NotificationId, StoreError> {
        let sql = "SELECT (SELECT max(seq) FROM sqlite_sequence WHERE name = 'notification') \
             FROM notification AS this CROSS JOIN notification AS newer NOT INDEXED \
             WHERE this.id = ?1 AND newer.id > ?1 AND newer.user = this.user LIMIT 1";
        let mut query = self.connection.prepare_cached(sql)?;
        let last: Option<i64> = query.query_row([id.0], |row| row.get(0)).optional()?;
        let Some(last) = last else { return Ok(id) };
        // Its channels and references are without it for a moment.
        self.connection.pragma_update(None, "defer_foreign_keys", true)?;
        for (table, column) in NUMBERS {
            let sql = format!("UPDATE {table} SET {column} = ?2 WHERE {column} = ?1");
            self.connection.prepare_cached(&sql)?.execute([id.0, last + 1])?;
        }
        self.connection.pragma_update(None, "defer_foreign_keys", false)?;
        let sql = "UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'notification'";
        self.connection.prepare_cached(sql)?.execute([last + 1])?;
        Ok(NotificationId(last + 1))
    }
}
