use std::collections::BTreeMap;

use rusqlite::{Connection, Row, named_params, params};
use watchfire_model::{IncidentId, LabelSet, Notification, NotificationId, NotificationKind};

use crate::outbox;
use crate::row::{found, readable, word};
use crate::{Batch, Store, StoreError};

/// The most letters that are remembered of one alert: the newest ones.
const MAX_LETTERS: usize = 50;
/// The most alerts of one incident that are kept after they are over: the newest ones.
const MAX_OVER: usize = 1000;
/// The most alerts that one call of [`Store::alerts_of`] returns.
pub const MAX_ALERTS_SHOWN: usize = 1000;

const COLUMNS: &str = "alert.id, alert.incident, source, alert.labels, annotations, \
     generator_url, value, starts_unix_ms, ends_unix_ms, over_unix_ms, fired";

/// Those that a start of the hub wants to know of. Three searches by an index: one with "or"
/// would read every incident.
const KNOWN: &str = "WITH known AS (SELECT alert.id FROM alert WHERE incident IN \
     (SELECT id FROM incident WHERE closed_unix_ms IS NULL \
     UNION ALL SELECT id FROM incident WHERE closed_unix_ms >= ?1) \
     UNION SELECT alert FROM alert_news)";

/// An alert as it is stored. One that fires again while its incident is open has its row again.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredAlert {
    /// Its number.
    pub id: i64,
    /// What it is told of it.
    pub facts: AlertRow,
    /// When it was over, in milliseconds since 1970; `None` while it fires.
    pub over_unix_ms: Option<i64>,
}

/// What is known of an alert when it fires.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertRow {
    /// The incident that it is in.
    pub incident: IncidentId,
    /// Who says that it fires.
    pub source: String,
    /// Its labels, `alertname` among them.
    pub labels: LabelSet,
    /// What is said of it.
    pub annotations: Vec<(String, String)>,
    /// Where it comes from.
    pub generator_url: String,
    /// The value that made it fire.
    pub value: Option<f64>,
    /// Since when, in milliseconds since 1970.
    pub starts_unix_ms: i64,
    /// When it is over unless it is named again.
    pub ends_unix_ms: Option<i64>,
    /// When it began to fire of late, oldest first.
    pub fired_unix_ms: Vec<i64>,
}

/// What a user is still to be told of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertNews {
    /// The alert.
    pub alert: i64,
    /// Who.
    pub user: String,
    /// `Firing` or `Resolved`.
    pub kind: NotificationKind,
    /// Since when it is to be told, in milliseconds since 1970.
    pub since_unix_ms: i64,
}

/// What a user knows of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertTold {
    /// The alert.
    pub alert: i64,
    /// Who.
    pub user: String,
    /// Whether the last letter said that it fires.
    pub is_firing: bool,
    /// When that letter was written down, in milliseconds since 1970.
    pub unix_ms: i64,
    /// The letter that began the thread; `None` when it is kept no more.
    pub thread: Option<NotificationId>,
}

