//! What a run of the hub left to the next one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use watchfire_model::{IncidentKind, Moment, Severity};
use watchfire_store::{StoreError, StoredAlert};

use super::book::{Alert, Book, Flap, Item, Told};
use super::change::FLAP_WINDOW;
use super::known::GRACE;
use super::tell::REPEAT;
use super::{AlertDesk, subject};

/// How long what was to be told waits after a start, for what comes meanwhile.
const WAIT: Duration = Duration::from_secs(10);

impl AlertDesk {
    /// What the store holds. It blocks.
    pub(super) fn take_up(&self) -> Result<Book, StoreError> {
        let (store, now) = (&self.tools.store, self.tools.fleet.now());
        let since_ms = now.before(FLAP_WINDOW).unix_ms;
        let mut book = Book::default();
        for incident in store.open_incidents_of(IncidentKind::Alerts)? {
            book.note(incident);
        }
        let mut told: HashMap<i64, Vec<(Arc<str>, Told)>> = HashMap::new();
        for one in store.alerts_told(since_ms)? {
            let at = placed(one.unix_ms, now);
            let known = Told { is_firing: one.is_firing, at, thread: one.thread };
            told.entry(one.alert).or_default().push((one.user.as_str().into(), known));
        }
        for stored in store.alerts_since(since_ms)? {
            let told = told.remove(&stored.id).unwrap_or_default();
            remember(&mut book, &stored, &told, now);
            let alert = self.alert(stored, told, now);
            if book.open.contains_key(&alert.incident) {
                book.put(alert);
            } else if !alert.fires() {
                // Another one is of an incident that cannot be read: its source names it anew.
                book.alerts.insert_mut(alert.id, Arc::new(alert));
            }
        }
        for news in store.alert_news()? {
            if book.alerts.contains_key(&news.alert) {
                let item = Item { is_repeat: false, due: now.after(WAIT) };
                book.wait(&news.user, news.alert, item);
            }
        }
        // Those of incidents that are over were read for the sake of what came and went.
        for id in book.alerts.keys().copied().collect::<Vec<i64>>() {
            book.is_told(id);
        }
        self.repeat_later(&mut book, now);
        Ok(book)
    }

    /// What is critical and was told is told again in its time.
    fn repeat_later(&self, book: &mut Book, now: Moment) {
        for alert in book.alerts.values().cloned().collect::<Vec<_>>() {
            for (user, told) in alert.told.iter().filter(|(_, told)| told.is_firing) {
                let waits = book.news.get(user).is_some_and(|pool| pool.contains_key(&alert.id));
                if alert.fires() && alert.severity == Severity::Critical && !waits {
                    let left = REPEAT.saturating_sub(age(told.at.unix_ms, now)).max(WAIT);
                    book.wait(user, alert.id, Item::repeat(now.after(left)));
                }
            }
        }
    }

    fn alert(&self, stored: StoredAlert, told: Vec<(Arc<str>, Told)>, now: Moment) -> Alert {
        let facts = stored.facts;
        let latest = now.after(GRACE).unix_ms;
        Alert {
            id: stored.id,
            incident: facts.incident,
            source: facts.source.as_str().into(),
            severity: Severity::of_label(facts.labels.get("severity")),
            server: subject::server_of(&self.tools.fleet, &facts.labels),
            labels: facts.labels,
            annotations: facts.annotations,
            generator_url: facts.generator_url,
            value: facts.value,
            // Whoever names it again has it.
            poster: None,
            starts_ms: facts.starts_unix_ms,
            updated_ms: now.unix_ms,
            ends_ms: facts.ends_unix_ms.map(|end| end.max(latest)),
            over_ms: stored.over_unix_ms,
            is_missing: false,
            told,
            muted: None,
        }
    }
}

/// Remembers how an alert came and went before the start.
fn remember(book: &mut Book, stored: &StoredAlert, told: &[(Arc<str>, Told)], now: Moment) {
    let key = (stored.facts.source.as_str().into(), stored.facts.labels.clone());
    let mut flap: Flap = book.flaps.get(&key).cloned().unwrap_or_default();
    // Each row has what was known when it was written, and so the newest one has all.
    let fired = stored.facts.fired_unix_ms.iter().filter(|at| age(**at, now) < FLAP_WINDOW);
    flap.fired = fired.map(|at| placed(*at, now)).collect();
    let last = told.iter().map(|(_, told)| told.at).max_by_key(|at| at.monotonic);
    flap.told = last.or(flap.told);
    if !flap.fired.is_empty() {
        book.flaps.insert_mut(key, flap);
    }
}

/// The moment of something stored, by the wall clock: monotonic ones of two boots do not compare.
fn placed(unix_ms: i64, now: Moment) -> Moment {
    now.before(age(unix_ms, now))
}

/// How long ago something was by the wall clock; nothing was in the future.
fn age(unix_ms: i64, now: Moment) -> Duration {
    Duration::from_millis(u64::try_from(now.unix_ms.saturating_sub(unix_ms)).unwrap_or(0))
}
