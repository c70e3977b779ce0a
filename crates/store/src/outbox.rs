use rusqlite::{Connection, OptionalExtension, Params, Row, named_params, params};
use watchfire_model::{
    Channel, Content, IncidentId, Moment, Notification, NotificationId, NotificationKind,
    NotificationState, ServerName, Severity,
};

use crate::alerts::thread_fires;
use crate::channels::Channels;
use crate::row::{found, moment, nanos, readable, word};
use crate::{Batch, Store, StoreError};

const SELECT: &str = "SELECT id, incident, user, kind, subject, text, html, first_subject, \
     first_text, first_html, message_id, created_mono_ns, created_unix_ms, state, thread, \
     not_before_unix_ms FROM notification";

/// Which others a notification must arrive in order with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Thread {
    /// Those about its incident; a report with none.
    #[default]
    OfIncident,
    /// Those that follow it, whatever they are about.
    Own,
    /// That one, which began a thread of its own, and all that follow it.
    Of(NotificationId),
}

/// What a notification is about, as things stand now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The server of its incident, if it has one.
    pub server: Option<ServerName>,
    /// False while an incident goes on that its thread tells of.
    pub is_over: bool,
    /// How grave it is: of a letter about alerts, what the gravest of these says, and else what
    /// its incidents do. What is about none is critical.
    pub severity: Severity,
}

/// A notification that is about to be written down, to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNotification {
    /// The incident it tells of; `None` for a report and for one that tells of several.
    pub incident: Option<IncidentId>,
    /// What it must arrive in order with.
    pub thread: Thread,
    /// True when it is not to be sent before [`Batch::release`].
    pub held: bool,
    /// Who is told.
    pub user: String,
    /// What it tells.
    pub kind: NotificationKind,
    /// The ways to reach the user, preferred first.
    pub channels: Vec<Channel>,
    /// The words.
    pub content: Content,
    /// The words instead, when none before it about this incident was ever sent.
    pub content_if_first: Option<Content>,
    /// The mail `Message-ID`, without brackets. No two notifications share one.
    pub message_id: String,
    /// The `Message-ID`s of the earlier ones to this user that it goes on from.
    pub references: Vec<String>,
    /// When it is written down.
    pub created: Moment,
}