impl Store {
    /// The alerts of incidents that are open or were closed at or after `since_unix_ms`, and
    /// those of which somebody is still to be told, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn alerts_since(&self, since_unix_ms: i64) -> Result<Vec<StoredAlert>, StoreError> {
        let sql = format!(
            "{KNOWN} SELECT {COLUMNS} FROM alert WHERE id IN (SELECT * FROM known) ORDER BY id"
        );
        self.read(|connection| {
            let mut query = connection.prepare_cached(&sql)?;
            readable(query.query_and_then([since_unix_ms], alert)?, "alert")
        })
    }

    /// The alerts of an incident, oldest first and no more than [`MAX_ALERTS_SHOWN`].
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn alerts_of(&self, incident: IncidentId) -> Result<Vec<StoredAlert>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM alert WHERE incident = ?1 ORDER BY id LIMIT ?2");
        let most = i64::try_from(MAX_ALERTS_SHOWN).unwrap_or(i64::MAX);
        self.read(|connection| {
            let mut query = connection.prepare_cached(&sql)?;
            readable(query.query_and_then([incident.0, most], alert)?, "alert")
        })
    }

    /// What users are still to be told of alerts.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn alert_news(&self) -> Result<Vec<AlertNews>, StoreError> {
        let sql = "SELECT alert, user, kind, since_unix_ms FROM alert_news ORDER BY alert, user";
        self.read(|connection| {
            let mut query = connection.prepare_cached(sql)?;
            readable(query.query_and_then([], news)?, "news of an alert")
        })
    }

    /// What users know of the alerts that [`Store::alerts_since`] finds.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn alerts_told(&self, since_unix_ms: i64) -> Result<Vec<AlertTold>, StoreError> {
        let sql = format!(
            "{KNOWN} SELECT alert, user, is_firing, unix_ms, thread FROM alert_told \
             WHERE alert IN (SELECT * FROM known)"
        );
        self.read(|connection| {
            let mut query = connection.prepare_cached(&sql)?;
            let rows = query.query_map([since_unix_ms], |row| {
                Ok(AlertTold {
                    alert: row.get(0)?,
                    user: row.get(1)?,
                    is_firing: row.get(2)?,
                    unix_ms: row.get(3)?,
                    thread: row.get::<_, Option<i64>>(4)?.map(NotificationId),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The letters that told of alerts of an incident and of others too, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn shared_letters_of(&self, id: IncidentId) -> Result<Vec<Notification>, StoreError> {
        let rest = "WHERE incident IS NULL AND id IN (SELECT alert_letter.notification \
             FROM alert JOIN alert_letter ON alert_letter.alert = alert.id \
             WHERE alert.incident = ?1) ORDER BY id";
        self.read(|connection| {
            readable(outbox::select(connection, self.channels(), rest, [id.0])?, "notification")
        })
    }
}

impl Batch<'_> {
    /// Writes down that an alert fires for the first time in its incident, and gives it a number.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such incident.
    pub fn put_alert(&self, new: &AlertRow) -> Result<i64, StoreError> {
        self.require("incident", "SELECT 1 FROM incident WHERE id = ?1", new.incident.0)?;
        let sql = "INSERT INTO alert (incident, source, labels, annotations, generator_url, value, \
             starts_unix_ms, ends_unix_ms, fired) VALUES (:incident, :source, :labels, \
             :annotations, :generator_url, :value, :starts, :ends, :fired)";
        self.forget_old_alerts(new.incident)?;
        Ok(self.connection.prepare_cached(sql)?.insert(named_params! {
            ":incident": new.incident.0,
            ":source": new.source,
            ":labels": labels_text(&new.labels)?,
            ":annotations": annotations_text(&new.annotations)?,
            ":generator_url": new.generator_url,
            ":value": number(new.value),
            ":starts": new.starts_unix_ms,
            ":ends": new.ends_unix_ms,
            ":fired": moments_text(&new.fired_unix_ms)?,
        })?)
    }

    fn forget_old_alerts(&self, incident: IncidentId) -> Result<(), StoreError> {
        let sql = "DELETE FROM alert WHERE incident = ?1 AND over_unix_ms IS NOT NULL AND id <= \
             (SELECT id FROM alert WHERE incident = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)";
        let most = i64::try_from(MAX_OVER).unwrap_or(i64::MAX);
        self.connection.prepare_cached(sql)?.execute([incident.0, most])?;
        Ok(())
    }

    /// Writes down how an alert stands now; its incident, source and labels stay.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such alert.
    pub fn change_alert(&self, now: &StoredAlert) -> Result<(), StoreError> {
        let sql = "UPDATE alert SET annotations = :annotations, generator_url = :generator_url, \
             value = :value, starts_unix_ms = :starts, ends_unix_ms = :ends, \
             over_unix_ms = :over, fired = :fired WHERE id = :id";
        let facts = &now.facts;
        let changed = self.connection.prepare_cached(sql)?.execute(named_params! {
            ":id": now.id,
            ":annotations": annotations_text(&facts.annotations)?,
            ":generator_url": facts.generator_url,
            ":value": number(facts.value),
            ":starts": facts.starts_unix_ms,
            ":ends": facts.ends_unix_ms,
            ":over": now.over_unix_ms,
            ":fired": moments_text(&facts.fired_unix_ms)?,
        })?;
        found(changed, "alert", now.id)
    }

    /// Writes down what a user is still to be told of an alert, in the place of what was to be
    /// told before.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such alert.
    pub fn put_alert_news(&self, news: &AlertNews) -> Result<(), StoreError> {
        self.require("alert", "SELECT 1 FROM alert WHERE id = ?1", news.alert)?;
        let sql = "INSERT INTO alert_news VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (alert, user) DO UPDATE SET kind = ?3";
        let params = params![news.alert, news.user, news.kind.as_str(), news.since_unix_ms];
        self.connection.prepare_cached(sql)?.execute(params)?;
        Ok(())
    }

    /// There is nothing to tell a user of an alert any more.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn end_alert_news(&self, alert: i64, user: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM alert_news WHERE alert = ?1 AND user = ?2";
        self.connection.prepare_cached(sql)?.execute(params![alert, user])?;
        Ok(())
    }

    /// Writes down what a user knows of an alert since `letter`, and that nothing is left to tell.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn put_alert_told(
        &self,
        told: &AlertTold,
        letter: NotificationId,
    ) -> Result<(), StoreError> {
        self.end_alert_news(told.alert, &told.user)?;
        let sql = "INSERT INTO alert_told VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (alert, user) \
             DO UPDATE SET is_firing = ?3, unix_ms = ?4, thread = ?5";
        self.connection.prepare_cached(sql)?.execute(params![
            told.alert,
            told.user,
            told.is_firing,
            told.unix_ms,
            told.thread.map(|first| first.0),
        ])?;
        let sql = "INSERT OR IGNORE INTO alert_letter VALUES (?1, ?2)";
        self.connection.prepare_cached(sql)?.execute([told.alert, letter.0])?;
        let sql = "DELETE FROM alert_letter WHERE alert = ?1 AND notification <= \
             (SELECT notification FROM alert_letter WHERE alert = ?1 \
             ORDER BY notification DESC LIMIT 1 OFFSET ?2)";
        let most = i64::try_from(MAX_LETTERS).unwrap_or(i64::MAX);
        self.connection.prepare_cached(sql)?.execute([told.alert, most])?;
        Ok(())
    }
}

/// Whether an alert fires of which a letter of that thread told.
pub(crate) fn thread_fires(
    connection: &Connection,
    first: NotificationId,
) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM alert_told JOIN alert ON alert.id = alert_told.alert \
         WHERE alert_told.thread = ?1 AND alert.over_unix_ms IS NULL)";
    Ok(connection.prepare_cached(sql)?.query_row([first.0], |row| row.get(0))?)
}

