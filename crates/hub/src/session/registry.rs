use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use watchfire_model::Moment;
use watchfire_runtime::socket::CloseReason;

use super::handle::{MAX_ORDERS, Order, SessionHandle};

/// A session that gave a sign within this time is alive: a second one of the same
/// server is refused.
const ALIVE: Duration = Duration::from_secs(2);
/// A sign so long after a second stream was refused was hardly on its way.
const TWIN_AFTER: Duration = Duration::from_millis(1500);
/// What a lossy path kept back of a stream that its agent has closed comes late and at
/// once; a second agent goes on with a sign a second. So long after the first of the
/// late signs another one has to come: then there are two agents.
const TWIN_SIGNS: Duration = Duration::from_secs(1);

/// The sessions by the place of their servers: one each.
#[derive(Debug, Default)]
pub(super) struct Registry {
    seats: Arc<Mutex<HashMap<usize, Seat>>>,
    next: AtomicU64,
}

#[derive(Debug)]
struct Seat {
    number: u64,
    handle: SessionHandle,
    signs: Arc<Signs>,
}

/// When a session was last heard, and challenged by another one.
#[derive(Debug)]
pub(super) struct Signs(Mutex<Times>);

#[derive(Debug, Clone, Copy)]
struct Times {
    last: Moment,
    challenged: Option<Moment>,
    /// The first sign that came long after that.
    sign_after: Option<Moment>,
}

/// A session's place in the registry. It is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Entered {
    index: usize,
    /// Names the session: no other one of this hub has it.
    pub(super) number: u64,
    seats: Arc<Mutex<HashMap<usize, Seat>>>,
    pub(super) signs: Arc<Signs>,
    pub(super) orders: mpsc::Receiver<Box<Order>>,
}

impl Registry {
    /// Takes the seat of a server. `None` when another session sits there and is
    /// alive; one that is quiet has to leave.
    pub(super) fn enter(&self, index: usize, now: Moment) -> Option<Entered> {
        let mut seats = lock(&self.seats);
        if let Some(seat) = seats.get(&index) {
            if seat.signs.is_alive(now) {
                seat.signs.challenge(now);
                return None;
            }
            // One that is too busy to be told finds its seat taken.
            seat.handle.close(CloseReason::Replaced);
        }
        let (sender, orders) = mpsc::channel(MAX_ORDERS);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let times = Times { last: now, challenged: None, sign_after: None };
        let signs = Arc::new(Signs(Mutex::new(times)));
        let handle = SessionHandle { orders: sender };
        seats.insert(index, Seat { number, handle, signs: signs.clone() });
        let seats = self.seats.clone();
        Some(Entered { index, number, seats, signs, orders })
    }

    pub(super) fn handle(&self, index: usize) -> Option<SessionHandle> {
        lock(&self.seats).get(&index).map(|seat| seat.handle.clone())
    }
}

impl Signs {
    pub(super) fn heard(&self, now: Moment) {
        let mut times = lock(&self.0);
        let last = times.last.max(now);
        times.last = last;
        if times.challenged.is_some_and(|at| last.since(at) >= TWIN_AFTER) {
            times.sign_after.get_or_insert(last);
        }
    }

    pub(super) fn last(&self) -> Moment {
        lock(&self.0).last
    }

    /// True once when this session went on to be heard long after another one of its
    /// agent had come: both live.
    pub(super) fn has_twin(&self) -> bool {
        let mut times = lock(&self.0);
        let twin = times.sign_after.is_some_and(|at| times.last.since(at) >= TWIN_SIGNS);
        if twin {
            (times.challenged, times.sign_after) = (None, None);
        }
        twin
    }

    fn is_alive(&self, now: Moment) -> bool {
        now.since(self.last()) < ALIVE
    }

    fn challenge(&self, now: Moment) {
        lock(&self.0).challenged.get_or_insert(now);
    }
}

impl Entered {
    /// False once another session took the seat.
    pub(super) fn is_seated(&self) -> bool {
        lock(&self.seats).get(&self.index).is_some_and(|seat| seat.number == self.number)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut seats = lock(&self.seats);
        if seats.get(&self.index).is_some_and(|seat| seat.number == self.number) {
            seats.remove(&self.index);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
