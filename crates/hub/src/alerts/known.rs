//! Whether it means something that an alert is not found, or not named.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use watchfire_model::{LabelSet, Moment};

use super::book::{Alert, Book};
use super::{AlertDesk, server_of};

/// For how long after a start, or after the hub stood still, nothing that is not named counts as
/// over: rules that look at rates need some samples first.
const SETTLE: Duration = Duration::from_secs(60);
/// For how long an alert that an outside source must name again goes on after such a time, whatever
/// was said of its end: while the hub was away, nobody could name it.
pub(super) const GRACE: Duration = Duration::from_secs(5 * 60);
/// A desk that did not look for longer stood still: it looks every ten seconds.
const STILL: Duration = Duration::from_secs(60);
/// What is known of the fleet as a whole is worked out so often at the most.
const FLEET_EVERY: Duration = Duration::from_secs(1);

/// What the desk remembers of how well it sees.
#[derive(Debug)]
pub(super) struct Sight {
    /// Since when it has looked without a pause.
    since: Moment,
    /// When it last looked.
    looked: Option<Moment>,
    /// Whether the fleet as a whole was heard, and when that was worked out.
    fleet: Option<(Moment, bool)>,
}

impl Sight {
    pub(super) fn new(now: Moment) -> Self {
        Self { since: now, looked: None, fleet: None }
    }
}

impl AlertDesk {
    /// Whether an alert with these labels would be found if it were there: not so while its
    /// server is away, or came back just now. One that names no server of the fleet may be about
    /// many: nothing is known of it just after a start, and while too many of them are away.
    pub(crate) fn knows_of(&self, labels: &LabelSet) -> bool {
        let fleet = &self.tools.fleet;
        match server_of(fleet, labels) {
            Some(server) => self.returns.unsettled(fleet, &server, fleet.now()).is_none(),
            None => self.is_watching(fleet.now()) && self.hears_the_fleet(fleet.now()),
        }
    }

    /// Whether it means something that an alert is not named any more.
    pub(super) fn is_settled(&self, alert: &Alert, now: Moment) -> bool {
        let is_away = |server| self.returns.unsettled(&self.tools.fleet, server, now).is_some();
        self.is_watching(now) && !alert.server.as_ref().is_some_and(is_away)
    }

    /// To be said each time the desk looks. When it did not look for long, or the wall's clock was
    /// set, it was as if the hub had been away.
    pub(super) fn notice_pause(&self, now: Moment) {
        let mut sight = self.sight();
        let Some(before) = sight.looked.replace(now) else { return };
        let gap = now.since(before);
        let by_the_wall = now.unix_ms.saturating_sub(before.unix_ms);
        let set = by_the_wall.abs_diff(i64::try_from(gap.as_millis()).unwrap_or(i64::MAX));
        if gap <= STILL && Duration::from_millis(set) <= STILL {
            return;
        }
        sight.since = now;
        drop(sight);
        tracing::warn!(
            ?gap,
            "nobody looked after alerts for a while: what is missing counts later"
        );
        if let Some(book) = self.lock().as_mut() {
            put_off_ends(book, now);
            *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = book.clone();
        }
    }

    fn is_watching(&self, now: Moment) -> bool {
        now.since(self.sight().since) >= SETTLE
    }

    fn hears_the_fleet(&self, now: Moment) -> bool {
        let mut sight = self.sight();
        match sight.fleet {
            Some((at, is_heard)) if now.since(at) < FLEET_EVERY => is_heard,
            _ => {
                let is_heard = !self.returns.many_unsettled(&self.tools.fleet, now);
                sight.fleet = Some((now, is_heard));
                is_heard
            }
        }
    }

    /// A panic elsewhere leaves whole values here, so a poisoned lock is used on.
    fn sight(&self) -> MutexGuard<'_, Sight> {
        self.sight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an outside source must name again has some time more for it.
fn put_off_ends(book: &mut Book, now: Moment) {
    let latest = now.after(GRACE).unix_ms;
    let ends = book.alerts.values().filter(|alert| alert.fires() && alert.ends_ms.is_some());
    for alert in ends.cloned().collect::<Vec<Arc<Alert>>>() {
        let ends_ms = alert.ends_ms.map(|end| end.max(latest));
        book.alerts.insert_mut(alert.id, Arc::new(Alert { ends_ms, ..(*alert).clone() }));
    }
}
