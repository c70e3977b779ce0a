//! Sockets for datagrams on a [`super::network::Network`].

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::network::{Network, Seen};

/// Datagrams that are on their way to a socket or wait in it; more are lost
/// and counted as crowded.
pub const MAX_WAITING: usize = 4096;

/// Sends and receives datagrams. Dropping it frees its port.
#[derive(Debug)]
pub struct Socket {
    network: Network,
    address: SocketAddr,
    inbox: Arc<Inbox>,
}

/// What is on its way to a socket, and what has arrived.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    letters: Mutex<Letters>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Letters {
    heap: BinaryHeap<Reverse<Letter>>,
    count: u64,
}

/// Ordered by arrival, and by sending where that is the same.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Letter {
    at: Duration,
    order: u64,
    from: SocketAddr,
    way: (usize, usize),
    bytes: Vec<u8>,
}

impl Socket {
    pub(super) fn new(network: Network, address: SocketAddr, inbox: Arc<Inbox>) -> Self {
        Self { network, address, inbox }
    }

    /// Where others reach it.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Sends a datagram. As with UDP nobody says whether it arrives.
    pub fn send_to(&self, bytes: &[u8], to: SocketAddr) {
        self.network.send(self.address, to, bytes);
    }

    /// Waits for the next datagram: how long it is and whose. What does not
    /// fit into `buffer` is cut off. Several may wait; dropping the future loses nothing.
    pub async fn recv_from(&self, buffer: &mut [u8]) -> (usize, SocketAddr) {
        loop {
            let mut changed = pin!(self.inbox.changed.notified());
            changed.as_mut().enable();
            match self.inbox.take(self.network.now()) {
                Ok(letter) => {
                    self.network.count_delivered(letter.way);
                    let (from, to, bytes) = (letter.from, self.address, &letter.bytes[..]);
                    self.network.seen(Seen { arrived: true, from, to, bytes });
                    let length = letter.bytes.len().min(buffer.len());
                    buffer[..length].copy_from_slice(&letter.bytes[..length]);
                    return (length, letter.from);
                }
                Err(None) => changed.await,
                Err(Some(at)) => tokio::select! {
                    biased;
                    () = tokio::time::sleep_until(self.network.instant(at)) => {}
                    () = changed => {}
                },
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.network.close_socket(self.address);
    }
}

impl Inbox {
    /// False when there is no room.
    pub(super) fn put(
        &self,
        at: Duration,
        from: SocketAddr,
        way: (usize, usize),
        bytes: &[u8],
    ) -> bool {
        let mut letters = self.lock();
        if letters.heap.len() == MAX_WAITING {
            return false;
        }
        letters.count += 1;
        let order = letters.count;
        letters.heap.push(Reverse(Letter { at, order, from, way, bytes: bytes.to_vec() }));
        drop(letters);
        self.changed.notify_waiters();
        true
    }

    /// Loses what is on its way on that way now; how many.
    pub(super) fn lose_from(&self, way: (usize, usize), now: Duration) -> u64 {
        let mut letters = self.lock();
        let before = letters.heap.len();
        letters.heap.retain(|Reverse(letter)| letter.way != way || letter.at <= now);
        (before - letters.heap.len()) as u64
    }

    /// The next that has arrived, or when the next one arrives.
    fn take(&self, now: Duration) -> Result<Letter, Option<Duration>> {
        let mut letters = self.lock();
        let at = letters.heap.peek().map(|Reverse(letter)| letter.at);
        if at.is_none_or(|at| at > now) {
            return Err(at);
        }
        letters.heap.pop().map(|Reverse(letter)| letter).ok_or(None)
    }

    fn lock(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
