use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Notify, watch};

/// The places for connections.
#[derive(Debug, Clone)]
pub(super) struct Seats(Arc<Room>);

#[derive(Debug)]
struct Room {
    most: usize,
    table: Mutex<Table>,
    taken: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    /// Seats of connections that wait for a request, the longest waiting first.
    idle: BTreeMap<u64, Weak<Seat>>,
    taken: usize,
}

/// The place of one connection; it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    room: Arc<Room>,
    /// The number under which it is idle; `None` while a request is worked on.
    turn: Mutex<Option<u64>>,
    evicted: Notify,
}

/// While this lives, the connection works on a request and cannot be evicted.
#[derive(Debug)]
pub(super) struct Busy(Arc<Seat>);

impl Seats {
    pub(super) fn new(most: usize) -> Self {
        let (taken, _) = watch::channel(0);
        Self(Arc::new(Room { most, table: Mutex::default(), taken }))
    }

    /// A place, and whether an idle connection had to leave for it; `None` when
    /// all are busy.
    pub(super) fn take(&self) -> Option<(Arc<Seat>, bool)> {
        let mut table = lock(&self.0.table);
        let longest = if table.taken >= self.0.most {
            // Its place is passed on: when that seat is dropped it gives back
            // nothing, because it is no longer in the table.
            Some(table.idle.pop_first()?.1)
        } else {
            table.taken += 1;
            None
        };
        let turn = table.next;
        table.next += 1;
        let seat = Arc::new(Seat {
            room: Arc::clone(&self.0),
            turn: Mutex::new(Some(turn)),
            evicted: Notify::new(),
        });
        table.idle.insert(turn, Arc::downgrade(&seat));
        self.0.taken.send_replace(table.taken);
        // Not before the table is let go: its guest may leave at once, and then
        // the seat is dropped here, which needs the table.
        drop(table);
        if let Some(evicted) = longest.as_ref().and_then(Weak::upgrade) {
            evicted.evicted.notify_one();
        }
        Some((seat, longest.is_some()))
    }

    /// Returns once no place is taken.
    pub(super) async fn all_left(&self) {
        let mut taken = self.0.taken.subscribe();
        // The sender lives as long as `self`.
        let _ = taken.wait_for(|taken| *taken == 0).await;
    }
}

impl Seat {
    /// A request came in.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        let mut table = lock(&self.room.table);
        let mut turn = lock(&self.turn);
        // An evicted seat is in the table no more, and keeps its number to show it.
        if turn.is_some_and(|turn| table.idle.remove(&turn).is_some()) {
            *turn = None;
        }
        drop(turn);
        drop(table);
        Busy(Arc::clone(self))
    }

    /// Returns when the connection has to leave.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let seat = &self.0;
        let mut table = lock(&seat.room.table);
        let mut turn = lock(&seat.turn);
        if turn.is_none() {
            let number = table.next;
            table.next += 1;
            table.idle.insert(number, Arc::downgrade(seat));
            *turn = Some(number);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut table = lock(&self.room.table);
        let turn = *lock(&self.turn);
        let was_ours = match turn {
            Some(turn) => table.idle.remove(&turn).is_some(),
            None => true,
        };
        if was_ours {
            table.taken -= 1;
            self.room.taken.send_replace(table.taken);
        }
    }
}

/// A panic while the table was held leaves it whole, because nothing between
/// can panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_idle_makes_room() {
        let seats = Seats::new(2);
        let (first, _) = seats.take().expect("free");
        let (second, _) = seats.take().expect("free");
        drop(first.busy());
        // The first one answered a request since, so the second one is idle longer.
        let (_third, evicted) = seats.take().expect("somebody leaves");
        assert!(evicted);
        second.evicted().await;
        drop(second);
        let (_fourth, _) = seats.take().expect("somebody leaves");
        first.evicted().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn leaving_and_evicting_do_not_wait_for_each_other() {
        let seats = Seats::new(2);
        let mut guests = Vec::new();
        for _ in 0..20_000 {
            let (seat, _) = seats.take().expect("somebody leaves");
            // The evicted guest drops its seat on another thread, at once.
            guests.push(tokio::spawn(async move { seat.evicted().await }));
        }
        drop((seats.take(), seats.take()));
        for guest in guests {
            guest.await.expect("no panic");
        }
        seats.all_left().await;
    }

    #[test]
    fn the_busy_stay() {
        let seats = Seats::new(2);
        let (first, _) = seats.take().expect("free");
        let (second, _) = seats.take().expect("free");
        let (_one, two) = (first.busy(), second.busy());
        assert!(seats.take().is_none());
        drop(two);
        assert!(seats.take().is_some());
        assert!(seats.take().is_some(), "the newcomer is idle and makes room in turn");
    }

    #[tokio::test]
    async fn places_are_given_back_once() {
        let seats = Seats::new(2);
        for _ in 0..5 {
            let (first, evicted) = seats.take().expect("free");
            assert!(!evicted);
            let (second, _) = seats.take().expect("free");
            let busy = second.busy();
            let (third, _) = seats.take().expect("the first leaves");
            // An evicted one that still finishes a request takes no place.
            drop(first.busy());
            drop((first, second, busy, third));
            assert_eq!(lock(&seats.0.table).taken, 0);
            assert!(lock(&seats.0.table).idle.is_empty());
            seats.all_left().await;
        }
    }
}
