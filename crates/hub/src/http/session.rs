use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use watchfire_identity::{constant_time_eq, random_hex};
use watchfire_model::Moment;

use crate::accounts::Account;

/// The longest life of a session.
pub(super) const LIFE: Duration = Duration::from_secs(12 * 3600);
/// Sessions at a time; the oldest one makes room for the next.
const MAX_SESSIONS: usize = 1000;
/// Live streams that one session may hold open.
const MAX_STREAMS: usize = 10;
/// Random bytes of a session's id.
const ID_BYTES: usize = 32;
/// Random bytes of what it is called in lists.
const MARK_BYTES: usize = 8;

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) account: Arc<Account>,
    pub(super) csrf: String,
    /// What it is called in lists. It opens nothing.
    pub(super) mark: String,
    /// Where it was begun from.
    pub(super) from: String,
    pub(super) began: Moment,
    streams: Arc<AtomicUsize>,
}

/// The sessions of the page. They live in memory alone: a hub that starts anew
/// asks everybody to log in again.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<String, Session>>);

/// A place among a session's live streams; dropping it makes room.
#[derive(Debug)]
pub(super) struct StreamPlace(Arc<AtomicUsize>);

impl Drop for StreamPlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Sessions {
    /// Begins a session and gives its id, which only the cookie holds.
    pub(super) fn begin(&self, account: Account, from: String, now: Moment) -> (String, Session) {
        let id = random_hex(ID_BYTES);
        let session = Session {
            account: Arc::new(account),
            csrf: random_hex(16),
            mark: random_hex(MARK_BYTES),
            from,
            began: now,
            streams: Arc::default(),
        };
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.is_alive(now));
        if sessions.len() >= MAX_SESSIONS {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.began.monotonic);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                sessions.remove(&oldest);
            }
        }
        sessions.insert(id.clone(), session.clone());
        (id, session)
    }

    /// The session of that id, if it is alive.
    pub(super) fn find(&self, id: &str, now: Moment) -> Option<Session> {
        self.lock().get(id).filter(|session| session.is_alive(now)).cloned()
    }

    /// All that are alive, the newest first.
    pub(super) fn all(&self, now: Moment) -> Vec<Session> {
        let alive = |session: &&Session| session.is_alive(now);
        let mut all: Vec<_> = self.lock().values().filter(alive).cloned().collect();
        all.sort_by_key(|session| std::cmp::Reverse(session.began.monotonic));
        all
    }

    /// Ends the session that is called so in lists.
    pub(super) fn end_marked(&self, mark: &str) {
        self.lock().retain(|_, session| session.mark != mark);
    }

    /// Ends a session; its live streams end with it.
    pub(super) fn end(&self, id: &str) {
        self.lock().remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Takes a place for a live stream, if the session has one left.
    pub(super) fn stream_place(&self) -> Option<StreamPlace> {
        let one_more = |open: usize| (open < MAX_STREAMS).then_some(open + 1);
        let taken = self.streams.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.is_ok().then(|| StreamPlace(self.streams.clone()))
    }

    /// True when `csrf` is this session's.
    pub(super) fn has_csrf(&self, csrf: &str) -> bool {
        constant_time_eq(self.csrf.as_bytes(), csrf.as_bytes())
    }

    fn is_alive(&self, now: Moment) -> bool {
        now.since(self.began) < LIFE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchfire_identity::Role;
    use watchfire_identity::password;
    use watchfire_model::Scope;

    fn account() -> Account {
        Account {
            name: "ada".to_owned(),
            role: Role::Viewer,
            scope: Scope::default(),
            password: password::decoy().clone(),
        }
    }

    #[test]
    fn a_session_ends_by_time_or_by_hand() {
        let sessions = Sessions::default();
        let start = Moment::default();
        let (first, session) = sessions.begin(account(), String::new(), start);
        let (second, _) = sessions.begin(account(), String::new(), start);
        assert!(session.has_csrf(&session.csrf) && !session.has_csrf(""));
        assert!(sessions.find(&first, start).is_some());
        assert!(sessions.find("", start).is_none());
        sessions.end(&first);
        assert!(sessions.find(&first, start).is_none());
        assert!(sessions.find(&second, start.after(LIFE)).is_none());
    }

    #[test]
    fn sessions_and_streams_are_limited() {
        let sessions = Sessions::default();
        let (first, session) = sessions.begin(account(), String::new(), Moment::default());
        let places: Vec<_> = std::iter::from_fn(|| session.stream_place()).take(99).collect();
        assert_eq!(places.len(), MAX_STREAMS);
        drop(places);
        assert!(session.stream_place().is_some(), "a closed stream makes room");
        let later = Moment::default().after(Duration::from_secs(1));
        for _ in 0..MAX_SESSIONS {
            sessions.begin(account(), String::new(), later);
        }
        assert!(sessions.find(&first, later).is_none(), "the oldest makes room");
    }
}