impl Store {
    /// Every notification about an incident, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn notifications_of(&self, id: IncidentId) -> Result<Vec<Notification>, StoreError> {
        self.read(|connection| {
            readable(
                select(connection, self.channels(), "WHERE incident = ?1 ORDER BY id", [id.0])?,
                "notification",
            )
        })
    }

    /// The first notification of each thread of the hub's own cut whose end was not
    /// told: at most one a user.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn cuts_not_ended(&self) -> Result<Vec<Notification>, StoreError> {
        let rest = "WHERE kind = 'cut_off' AND id IN (SELECT max(id) FROM notification \
             WHERE kind IN ('cut_off', 'hub_back') GROUP BY user) ORDER BY id";
        self.read(|connection| {
            readable(select(connection, self.channels(), rest, [])?, "notification")
        })
    }

    /// The first notification of each thread of the hub's own full disk whose end was not
    /// told: at most one a user.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn full_disks_not_ended(&self) -> Result<Vec<Notification>, StoreError> {
        let rest = "WHERE incident IS NULL AND kind = 'disk_full' AND id IN (SELECT max(id) \
             FROM notification WHERE incident IS NULL AND kind IN ('disk_full', 'disk_room') \
             GROUP BY user) ORDER BY id";
        self.read(|connection| {
            readable(select(connection, self.channels(), rest, [])?, "notification")
        })
    }

    /// What is pending, with numbers above `after`, in order and no more than `most`.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn pending_after(
        &self,
        after: NotificationId,
        most: usize,
    ) -> Result<Vec<Notification>, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rest = "WHERE state = 'pending' AND id > ?1 ORDER BY id LIMIT ?2";
        self.read(|connection| {
            readable(select(connection, self.channels(), rest, [after.0, most])?, "notification")
        })
    }

    /// One notification, if it is there.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn notification(&self, id: NotificationId) -> Result<Option<Notification>, StoreError> {
        let rows =
            self.read(|connection| select(connection, self.channels(), "WHERE id = ?1", [id.0]))?;
        rows.into_iter().next().transpose()
    }

    /// What a notification is about, as things stand now; of one that is not there, nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn about(&self, id: NotificationId) -> Result<About, StoreError> {
        let sql = "SELECT incident.server, notification.thread, incident.severity \
             FROM notification LEFT JOIN incident ON incident.id = notification.incident WHERE notification.id = ?1";
        self.read(|connection| {
            let mut query = connection.prepare_cached(sql)?;
            let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            let found: Option<(Option<String>, Option<i64>, Option<String>)> =
                query.query_row([id.0], row).optional()?;
            let (server, thread, of_incident) = found.unwrap_or_default();
            let is_over = match thread {
                Some(first) => !goes_on(connection, NotificationId(first))?,
                None => true,
            };
            let server = server.and_then(|name| ServerName::new(&name).ok());
            let severity = match alerts_severity(connection, id)? {
                Some(severity) => severity,
                None => of_incident
                    .and_then(|word| Severity::ALL.into_iter().find(|one| one.as_str() == word))
                    .unwrap_or(Severity::Critical),
            };
            Ok(About { server, is_over, severity })
        })
    }

    /// The letters that told that a server comes and goes, from then on, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn flapping_since(&self, unix_ms: i64) -> Result<Vec<Notification>, StoreError> {
        let rest = "WHERE kind = 'flapping' AND created_unix_ms >= ?1 ORDER BY id";
        self.read(|connection| {
            readable(select(connection, self.channels(), rest, [unix_ms])?, "notification")
        })
    }
}

