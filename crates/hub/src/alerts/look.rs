//! The desk of alerts at work: it tells what is due, ends what is over, and looks at servers that
//! are back.

use std::sync::Arc;
use std::time::Duration;

use watchfire_model::{Moment, NotificationKind, TimelineKind};
use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_store::{Batch, StoreError};

use super::AlertDesk;
use super::book::{Alert, Book, Item};
use super::change::{FLAP_WINDOW, Work, name_of};
use super::take::PART;

/// How often it is looked, when nothing is due before.
const LOOK: Duration = Duration::from_secs(10);
/// The pause after the store could not be written.
const RETRY: Duration = Duration::from_secs(1);
/// What a look changes of an alert.
#[derive(Debug, Clone, Copy)]
enum Due {
    /// Its sender has not named it again.
    Ends(i64),
    /// It is not named any more, and its server is up again.
    Over(i64),
    /// Its server is watched no more.
    Gone(i64),
    /// It has been over for so long that it is another one when it fires again.
    Forget(i64),
}

impl AlertDesk {
    /// Works until the end is asked for.
    pub(crate) async fn run(self: Arc<Self>, clock: Clock, shutdown: Shutdown) {
        let mut muting = self.tools.muting.changes();
        let mut is_changed = false;
        loop {
            let desk = self.clone();
            let work = move || {
                desk.notice_pause(desk.tools.fleet.now());
                if is_changed {
                    desk.hurry_muted();
                }
                desk.look()
            };
            let looked = task::blocking("alerts", work).await;
            is_changed = false;
            let next = match looked.map_err(|failed| failed.to_string()) {
                Ok(Ok(next)) => next,
                Ok(Err(error)) if error.is_temporary() => {
                    tracing::error!(%error, "alerts cannot be told yet; trying again");
                    clock.now().after(RETRY)
                }
                Ok(Err(error)) => {
                    tracing::error!(%error, "alerts cannot be told; trying again later");
                    clock.now().after(LOOK)
                }
                Err(why) => {
                    tracing::error!(why, "alerts cannot be told; trying again later");
                    clock.now().after(LOOK)
                }
            };
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = self.woken.notified() => {}
                // Its sender lives as long as the desk.
                Ok(()) = muting.changed() => is_changed = true,
                () = clock.sleep_until(next) => {}
            }
        }
    }

    /// Has what is muted looked at at once: what mutes has changed.
    pub(super) fn hurry_muted(&self) {
        let now = self.tools.fleet.now();
        let mut slot = self.lock();
        let Some(book) = slot.as_mut() else { return };
        let is_muted =
            |book: &Book, id: &i64| book.alerts.get(id).is_some_and(|alert| alert.muted.is_some());
        let users: Vec<Arc<str>> = book.news.keys().cloned().collect();
        for user in users {
            let Some(mut pool) = book.news.get(&user).cloned() else { continue };
            let waits = |(id, item): &(&i64, &Item)| {
                item.due.monotonic > now.monotonic && is_muted(book, id)
            };
            let waiting: Vec<(i64, Item)> =
                pool.iter().filter(waits).map(|(id, item)| (*id, *item)).collect();
            for (id, item) in waiting {
                pool.insert_mut(id, Item { due: now, ..item });
            }
            book.news.insert_mut(user, pool);
        }
    }

    /// Does what is due, and says when to look again. It blocks.
    pub(super) fn look(&self) -> Result<Moment, StoreError> {
        let now = self.tools.fleet.now();
        let mut slot = self.lock();
        let due = self.due(self.loaded(&mut slot)?, now);
        for part in due.chunks(PART) {
            self.transact(&mut slot, |batch, work| {
                part.iter().try_for_each(|one| settle(batch, work, *one))
            })?;
        }
        // Each user by themselves: trouble with one must not hold up the others.
        let mut failed = None;
        for user in users_due(self.loaded(&mut slot)?, now) {
            let told = self.transact(&mut slot, |batch, work| work.tell(batch, &user));
            failed = told.err().or(failed);
        }
        self.calm(&mut slot, now)?;
        match failed {
            Some(error) => Err(error),
            None => Ok(next(self.loaded(&mut slot)?, now)),
        }
    }

    /// Closes incidents that were open only because their alerts came and went.
    fn calm(&self, slot: &mut Option<Book>, now: Moment) -> Result<(), StoreError> {
        let book = self.loaded(slot)?;
        let old = book.flaps.iter().filter(|(_, flap)| {
            flap.fired.last().is_none_or(|last| now.since(*last) >= FLAP_WINDOW)
        });
        for key in old.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            book.flaps.remove_mut(&key);
        }
        let over: Vec<_> = book.open.keys().copied().filter(|id| !book.goes_on(*id)).collect();
        let work = Work::new(self, book.clone());
        let calm = |id: &_| !work.book.alerts_of(*id).any(|alert| work.flaps(alert));
        let over: Vec<_> = over.into_iter().filter(calm).collect();
        if over.is_empty() {
            return Ok(());
        }
        self.transact(slot, |_, work| {
            over.iter().for_each(|id| work.touch(*id));
            Ok(())
        })
    }

    fn due(&self, book: &Book, now: Moment) -> Vec<Due> {
        let of = |alert: &Arc<Alert>| self.due_of(book, alert, now);
        let mut due: Vec<(i64, Due)> =
            book.alerts.iter().filter_map(|(id, alert)| Some((*id, of(alert)?))).collect();
        due.sort_unstable_by_key(|(id, _)| *id);
        due.into_iter().map(|(_, due)| due).collect()
    }

    fn due_of(&self, book: &Book, alert: &Alert, now: Moment) -> Option<Due> {
        let id = alert.id;
        let gone = |name| self.tools.fleet.index(name).is_none();
        if !alert.fires() {
            let over_ms = now.unix_ms.saturating_sub(alert.over_ms.unwrap_or(now.unix_ms));
            let is_old = Duration::from_millis(over_ms.max(0).unsigned_abs()) > FLAP_WINDOW;
            let in_use = !book.open.contains_key(&alert.incident)
                || !book.goes_on(alert.incident)
                || book.is_news(id);
            return (is_old && !in_use).then_some(Due::Forget(id));
        }
        if alert.server.as_ref().is_some_and(gone) {
            return Some(Due::Gone(id));
        }
        let ends = alert.ends_ms.is_some_and(|end| end <= now.unix_ms);
        let over = (ends || alert.is_missing) && self.is_settled(alert, now);
        over.then_some(if ends { Due::Ends(id) } else { Due::Over(id) })
    }
}

