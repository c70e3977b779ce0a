use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::net::Network;

/// The places for connections.
#[derive(Debug, Clone)]
pub(super) struct Seats(Arc<Room>);

#[derive(Debug)]
struct Room {
    most: usize,
    /// How many of them one client may have.
    most_each: usize,
    /// How long a connection that has not asked for anything yet stays when its own
    /// client wants its place.
    beginning: Duration,
    table: Mutex<Table>,
    taken: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    /// Seats of connections that wait for a request, the longest waiting first.
    idle: BTreeMap<u64, Idle>,
    taken: usize,
    /// How many places each client has.
    of_client: HashMap<Network, usize>,
}

#[derive(Debug)]
struct Idle {
    seat: Weak<Seat>,
    client: Option<Network>,
    /// When it came, for one that has not asked for anything yet, as the monotonic
    /// clock says.
    came: Option<Duration>,
}

/// The place of one connection; it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    room: Arc<Room>,
    client: Option<Network>,
    /// The number under which it is idle; `None` while a request is worked on.
    turn: Mutex<Option<u64>>,
    evicted: Notify,
}

/// While this lives, the connection works on a request and cannot be evicted.
#[derive(Debug)]
pub(super) struct Busy(Arc<Seat>);

impl Seats {
    /// As many places as `most`, of which one client has at most `most_each`. A
    /// connection has the time `beginning` for what goes before its first request.
    pub(super) fn new(most: usize, most_each: usize, beginning: Duration) -> Self {
        let (taken, _) = watch::channel(0);
        Self(Arc::new(Room { most, most_each, beginning, table: Mutex::default(), taken }))
    }

    /// A place at this monotonic time, and whether an idle connection had to leave for
    /// it: one of the same `client` if that has as many as it may, or else the one that
    /// has been idle the longest. `None` when all of them are busy, or those of the
    /// client that are not have only begun: if they made room for each other, none of
    /// many that come at once would get through its handshake. No client is `None`:
    /// many come from there.
    pub(super) fn take(&self, client: Option<Network>, now: Duration) -> Option<(Arc<Seat>, bool)> {
        let mut table = lock(&self.0.table);
        // The place of who leaves is passed on: when that seat is dropped it gives back
        // nothing, because it is no longer in the table.
        let leaves = if client.is_some_and(|client| table.places_of(client) >= self.0.most_each) {
            let had_its_time = |idle: &Idle| {
                idle.came.is_none_or(|came| now.saturating_sub(came) >= self.0.beginning)
            };
            let mut own = table.idle.iter().filter(|(_, idle)| idle.client == client);
            let turn = *own.find(|(_, idle)| had_its_time(idle))?.0;
            table.idle.remove(&turn)
        } else if table.taken >= self.0.most {
            Some(table.idle.pop_first()?.1)
        } else {
            table.taken += 1;
            None
        };
        if let Some(leaves) = &leaves {
            table.left(leaves.client);
        }
        if let Some(client) = client {
            *table.of_client.entry(client).or_default() += 1;
        }
        let turn = table.next;
        table.next += 1;
        let seat = Arc::new(Seat {
            room: Arc::clone(&self.0),
            client,
            turn: Mutex::new(Some(turn)),
            evicted: Notify::new(),
        });
        table.idle.insert(turn, Idle { seat: Arc::downgrade(&seat), client, came: Some(now) });
        self.0.taken.send_replace(table.taken);
        // Not before the table is let go: its guest may leave at once, and then
        // the seat is dropped here, which needs the table.
        drop(table);
        if let Some(evicted) = leaves.as_ref().and_then(|leaves| leaves.seat.upgrade()) {
            evicted.evicted.notify_one();
        }
        Some((seat, leaves.is_some()))
    }

    /// Returns once no place is taken.
    pub(super) async fn all_left(&self) {
        let mut taken = self.0.taken.subscribe();
        // The sender lives as long as `self`.
        let _ = taken.wait_for(|taken| *taken == 0).await;
    }
}

impl Table {
    fn places_of(&self, client: Network) -> usize {
        self.of_client.get(&client).copied().unwrap_or(0)
    }