impl Batch<'_> {
    /// Every notification about an incident, oldest first, with what this
    /// transaction wrote.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn notifications_of(&self, id: IncidentId) -> Result<Vec<Notification>, StoreError> {
        let rows =
            select(self.connection, self.channels, "WHERE incident = ?1 ORDER BY id", [id.0])?;
        rows.into_iter().collect()
    }

    /// One notification, with what this transaction wrote.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn notification(&self, id: NotificationId) -> Result<Option<Notification>, StoreError> {
        let rows = select(self.connection, self.channels, "WHERE id = ?1", [id.0])?;
        rows.into_iter().next().transpose()
    }

    /// Writes a notification down, pending or held. When there is one with the same
    /// `message_id`, its number is returned and nothing is changed: the same
    /// event is never told twice.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such incident, or none that it
    /// follows.
    pub fn enqueue(&self, new: &NewNotification) -> Result<NotificationId, StoreError> {
        let sql = "SELECT id FROM notification WHERE message_id = ?1";
        let mut query = self.connection.prepare_cached(sql)?;
        let known = query.query_row([&new.message_id], |row| row.get(0)).optional()?;
        if let Some(id) = known {
            return Ok(NotificationId(id));
        }
        if let Some(incident) = new.incident {
            self.require("incident", "SELECT 1 FROM incident WHERE id = ?1", incident.0)?;
        }
        if let Thread::Of(first) = new.thread {
            self.require("notification", "SELECT 1 FROM notification WHERE id = ?1", first.0)?;
        }
        let id = self.insert_notification(new)?;
        if new.thread == Thread::Own {
            self.set_thread(id, id)?;
        }
        self.insert_channels(id, &new.channels)?;
        let reference = "INSERT INTO notification_reference VALUES (?1, ?2, ?3)";
        self.insert_list(reference, id, new.references.iter().map(String::as_str))?;
        Ok(id)
    }

    /// The `Message-ID` of the one that told what a merged notification was held for.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn teller_of(&self, merged: NotificationId) -> Result<Option<String>, StoreError> {
        let sql = "SELECT message_id FROM notification \
             WHERE id = (SELECT told_by FROM notification WHERE id = ?1)";
        Ok(self
            .connection
            .prepare_cached(sql)?
            .query_row([merged.0], |row| row.get(0))
            .optional()?)
    }

    /// Whether an incident goes on whose beginning `first` told, or what follows it.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn thread_goes_on(&self, first: NotificationId) -> Result<bool, StoreError> {
        goes_on(self.connection, first)
    }

    /// Says where a notification stands now.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such notification.
    pub fn set_state(
        &self,
        notification: NotificationId,
        state: NotificationState,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE notification SET state = ?2 WHERE id = ?1";
        let changed = self
            .connection
            .prepare_cached(sql)?
            .execute(params![notification.0, state.as_str()])?;
        found(changed, "notification", notification.0)
    }

    /// Lets a notification wait until a moment, in milliseconds since 1970: its user sleeps.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such notification.
    pub fn defer(
        &self,
        notification: NotificationId,
        not_before_ms: i64,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE notification SET not_before_unix_ms = ?2 WHERE id = ?1";
        let changed =
            self.connection.prepare_cached(sql)?.execute([notification.0, not_before_ms])?;
        found(changed, "notification", notification.0)
    }

    /// Sends a notification by other channels than it was written down with, and lets it wait
    /// until another moment, in milliseconds since 1970, or for none.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such notification.
    pub fn reroute(
        &self,
        notification: NotificationId,
        channels: &[Channel],
        not_before_ms: Option<i64>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE notification SET not_before_unix_ms = ?2 WHERE id = ?1";
        let mut update = self.connection.prepare_cached(sql)?;
        found(
            update.execute(params![notification.0, not_before_ms])?,
            "notification",
            notification.0,
        )?;
        let sql = "DELETE FROM notification_channel WHERE notification = ?1";
        self.connection.prepare_cached(sql)?.execute([notification.0])?;
        self.insert_channels(notification, channels)
    }

    fn insert_channels(
        &self,
        notification: NotificationId,
        channels: &[Channel],
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO notification_channel VALUES (?1, ?2, ?3)";
        let marks: Vec<String> = channels.iter().map(|one| self.channels.mark(one)).collect();
        self.insert_list(sql, notification, marks.iter().map(String::as_str))
    }

    fn insert_notification(&self, new: &NewNotification) -> Result<NotificationId, StoreError> {
        let sql = "INSERT INTO notification (incident, user, kind, subject, text, html, \
             first_subject, first_text, first_html, message_id, created_mono_ns, \
             created_unix_ms, state, thread) VALUES (:incident, :user, :kind, :subject, :text, \
             :html, :first_subject, :first_text, :first_html, :message_id, :created_mono, \
             :created_unix, :state, :thread)";
        let state = if new.held { NotificationState::Held } else { NotificationState::Pending };
        let thread = match new.thread {
            Thread::Of(first) => Some(first.0),
            Thread::OfIncident | Thread::Own => None,
        };
        let first = new.content_if_first.as_ref();
        let id = self.connection.prepare_cached(sql)?.insert(named_params! {
            ":incident": new.incident.map(|id| id.0),
            ":user": new.user,
            ":kind": new.kind.as_str(),
            ":subject": new.content.subject,
            ":text": new.content.text,
            ":html": new.content.html,
            ":first_subject": first.map(|content| &content.subject),
            ":first_text": first.map(|content| &content.text),
            ":first_html": first.map(|content| &content.html),
            ":message_id": new.message_id,
            ":created_mono": nanos(new.created.monotonic),
            ":created_unix": new.created.unix_ms,
            ":state": state.as_str(),
            ":thread": thread,
        })?;
        Ok(NotificationId(id))
    }

    fn set_thread(&self, id: NotificationId, first: NotificationId) -> Result<(), StoreError> {
        let sql = "UPDATE notification SET thread = ?2 WHERE id = ?1";
        let changed = self.connection.prepare_cached(sql)?.execute([id.0, first.0])?;
        found(changed, "notification", id.0)
    }

    fn insert_list<'t>(
        &self,
        sql: &str,
        id: NotificationId,
        texts: impl Iterator<Item = &'t str>,
    ) -> Result<(), StoreError> {
        let mut insert = self.connection.prepare_cached(sql)?;
        for (place, text) in (0_i64..).zip(texts) {
            insert.execute(params![id.0, place, text])?;
        }
        Ok(())
    }
}