fn alert(row: &Row<'_>) -> Result<StoredAlert, StoreError> {
    let text = |at: usize| row.get::<_, String>(at);
    let (labels, annotations, fired) = (text(3)?, text(4)?, text(10)?);
    let labels: BTreeMap<String, String> = serde_json::from_str(&labels).map_err(unreadable)?;
    let pairs = labels.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into()));
    Ok(StoredAlert {
        id: row.get(0)?,
        facts: AlertRow {
            incident: IncidentId(row.get(1)?),
            source: row.get(2)?,
            labels: LabelSet::new(pairs),
            annotations: serde_json::from_str(&annotations).map_err(unreadable)?,
            generator_url: row.get(5)?,
            value: row.get(6)?,
            starts_unix_ms: row.get(7)?,
            ends_unix_ms: row.get(8)?,
            fired_unix_ms: serde_json::from_str(&fired).map_err(unreadable)?,
        },
        over_unix_ms: row.get(9)?,
    })
}

fn news(row: &Row<'_>) -> Result<AlertNews, StoreError> {
    Ok(AlertNews {
        alert: row.get(0)?,
        user: row.get(1)?,
        kind: word(row, 2, &NotificationKind::ALL, NotificationKind::as_str, "notification kind")?,
        since_unix_ms: row.get(3)?,
    })
}

/// SQLite has no "not a number": it is no value.
fn number(value: Option<f64>) -> Option<f64> {
    value.filter(|value| !value.is_nan())
}

fn labels_text(labels: &LabelSet) -> Result<String, StoreError> {
    serde_json::to_string(&labels.iter().collect::<BTreeMap<_, _>>()).map_err(unreadable)
}

fn annotations_text(annotations: &[(String, String)]) -> Result<String, StoreError> {
    serde_json::to_string(annotations).map_err(unreadable)
}

fn moments_text(unix_ms: &[i64]) -> Result<String, StoreError> {
    serde_json::to_string(unix_ms).map_err(unreadable)
}

fn unreadable(why: impl ToString) -> StoreError {
    StoreError::Unreadable { what: "alert", why: why.to_string() }
}
