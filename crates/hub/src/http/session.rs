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
/// Those of one user; the oldest one makes room, so that no user can end the others' by logging in.
const MAX_SESSIONS_OF_USER: usize = 50;
/// How long a proof of who asks counts for what is more than usual.
pub(super) const FRESH: Duration = Duration::from_secs(300);
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
    /// When its user showed a second factor last.
    pub(super) proven: Option<Moment>,
    /// When its user showed a second factor or the password last.
    pub(super) confirmed: Moment,
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
        self.open(Arc::new(account), from, false, now)
    }

    /// The same; `is_proven` says that a second factor was shown.
    pub(super) fn open(
        &self,
        account: Arc<Account>,
        from: String,
        is_proven: bool,
        now: Moment,
    ) -> (String, Session) {
        let id = random_hex(ID_BYTES);
        let session = Session {
            account,
            csrf: random_hex(16),
            mark: random_hex(MARK_BYTES),
            from,
            began: now,
            proven: is_proven.then_some(now),
            confirmed: now,
            streams: Arc::default(),
        };
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.is_alive(now));
        let of_user = |other: &Session| other.account.name == session.account.name;
        if sessions.values().filter(|other| of_user(other)).count() >= MAX_SESSIONS_OF_USER {
            end_oldest(&mut sessions, of_user);
        }
        if sessions.len() >= MAX_SESSIONS {
            end_oldest(&mut sessions, |_| true);
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

    /// Notes that the user of a session has just shown a second factor, or the password alone.
    pub(super) fn confirm(&self, id: &str, is_proven: bool, now: Moment) {
        if let Some(session) = self.lock().get_mut(id) {
            session.confirmed = now;
            if is_proven {
                session.proven = Some(now);
            }
        }
    }

    /// Puts the account as it is now in place of the one that a session was begun with.
    pub(super) fn renew(&self, id: &str, account: Arc<Account>) {
        if let Some(session) = self.lock().get_mut(id) {
            session.account = account;
        }
    }

    /// Ends the sessions of a user, but for the one that is called `but` in lists.
    pub(super) fn end_of(&self, user: &str, but: Option<&str>) {
        let stays =
            |session: &Session| session.account.name != user || but == Some(session.mark.as_str());
        self.lock().retain(|_, session| stays(session));
    }

    /// Ends a session; its live streams end with it.
    pub(super) fn end(&self, id: &str) {
        self.lock().remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn end_oldest(sessions: &mut HashMap<String, Session>, of: impl Fn(&Session) -> bool) {
    let those = sessions.iter().filter(|(_, session)| of(session));
    let oldest = those.min_by_key(|(_, session)| session.began.monotonic).map(|(id, _)| id.clone());
    oldest.and_then(|oldest| sessions.remove(&oldest));
}

impl Session {
    /// True when its user showed a second factor a short while ago.
    pub(super) fn is_proven(&self, now: Moment) -> bool {
        self.proven.is_some_and(|at| now.since(at) < FRESH)
    }

    /// True when its user showed a second factor or the password a short while ago.
    pub(super) fn is_confirmed(&self, now: Moment) -> bool {
        now.since(self.confirmed) < FRESH
    }

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
        let of = |number: usize| Account { name: format!("{number}"), ..account() };
        for number in 0..MAX_SESSIONS {
            sessions.begin(of(number), String::new(), later);
        }
        assert!(sessions.find(&first, later).is_none(), "the oldest makes room");
    }

    #[test]
    fn nobody_ends_the_sessions_of_others_by_logging_in() {
        let sessions = Sessions::default();
        let (at, later) = (Moment::default(), Moment::default().after(Duration::from_secs(1)));
        let bob = Account { name: "bob".to_owned(), ..account() };
        let (bob, _) = sessions.begin(bob, String::new(), at);
        let (first, _) = sessions.begin(account(), String::new(), at);
        for _ in 0..MAX_SESSIONS {
            sessions.begin(account(), String::new(), later);
        }
        assert!(sessions.find(&bob, later).is_some());
        assert!(sessions.find(&first, later).is_none(), "one's own oldest makes room");
        assert_eq!(sessions.all(later).len(), MAX_SESSIONS_OF_USER + 1);
    }

    #[test]
    fn a_proof_is_fresh_for_a_while_and_only_of_its_session() {
        let sessions = Sessions::default();
        let start = Moment::default();
        let (first, session) = sessions.begin(account(), String::new(), start);
        let (second, _) = sessions.begin(account(), String::new(), start);
        assert!(session.is_confirmed(start) && !session.is_proven(start));
        let later = start.after(FRESH);
        let of = |id: &str| sessions.find(id, later).expect("it is alive");
        assert!(!of(&first).is_confirmed(later));
        sessions.confirm(&first, false, later);
        assert!(of(&first).is_confirmed(later) && !of(&first).is_proven(later));
        sessions.confirm(&first, true, later);
        assert!(of(&first).is_proven(later) && !of(&second).is_proven(later));
        assert!(!of(&first).is_proven(later.after(FRESH)));
        let mark = of(&first).mark;
        sessions.end_of("ada", Some(&mark));
        assert!(sessions.find(&first, later).is_some() && sessions.find(&second, later).is_none());
    }
}
