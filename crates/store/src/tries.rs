use rusqlite::{Connection, OptionalExtension, Row, params};
use watchfire_model::{
    Channel, Delivery, DeliveryOutcome, Moment, NotificationId, NotificationState,
};

use crate::channels::Channels;
use crate::row::{moment, moment_if_any, nanos, readable, word};
use crate::{Batch, Store, StoreError};

/// The most deliveries that are kept of one notification: at one try a minute,
/// more than half a day. When a further one begins, the oldest one goes.
pub const MAX_TRIES_KEPT: u32 = 1000;

/// The number of a delivery; they grow by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub i64);

/// A message that went out by a channel, or may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The channel.
    pub channel: Channel,
    /// When its try began, in milliseconds since 1970.
    pub unix_ms: i64,
}

/// The last try to tell a user by a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastTry {
    /// The channel.
    pub channel: Channel,
    /// When it began, in milliseconds since 1970.
    pub unix_ms: i64,
    /// `accepted`, `retry`, `refused` or `unknown`.
    pub outcome: String,
    /// The provider's words, or why it failed.
    pub words: String,
}

impl Store {
    /// The last try by each channel of a user, among the newest `most` of all tries.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn last_tries(&self, user: &str, most: usize) -> Result<Vec<LastTry>, StoreError> {
        // Of each channel SQLite takes the row whose number is the largest.
        let sql = "SELECT d.channel, d.began_unix_ms, d.outcome, d.words, max(d.id) FROM \
             (SELECT * FROM delivery ORDER BY id DESC LIMIT ?2) AS d \
             JOIN notification AS n ON n.id = d.notification WHERE n.user = ?1 \
             GROUP BY d.channel";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.read(|connection| {
            let mut query = connection.prepare_cached(sql)?;
            let tries = query.query_map(params![user, most], |row| {
                let mark: String = row.get(0)?;
                let (unix_ms, outcome, words) = (row.get(1)?, row.get(2)?, row.get(3)?);
                Ok(LastTry { channel: self.channels().of(&mark), unix_ms, outcome, words })
            })?;
            Ok(tries.collect::<Result<_, _>>()?)
        })
    }

    /// What went out since a moment, in milliseconds since 1970, or may have: the newest `most`.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn sent_since(&self, unix_ms: i64, most: usize) -> Result<Vec<Sent>, StoreError> {
        // By number, because there is no index by time and the newest are what is wanted.
        let sql = "SELECT channel, began_unix_ms FROM (SELECT channel, began_unix_ms, outcome, \
             maybe_accepted FROM delivery ORDER BY id DESC LIMIT ?2) WHERE began_unix_ms >= ?1 \
             AND (outcome IN ('accepted', 'unknown') OR maybe_accepted)";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.read(|connection| {
            let mut query = connection.prepare_cached(sql)?;
            let sent = query.query_map([unix_ms, most], |row| {
                let mark: String = row.get(0)?;
                Ok(Sent { channel: self.channels().of(&mark), unix_ms: row.get(1)? })
            })?;
            Ok(sent.collect::<Result<_, _>>()?)
        })
    }

    /// The tries to hand over one notification, oldest first; of one that another
    /// told as well, those of the other.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn deliveries_of(&self, id: NotificationId) -> Result<Vec<Delivery>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT coalesce(told_by, id) FROM notification WHERE id = ?1";
            let told_by = connection.prepare_cached(sql)?.query_row([id.0], |row| row.get(0));
            select(connection, self.channels(), told_by.optional()?.map_or(id, NotificationId))
        })
    }
}

