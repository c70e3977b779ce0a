use rusqlite::{Row, params};
use watchfire_model::{Delivery, IncidentId, Notification, NotificationId};

use crate::row::readable;
use crate::{Store, StoreError, outbox, tries};

/// The most lanes that [`Store::lanes`] returns. The others come once these are done.
pub const MAX_LANES: usize = 10_000;

/// The lanes, `?1` at most, of which `?2` are the oldest ones of each user in turn.
///
/// Lanes of which all waits for its user to be awake come last: thousands of them may wait
/// for a Monday, and must hide no alarm.
///
/// The attempts of a notification are numbered, so the last number is how many there
/// were, of which the oldest may be forgotten.
const LANES: &str = "WITH lane AS (
        SELECT user, CASE WHEN thread IS NULL THEN incident END AS about, min(id) AS oldest,
            max(id) AS newest, min(not_before_unix_ms IS NOT NULL) AS sleeps, sum(coalesce((SELECT max(attempt) FROM delivery
                WHERE delivery.notification = notification.id), 0)) AS tries, thread
        FROM notification WHERE state = 'pending'
        GROUP BY user, about, thread, CASE WHEN incident IS NULL AND thread IS NULL THEN id END),
    of_user AS (SELECT *, row_number() OVER (PARTITION BY user ORDER BY sleeps, oldest) AS place FROM lane),
    aged AS (SELECT *, row_number() OVER (ORDER BY sleeps, place, oldest) AS age FROM of_user)
    SELECT user, about, oldest, newest, tries, thread FROM
        (SELECT * FROM aged ORDER BY age > ?2, sleeps, tries, oldest LIMIT ?1)
    ORDER BY tries, oldest";

/// What the notifications of a lane are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LaneAbout {
    /// This incident.
    Incident(IncidentId),
    /// Nothing but itself: a report waits for no other.
    Report(NotificationId),
    /// What this one began to tell: of many servers, of one that comes and goes, or
    /// of the hub itself.
    Thread(NotificationId),
}

/// Notifications that must reach one user in order: those about one incident, those
/// of one thread, or one report alone. Lanes do not wait for each other, but see
/// [`Store::turn`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneKey {
    /// Who is told.
    pub user: String,
    /// What about.
    pub about: LaneAbout,
}

impl LaneKey {
    /// The lane that `notification` is in.
    #[must_use]
    pub fn of(notification: &Notification) -> Self {
        let about = match (notification.thread, notification.incident) {
            (Some(first), _) => LaneAbout::Thread(first),
            (None, Some(incident)) => LaneAbout::Incident(incident),
            (None, None) => LaneAbout::Report(notification.id),
        };
        Self { user: notification.user.clone(), about }
    }
}

/// A lane that holds a pending notification, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingLane {
    /// Which.
    pub key: LaneKey,
    /// How often its pending notifications were tried, all together.
    pub tries: u64,
    /// Its oldest pending notification.
    pub oldest: NotificationId,
    /// Its newest pending notification.
    pub newest: NotificationId,
}

impl Store {
    /// The lanes that hold a pending notification, the least tried ones first
    /// and of these the oldest ones, and no more than [`MAX_LANES`]. Where there are
    /// more, half of the places are for the oldest lanes of each user: untried ones may
    /// all wait for an older one that was tried (see [`turn`](Self::turn)), which must not
    /// be hidden behind them.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn lanes(&self) -> Result<Vec<PendingLane>, StoreError> {
        self.lanes_up_to(MAX_LANES)
    }

    fn lanes_up_to(&self, most: usize) -> Result<Vec<PendingLane>, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.read(|connection| {
            connection.prepare_cached(LANES)?.query_and_then([most, most / 2], pending)?.collect()
        })
    }

    /// All notifications of a lane, whatever their state, in the order in which
    /// they are to be sent, each with its tries. Those that others of a thread told
    /// are left out: there may be thousands of them.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn lane(&self, key: &LaneKey) -> Result<Vec<(Notification, Vec<Delivery>)>, StoreError> {
        self.read(|connection| {
            let notifications = match key.about {
                LaneAbout::Incident(incident) => outbox::select(
                    connection,
                    self.channels(),
                    "WHERE user = ?1 AND incident = ?2 AND thread IS NULL ORDER BY id",
                    params![key.user, incident.0],
                ),
                LaneAbout::Thread(first) => outbox::select(
                    connection,
                    self.channels(),
                    "WHERE user = ?1 AND thread = ?2 AND state <> 'merged' ORDER BY id",
                    params![key.user, first.0],
                ),
                LaneAbout::Report(id) => outbox::select(
                    connection,
                    self.channels(),
                    "WHERE user = ?1 AND id = ?2 AND incident IS NULL AND thread IS NULL",
                    params![key.user, id.0],
                ),
            }?;
            let notifications = readable(notifications, "notification")?;
            let with_tries = |notification: Notification| {
                let tries = tries::select(connection, self.channels(), notification.id)?;
                Ok((notification, tries))
            };
            notifications.into_iter().map(with_tries).collect()
        })
    }
}

fn pending(row: &Row<'_>) -> Result<PendingLane, StoreError> {
    Ok(PendingLane {
        key: key(row)?,
        tries: row.get::<_, i64>(4)?.unsigned_abs(),
        oldest: NotificationId(row.get(2)?),
        newest: NotificationId(row.get(3)?),
    })
}

fn key(row: &Row<'_>) -> Result<LaneKey, StoreError> {
    let about = match (row.get::<_, Option<i64>>(5)?, row.get::<_, Option<i64>>(1)?) {
        (Some(first), _) => LaneAbout::Thread(NotificationId(first)),
        (None, Some(incident)) => LaneAbout::Incident(IncidentId(incident)),
        (None, None) => LaneAbout::Report(NotificationId(row.get(2)?)),
    };
    Ok(LaneKey { user: row.get(0)?, about })
}

#[cfg(test)]
mod tests;
