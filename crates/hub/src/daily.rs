//! The daily report, `report = "08:00"`: once a day at the user's time.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use tokio::sync::Notify;
use watchfire_alert::message_id;
use watchfire_model::{Moment, NotificationKind};
use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_store::{NewNotification, Store, StoreError, Thread};

use crate::config::User;
use crate::fleet::Fleet;
use crate::report;

/// How often the time of day is looked at.
const LOOK: Duration = Duration::from_secs(10);
/// A report that was missed by more, because the hub was off, waits for the next day.
const LATEST: Duration = Duration::from_secs(6 * 3600);

/// Sends the daily reports.
pub(crate) struct Daily {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) store: Store,
    pub(crate) users: Vec<User>,
    pub(crate) public_url: String,
    pub(crate) hub_id: String,
    pub(crate) courier: Arc<Notify>,
}

impl Daily {
    /// Works until the end is asked for.
    pub(crate) async fn run(self: Arc<Self>, clock: Clock, shutdown: Shutdown) {
        let started = clock.now();
        loop {
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = clock.sleep(LOOK) => {}
            }
            let (daily, now) = (self.clone(), clock.now());
            let sent = task::blocking("daily report", move || daily.write_due(started, now)).await;
            match sent {
                Ok(Ok(0)) => {}
                Ok(Ok(_)) => self.courier.notify_one(),
                Ok(Err(error)) => tracing::error!(%error, "a daily report cannot be stored"),
                Err(failed) => tracing::error!(%failed, "a daily report failed"),
            }
        }
    }

    /// Writes the reports that are due into the outbox, and says how many.
    fn write_due(&self, started: Moment, now: Moment) -> Result<usize, StoreError> {
        let mut written = 0;
        // A time in the future is from a wall clock that was wrong: what it says
        // must not keep the reports back until then.
        let started_ms = match started.unix_ms {
            past if past <= now.unix_ms => past,
            _ => now.before(now.since(started)).unix_ms,
        };
        for user in self.users.iter().filter(|user| !user.channels.is_empty()) {
            let Some(minutes) = user.report else { continue };
            let Some(due_ms) = last_due(minutes, &user.time_zone, now.unix_ms) else { continue };
            // A hub that never sent one begins with the first time it lives to see.
            let last_ms = self.store.last_report(&user.name)?;
            let last_ms = last_ms.filter(|last| *last <= now.unix_ms).unwrap_or(started_ms);
            let too_late = now.unix_ms - due_ms > i64::try_from(LATEST.as_millis()).unwrap_or(0);
            if last_ms >= due_ms || too_late {
                continue;
            }
            self.write(user, due_ms, now)?;
            written += 1;
        }
        Ok(written)
    }

    fn write(&self, user: &User, due_ms: i64, now: Moment) -> Result<(), StoreError> {
        let content =
            report::write(&self.fleet, &user.scope, &user.name, now, &self.public_url, user);
        let kind = NotificationKind::Report;
        let letter = NewNotification {
            incident: None,
            thread: Thread::OfIncident,
            held: false,
            user: user.name.clone(),
            kind,
            channels: user.channels.clone(),
            content,
            content_if_first: None,
            message_id: message_id(kind, &due_ms.to_string(), &user.name, &self.hub_id),
            references: Vec::new(),
            created: now,
        };
        self.store.write(|batch| {
            batch.enqueue(&letter)?;
            batch.set_last_report(&user.name, now.unix_ms)
        })
    }
}

/// The last moment at or before `now_ms` at which it was `minutes` past
/// midnight in `zone`, in milliseconds since 1970.
fn last_due(minutes: u16, zone: &TimeZone, now_ms: i64) -> Option<i64> {
    let now = Timestamp::from_millisecond(now_ms).ok()?.to_zoned(zone.clone());
    let hour = i8::try_from(minutes / 60).ok()?;
    let minute = i8::try_from(minutes % 60).ok()?;
    let time = Time::new(hour, minute, 0, 0).ok()?;
    let at = |date: jiff::civil::Date| {
        let zoned = date.to_datetime(time).to_zoned(zone.clone()).ok()?;
        Some(zoned.timestamp().as_millisecond())
    };
    let today = at(now.date())?;
    if today <= now_ms {
        return Some(today);
    }
    at(now.date().checked_sub(Span::new().days(1)).ok()?)
}

#[cfg(test)]
mod tests;