/// How grave the gravest of the alerts is of which a letter tells, if it tells of any.
fn alerts_severity(
    connection: &Connection,
    letter: NotificationId,
) -> Result<Option<Severity>, StoreError> {
    // A letter has alerts of one severity, and their authors few words for it.
    let sql = "SELECT DISTINCT coalesce(json_extract(alert.labels, '$.severity'), '') \
         FROM alert_letter JOIN alert ON alert.id = alert_letter.alert \
         WHERE alert_letter.notification = ?1 LIMIT 100";
    let mut query = connection.prepare_cached(sql)?;
    let words = query.query_map([letter.0], |row| row.get(0))?;
    let words: Vec<String> = words.collect::<Result<_, _>>()?;
    Ok(words.iter().map(|word| Severity::of_label(word)).max())
}

fn goes_on(connection: &Connection, first: NotificationId) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM notification JOIN incident \
         ON incident.id = notification.incident \
         WHERE notification.thread = ?1 AND incident.closed_unix_ms IS NULL \
         AND incident.kind = 'presence')";
    let goes_on: bool = connection.prepare_cached(sql)?.query_row([first.0], |row| row.get(0))?;
    // An incident of alerts may go on for others than those that this thread told.
    Ok(goes_on || thread_fires(connection, first)?)
}

/// The notifications that `rest`, the end of the SQL, asks for.
pub(crate) fn select(
    connection: &Connection,
    channels: &Channels,
    rest: &str,
    params: impl Params,
) -> Result<Vec<Result<Notification, StoreError>>, StoreError> {
    let mut query = connection.prepare_cached(&format!("{SELECT} {rest}"))?;
    let mut notifications: Vec<_> = query.query_and_then(params, notification)?.collect();
    for notification in notifications.iter_mut().flatten() {
        let sql = "SELECT channel FROM notification_channel WHERE notification = ?1 ORDER BY place";
        let marks = texts(connection, sql, notification.id)?;
        notification.channels = marks.iter().map(|mark| channels.of(mark)).collect();
        let sql =
            "SELECT message_id FROM notification_reference WHERE notification = ?1 ORDER BY place";
        notification.references = texts(connection, sql, notification.id)?;
    }
    Ok(notifications)
}

fn texts(
    connection: &Connection,
    sql: &str,
    id: NotificationId,
) -> Result<Vec<String>, StoreError> {
    let mut query = connection.prepare_cached(sql)?;
    let rows = query.query_map([id.0], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// All of a notification but its two lists.
fn notification(row: &Row<'_>) -> Result<Notification, StoreError> {
    let content_if_first = match row.get::<_, Option<String>>(7)? {
        Some(subject) => Some(Content { subject, text: row.get(8)?, html: row.get(9)? }),
        None => None,
    };
    Ok(Notification {
        id: NotificationId(row.get(0)?),
        incident: row.get::<_, Option<i64>>(1)?.map(IncidentId),
        thread: row.get::<_, Option<i64>>(14)?.map(NotificationId),
        user: row.get(2)?,
        kind: word(row, 3, &NotificationKind::ALL, NotificationKind::as_str, "notification kind")?,
        channels: Vec::new(),
        content: Content { subject: row.get(4)?, text: row.get(5)?, html: row.get(6)? },
        content_if_first,
        message_id: row.get(10)?,
        references: Vec::new(),
        created: moment(row, 11)?,
        not_before_ms: row.get(15)?,
        state: word(
            row,
            13,
            &NotificationState::ALL,
            NotificationState::as_str,
            "notification state",
        )?,
    })
}
