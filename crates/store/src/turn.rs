//! Which notification has to wait for one of another lane.

use rusqlite::Connection;
use watchfire_model::{Delivery, Notification, NotificationId, NotificationState};

use crate::{Batch, Store, StoreError};

/// Whether `?1` has to wait. Most users have nothing else pending, which the first
/// `EXISTS` sees; the second one goes from the servers that `?1` is about, over their
/// incidents of the same kind, to what told the user of these: an alert holds up no word that a
/// server does not answer.
const WAITS: &str = "SELECT EXISTS (SELECT 1 FROM notification AS this
    WHERE this.id = ?1
    AND EXISTS (
        SELECT 1 FROM notification AS older
        WHERE older.state = 'pending' AND older.user = this.user AND older.id < ?1)
    AND EXISTS (
        SELECT 1 FROM notification AS part
        CROSS JOIN incident AS about ON about.id = part.incident
        CROSS JOIN incident AS other ON other.server = about.server AND other.kind = about.kind
        CROSS JOIN notification AS told ON told.user = this.user AND told.incident = other.id
        CROSS JOIN notification AS older ON older.id = coalesce(told.told_by, told.id)
        WHERE (part.id = ?1 OR part.told_by = ?1)
        AND older.state = 'pending' AND older.id < ?1
        AND coalesce(older.not_before_unix_ms, 0)
            <= max(coalesce(this.not_before_unix_ms, 0), this.created_unix_ms)
        AND EXISTS (
            SELECT 1 FROM notification_channel AS its JOIN notification_channel AS mine
            ON mine.channel = its.channel WHERE its.notification = older.id AND mine.notification = ?1)
        AND (older.thread IS NOT this.thread
            OR (this.thread IS NULL AND older.incident IS NOT this.incident))))";

impl Store {
    /// How many of a lane's notifications, from its beginning, may be sent before
    /// another lane is. Lanes do not wait for each other but for this: a word about
    /// a server must not arrive before an older one about it, or the older one would
    /// be believed. The oldest pending notification of a user never waits, and none waits
    /// for one that goes other ways alone: those may be dead, and mended meanwhile. Nor does one
    /// wait for another that waits longer for its user to be awake.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn turn(&self, lane: &[(Notification, Vec<Delivery>)]) -> Result<usize, StoreError> {
        self.read(|connection| {
            for (place, (one, _)) in lane.iter().enumerate() {
                if one.state == NotificationState::Pending && waits(connection, one.id)? {
                    return Ok(place);
                }
            }
            Ok(lane.len())
        })
    }
}

impl Batch<'_> {
    /// Whether a notification has to wait for one of another lane, with what this
    /// transaction wrote. See [`Store::turn`].
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn waits(&self, id: NotificationId) -> Result<bool, StoreError> {
        waits(self.connection, id)
    }
}

fn waits(connection: &Connection, id: NotificationId) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached(WAITS)?.query_row([id.0], |row| row.get(0))?)
}