    /// A place of this client is free, or passed on.
    fn left(&mut self, client: Option<Network>) {
        let Some(client) = client else { return };
        if let Some(places) = self.of_client.get_mut(&client) {
            *places -= 1;
            if *places == 0 {
                self.of_client.remove(&client);
            }
        }
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
            let idle = Idle { seat: Arc::downgrade(seat), client: seat.client, came: None };
            table.idle.insert(number, idle);
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
            table.left(self.client);
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

    const BEGINNING: Duration = Duration::from_secs(5);
    const START: Duration = Duration::from_secs(100);
    /// When who came at the start has had its time.
    const LATER: Duration = Duration::from_secs(105);

    #[tokio::test]
    async fn the_longest_idle_makes_room() {
        let seats = Seats::new(2, 2, BEGINNING);
        let (first, _) = seats.take(None, START).expect("free");
        let (second, _) = seats.take(None, START).expect("free");
        drop(first.busy());
        // The first one answered a request since, so the second one is idle longer.
        let (_third, evicted) = seats.take(None, START).expect("somebody leaves");
        assert!(evicted);
        second.evicted().await;
        drop(second);
        let (_fourth, _) = seats.take(None, START).expect("somebody leaves");
        first.evicted().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn leaving_and_evicting_do_not_wait_for_each_other() {
        let seats = Seats::new(2, 2, BEGINNING);
        let mut guests = Vec::new();
        for _ in 0..20_000 {
            let (seat, _) = seats.take(None, START).expect("somebody leaves");
            // The evicted guest drops its seat on another thread, at once.
            guests.push(tokio::spawn(async move { seat.evicted().await }));
        }
        drop((seats.take(None, START), seats.take(None, START)));
        for guest in guests {
            guest.await.expect("no panic");
        }
        seats.all_left().await;
    }

    fn client(text: &str) -> Option<Network> {
        Some(text.parse().expect("an address"))
    }

    #[tokio::test]
    async fn a_client_with_many_makes_room_for_itself() {
        let seats = Seats::new(10, 2, BEGINNING);
        let (one, other) = (client("192.0.2.1"), client("192.0.2.2"));
        let (patient, _) = seats.take(other, START).expect("free");
        let (first, _) = seats.take(one, START).expect("free");
        let (second, evicted) = seats.take(one, START).expect("free");
        assert!(!evicted);
        let (third, evicted) = seats.take(one, LATER).expect("its first leaves");
        assert!(evicted);
        first.evicted().await;
        drop(first);
        // Those that work stay, and then there is no place for it.
        let (_second, busy) = (second.busy(), third.busy());
        assert!(seats.take(one, START).is_none());
        assert!(seats.take(other, START).is_some(), "others come in");
        assert!(seats.take(None, START).is_some());
        drop(busy);
        assert!(seats.take(one, LATER).is_some());
        drop(patient);
    }

    #[tokio::test]
    async fn those_of_a_client_that_begin_are_not_sent_away_for_each_other() {
        let seats = Seats::new(10, 2, BEGINNING);
        let one = client("192.0.2.1");
        let (first, _) = seats.take(one, START).expect("free");
        let (second, _) = seats.take(one, START + BEGINNING / 2).expect("free");
        assert!(seats.take(one, LATER - Duration::from_nanos(1)).is_none(), "both begin");
        assert!(seats.take(client("192.0.2.2"), START).is_some(), "others come in");
        // Who has had its answer makes room at once, though it came last.
        drop(second.busy());
        let (third, evicted) = seats.take(one, START + BEGINNING / 2).expect("the second leaves");
        assert!(evicted);
        second.evicted().await;
        // And so does who has begun for too long.
        let (_fourth, evicted) = seats.take(one, LATER).expect("the first leaves");
        assert!(evicted);
        first.evicted().await;
        assert!(seats.take(one, LATER).is_none());
        drop(third);
    }

    #[test]
    fn what_a_client_had_is_forgotten() {
        let seats = Seats::new(3, 2, BEGINNING);
        for round in 0..4 {
            let clients = ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::/64"];
            let at = |number: usize| START + BEGINNING * u32::try_from(number).expect("few");
            let all = clients.iter().enumerate();
            let taken: Vec<_> =
                all.map(|(number, text)| seats.take(client(text), at(number))).collect();
            assert!(taken.iter().all(Option::is_some), "round {round}");
            drop(taken);
            let table = lock(&seats.0.table);
            assert!(table.of_client.is_empty() && table.taken == 0, "{table:?}");
        }
    }

    #[test]
    fn the_busy_stay() {
        let seats = Seats::new(2, 2, BEGINNING);
        let (first, _) = seats.take(None, START).expect("free");
        let (second, _) = seats.take(None, START).expect("free");
        let (_one, two) = (first.busy(), second.busy());
        assert!(seats.take(None, START).is_none());
        drop(two);
        assert!(seats.take(None, START).is_some());
        assert!(seats.take(None, START).is_some(), "the newcomer is idle and makes room in turn");
    }

    #[tokio::test]
    async fn places_are_given_back_once() {
        let seats = Seats::new(2, 2, BEGINNING);
        for _ in 0..5 {
            let (first, evicted) = seats.take(None, START).expect("free");
            assert!(!evicted);
            let (second, _) = seats.take(None, START).expect("free");
            let busy = second.busy();
            let (third, _) = seats.take(None, START).expect("the first leaves");
            // An evicted one that still finishes a request takes no place.
            drop(first.busy());
            drop((first, second, busy, third));
            assert_eq!(lock(&seats.0.table).taken, 0);
            assert!(lock(&seats.0.table).idle.is_empty());
            seats.all_left().await;
        }
    }
}
