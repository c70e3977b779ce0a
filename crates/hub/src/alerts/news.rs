//! Who is to be told of an alert.

use std::collections::hash_map::Entry;
use std::time::Duration;

use watchfire_alert::Recipient;
use watchfire_model::{NotificationKind, NotificationState, Severity};
use watchfire_store::{AlertNews, AlertTold, Batch, StoreError};

use super::book::{Alert, Item, Told};
use super::change::Work;
use super::tell::REPEAT;
use super::{Tools, subject};

/// How long what is critical waits for others that are told with it.
const CRITICAL_WAIT: Duration = Duration::from_secs(10);
/// How long the rest does.
const USUAL_WAIT: Duration = Duration::from_secs(30);
/// How often it is told at the most that an alert comes and goes.
pub(super) const FLAP_HOLD: Duration = Duration::from_secs(15 * 60);

impl Work<'_> {
    /// Writes down for each user that an alert fires, unless that is what they know already.
    pub(super) fn news_of_fire(
        &mut self,
        batch: &Batch<'_>,
        alert: &Alert,
    ) -> Result<(), StoreError> {
        let tools = self.tools;
        for user in tools.recipients.iter().filter(|user| tools.concerns(user, alert)) {
            if alert.told_to(&user.name).is_some_and(|told| told.is_firing) && !self.flaps(alert) {
                self.as_known(batch, alert, &user.name)?;
            } else {
                self.news(batch, alert, &user.name, NotificationKind::Firing)?;
            }
        }
        Ok(())
    }

    /// Writes down who is to be told that an alert is over: who was told that it fires. Who was
    /// not is told nothing, unless it comes and goes: that is the news then.
    pub(super) fn news_of_end(
        &mut self,
        batch: &Batch<'_>,
        alert: &Alert,
    ) -> Result<(), StoreError> {
        let tools = self.tools;
        for user in tools.recipients.iter().filter(|user| tools.concerns(user, alert)) {
            if alert.told_to(&user.name).is_some_and(|told| told.is_firing) {
                self.news(batch, alert, &user.name, NotificationKind::Resolved)?;
            } else if !self.flaps(alert) {
                self.end_news(batch, alert.id, &user.name)?;
            }
        }
        Ok(())
    }

    /// Whom an escalation called knows that the alert fires, and is told that it is over as all are
    /// who know: in the thread of what they got.
    pub(super) fn note_called(
        &mut self,
        batch: &Batch<'_>,
        alert: &mut Alert,
    ) -> Result<(), StoreError> {
        if let Entry::Vacant(unasked) = self.called.entry(alert.incident) {
            let letters = batch.notifications_of(alert.incident)?.into_iter();
            let calls = letters.filter(|letter| {
                letter.kind == NotificationKind::Escalated
                    && letter.thread.is_some()
                    && letter.state != NotificationState::Dead
            });
            unasked.insert(calls.collect());
        }
        for letter in self.called.get(&alert.incident).into_iter().flatten() {
            let knows = alert.told_to(&letter.user).is_some_and(|told| told.is_firing);
            if knows || alert.starts_ms > letter.created.unix_ms {
                continue;
            }
            let told = Told { is_firing: true, at: letter.created, thread: letter.thread };
            let row = AlertTold {
                alert: alert.id,
                user: letter.user.clone(),
                is_firing: true,
                unix_ms: letter.created.unix_ms,
                thread: letter.thread,
            };
            batch.put_alert_told(&row, letter.id)?;
            alert.told.retain(|(user, _)| **user != *letter.user);
            alert.told.push((letter.user.as_str().into(), told));
        }
        Ok(())
    }

    fn news(
        &mut self,
        batch: &Batch<'_>,
        alert: &Alert,
        user: &str,
        kind: NotificationKind,
    ) -> Result<(), StoreError> {
        let since_unix_ms = self.now.unix_ms;
        let news = AlertNews { alert: alert.id, user: user.to_owned(), kind, since_unix_ms };
        batch.put_alert_news(&news)?;
        let wait = if alert.severity == Severity::Critical { CRITICAL_WAIT } else { USUAL_WAIT };
        let due = self.now.after(wait);
        let told = self.book.flaps.get(&alert.key()).and_then(|flap| flap.told);
        let held = told.filter(|_| self.flaps(alert)).map(|told| told.after(FLAP_HOLD));
        let due = held.filter(|held| held.monotonic > due.monotonic).unwrap_or(due);
        self.book.wait(user, alert.id, Item { is_repeat: false, due });
        Ok(())
    }

    /// An alert stands as a user knows it. What is critical is told again in its time.
    pub(super) fn as_known(
        &mut self,
        batch: &Batch<'_>,
        alert: &Alert,
        user: &str,
    ) -> Result<(), StoreError> {
        self.end_news(batch, alert.id, user)?;
        if alert.fires() && alert.severity == Severity::Critical {
            self.book.wait(user, alert.id, Item::repeat(self.now.after(REPEAT)));
        }
        Ok(())
    }

    pub(super) fn end_news(
        &mut self,
        batch: &Batch<'_>,
        alert: i64,
        user: &str,
    ) -> Result<(), StoreError> {
        let Some(pool) = self.book.news.get_mut(user) else { return Ok(()) };
        let Some(item) = pool.get(&alert).copied() else { return Ok(()) };
        pool.remove_mut(&alert);
        if pool.is_empty() {
            self.book.news.remove_mut(user);
        }
        if item.is_repeat { Ok(()) } else { batch.end_alert_news(alert, user) }
    }
}

impl Tools {
    /// Whether a user may know of an alert: by the labels of its server alone, where it has one,
    /// because nobody must learn of a server by what an alert says of itself.
    pub(super) fn concerns(&self, user: &Recipient, alert: &Alert) -> bool {
        match &alert.server {
            Some(server) => {
                let index = self.fleet.index(server);
                index.is_some_and(|at| user.scope.holds(&self.fleet.config(at).server.labels))
            }
            None => user.scope.holds(&subject::labels_of(&self.fleet, None, &alert.labels)),
        }
    }
}