impl Batch<'_> {
    /// Writes down that a try begins. It is done before the try itself, so that
    /// after a crash the hub knows that it may have sent something.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such notification, and
    /// [`StoreError::NotPending`] when it is not to be sent any more.
    pub fn begin_delivery(
        &self,
        notification: NotificationId,
        channel: &Channel,
        began: Moment,
    ) -> Result<DeliveryId, StoreError> {
        self.require_pending(notification)?;
        let attempt = self.next_attempt(notification)?;
        let sql = "INSERT INTO delivery (notification, channel, attempt, began_mono_ns, \
             began_unix_ms, outcome, words, maybe_accepted) \
             VALUES (?1, ?2, ?3, ?4, ?5, 'unknown', '', FALSE)";
        let id = self.connection.prepare_cached(sql)?.insert(params![
            notification.0,
            self.channels.mark(channel),
            attempt,
            nanos(began.monotonic),
            began.unix_ms,
        ])?;
        let sql = "DELETE FROM delivery WHERE notification = ?1 AND attempt <= ?2";
        let forgotten = i64::from(attempt) - i64::from(MAX_TRIES_KEPT);
        self.connection.prepare_cached(sql)?.execute(params![notification.0, forgotten])?;
        Ok(DeliveryId(id))
    }

    /// Writes down how a try ended.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such delivery, and
    /// [`StoreError::AlreadyEnded`] when its end is known.
    pub fn end_delivery(
        &self,
        delivery: DeliveryId,
        ended: Moment,
        outcome: &DeliveryOutcome,
    ) -> Result<(), StoreError> {
        let (word, words, maybe_accepted) = columns(outcome);
        let sql = "UPDATE delivery SET ended_mono_ns = ?2, ended_unix_ms = ?3, outcome = ?4, \
             words = ?5, maybe_accepted = ?6 WHERE id = ?1 AND ended_unix_ms IS NULL";
        let changed = self.connection.prepare_cached(sql)?.execute(params![
            delivery.0,
            nanos(ended.monotonic),
            ended.unix_ms,
            word,
            words,
            maybe_accepted,
        ])?;
        if changed == 0 {
            self.require("delivery", "SELECT 1 FROM delivery WHERE id = ?1", delivery.0)?;
            return Err(StoreError::AlreadyEnded { id: delivery.0 });
        }
        Ok(())
    }

    fn require_pending(&self, id: NotificationId) -> Result<(), StoreError> {
        let sql = "SELECT state FROM notification WHERE id = ?1";
        let mut query = self.connection.prepare_cached(sql)?;
        let state = query
            .query_and_then([id.0], |row| {
                word(row, 0, &NotificationState::ALL, NotificationState::as_str, "state")
            })?
            .next()
            .ok_or(StoreError::NotFound { what: "notification", id: id.0 })??;
        match state {
            NotificationState::Pending => Ok(()),
            state => Err(StoreError::NotPending { id: id.0, state }),
        }
    }

    fn next_attempt(&self, id: NotificationId) -> Result<u32, StoreError> {
        let sql = "SELECT attempt FROM delivery WHERE notification = ?1 \
             ORDER BY attempt DESC LIMIT 1";
        let mut query = self.connection.prepare_cached(sql)?;
        let last: Option<u32> = query.query_row([id.0], |row| row.get(0)).optional()?;
        Ok(last.unwrap_or(0).saturating_add(1))
    }
}

/// The tries of one notification, oldest first.
pub(crate) fn select(
    connection: &Connection,
    channels: &Channels,
    id: NotificationId,
) -> Result<Vec<Delivery>, StoreError> {
    let sql = "SELECT notification, channel, attempt, began_mono_ns, began_unix_ms, \
         ended_mono_ns, ended_unix_ms, outcome, words, maybe_accepted \
         FROM delivery WHERE notification = ?1 ORDER BY attempt";
    let mut query = connection.prepare_cached(sql)?;
    readable(query.query_and_then([id.0], |row| delivery(row, channels))?, "delivery")
}

fn delivery(row: &Row<'_>, channels: &Channels) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        notification: NotificationId(row.get(0)?),
        channel: channels.of(&row.get::<_, String>(1)?),
        attempt: row.get(2)?,
        began: moment(row, 3)?,
        ended: moment_if_any(row, 5)?,
        outcome: outcome(row)?,
    })
}

fn columns(outcome: &DeliveryOutcome) -> (&'static str, &str, bool) {
    match outcome {
        DeliveryOutcome::Unknown => ("unknown", "", false),
        DeliveryOutcome::Accepted { reply } => ("accepted", reply, false),
        DeliveryOutcome::Retry { why, maybe_accepted } => ("retry", why, *maybe_accepted),
        DeliveryOutcome::Refused { why } => ("refused", why, false),
    }
}

fn outcome(row: &Row<'_>) -> Result<DeliveryOutcome, StoreError> {
    let outcome: String = row.get(7)?;
    let words: String = row.get(8)?;
    match outcome.as_str() {
        "unknown" => Ok(DeliveryOutcome::Unknown),
        "accepted" => Ok(DeliveryOutcome::Accepted { reply: words }),
        "retry" => Ok(DeliveryOutcome::Retry { why: words, maybe_accepted: row.get(9)? }),
        "refused" => Ok(DeliveryOutcome::Refused { why: words }),
        other => {
            let why = format!("{other:?} is not one this release knows");
            Err(StoreError::Unreadable { what: "delivery outcome", why })
        }
    }
}