fn settle(batch: &Batch<'_>, work: &mut Work<'_>, due: Due) -> Result<(), StoreError> {
    let (Due::Ends(id) | Due::Over(id) | Due::Gone(id) | Due::Forget(id)) = due;
    let Some(alert) = work.book.alerts.get(&id).cloned() else { return Ok(()) };
    match due {
        Due::Ends(_) | Due::Over(_) => work.is_over(batch, (*alert).clone()),
        Due::Gone(_) => {
            let text = format!("{}: the server is no longer watched", name_of(&alert));
            work.line(batch, alert.incident, TimelineKind::Resolved, text)?;
            work.is_over(batch, (*alert).clone())
        }
        Due::Forget(_) => {
            work.book.forget(id);
            Ok(())
        }
    }
}

/// The users of whom something is due.
fn users_due(book: &Book, now: Moment) -> Vec<Arc<str>> {
    let is_due = |item: &super::book::Item| item.due.monotonic <= now.monotonic;
    let due = book.news.iter().filter(|(_, pool)| pool.values().any(is_due));
    let mut users: Vec<Arc<str>> = due.map(|(user, _)| user.clone()).collect();
    users.sort_unstable();
    users
}

fn next(book: &Book, now: Moment) -> Moment {
    let dues = book.news.values().flat_map(|pool| pool.values()).map(|item| item.due);
    let look = now.after(LOOK);
    dues.min_by_key(|due| due.monotonic)
        .filter(|due| due.monotonic < look.monotonic)
        .unwrap_or(look)
}

/// The kind of a letter about an alert as it stands.
pub(super) fn kind_of(alert: &Alert) -> NotificationKind {
    if alert.fires() { NotificationKind::Firing } else { NotificationKind::Resolved }
}
