//! Bounded queues with a name, a policy for "full", and a counter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

/// The sending side. Cheap to clone.
#[derive(Debug)]
pub struct Sender<T> {
    name: &'static str,
    inner: mpsc::Sender<T>,
    dropped: Arc<AtomicU64>,
}

/// The receiving side.
#[derive(Debug)]
pub struct Receiver<T> {
    inner: mpsc::Receiver<T>,
}

/// Nobody receives any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the queue {0:?} has no receiver any more")]
pub struct Closed(pub &'static str);

/// A queue of at most `capacity` items.
#[must_use]
pub fn bounded<T>(name: &'static str, capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = mpsc::channel(capacity);
    (Sender { name, inner: sender, dropped: Arc::default() }, Receiver { inner: receiver })
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { name: self.name, inner: self.inner.clone(), dropped: self.dropped.clone() }
    }
}

impl<T> Sender<T> {
    /// Waits for room, then sends: the policy for what must not be lost.
    ///
    /// # Errors
    /// [`Closed`] when the receiver is gone.
    pub async fn send(&self, item: T) -> Result<(), Closed> {
        self.inner.send(item).await.map_err(|_| Closed(self.name))
    }

    /// Sends when there is room and drops and counts the item when there is
    /// none: the policy for what the next one makes good. False when dropped.
    pub fn send_or_drop(&self, item: T) -> bool {
        let sent = self.inner.try_send(item).is_ok();
        if !sent {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        sent
    }

    /// How many items found no room.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// True when the receiver is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }
}

impl<T> Receiver<T> {
    /// The next item; `None` when every sender is gone.
    pub async fn recv(&mut self) -> Option<T> {
        self.inner.recv().await
    }

    /// The next item if one is there already.
    pub fn try_recv(&mut self) -> Option<T> {
        self.inner.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_queue_drops_and_counts() {
        let (sender, mut receiver) = bounded("test", 1);
        assert!(sender.send_or_drop(1));
        assert!(!sender.send_or_drop(2));
        assert_eq!(sender.dropped(), 1);
        assert_eq!(receiver.recv().await, Some(1));
        drop(receiver);
        assert_eq!(sender.send(3).await, Err(Closed("test")));
    }
}
