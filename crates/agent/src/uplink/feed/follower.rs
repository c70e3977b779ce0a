use std::sync::Arc;

use tokio::sync::watch;

use super::{Fed, Feed};
use crate::recorder::Kind;

/// Where a follower goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// At the first start of the chains with this sequence or a higher one.
    Start { from: u64 },
    /// Behind the record with this sequence.
    After(u64),
}

/// What there is for a follower.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Nothing new.
    Nothing,
    /// Records that lie side by side; the first one's `previous` tells whether
    /// something is left out before them.
    Records(Vec<Arc<Fed>>),
    /// The feed is about another ring now.
    OtherRing,
}

/// Follows the feed of one ring. It may take as long as it likes: nobody waits
/// for it, and what it misses is counted.
#[derive(Debug)]
pub(crate) struct Follower {
    feed: Feed,
    changed: watch::Receiver<u64>,
    ring: [u8; 16],
    next: Next,
}

impl Follower {
    pub(super) fn new(
        feed: Feed,
        mut changed: watch::Receiver<u64>,
        ring: [u8; 16],
        next: Next,
    ) -> Self {
        // What is there already is looked at first.
        changed.mark_changed();
        Self { feed, changed, ring, next }
    }

    /// Returns when something was put since the last call. It may be cancelled.
    pub(crate) async fn changed(&mut self) {
        // The feed is held by this follower, so its sender lives.
        let _ = self.changed.changed().await;
    }

    /// True when a tick waits to be taken, or the ring is another: what came
    /// with it can go in one frame.
    pub(crate) fn is_due(&self) -> bool {
        let state = self.feed.state();
        if state.id() != self.ring {
            return true;
        }
        let from = match self.next {
            Next::Start { from } => match state.start_from(from) {
                Some(start) => start,
                None => return false,
            },
            Next::After(last) => last.saturating_add(1),
        };
        state.from(from).any(|fed| fed.kind == Kind::Tick)
    }

    /// Takes what is new.
    pub(crate) fn take(&mut self) -> Taken {
        let mut state = self.feed.state();
        if state.id() != self.ring {
            return Taken::OtherRing;
        }
        let from = match self.next {
            Next::Start { from } => match state.start_from(from) {
                Some(start) => start,
                None => return Taken::Nothing,
            },
            Next::After(last) => last.saturating_add(1),
        };
        let records: Vec<_> = state.from(from).cloned().collect();
        let (Some(first), Some(newest)) = (records.first(), records.last()) else {
            return Taken::Nothing;
        };
        if let Next::After(last) = self.next
            && first.previous > last
        {
            // The records in between are gone, so the chains are broken here.
            self.feed.counters().fallen_behind.add(1);
            self.next = state.ask_for_start();
            return Taken::Nothing;
        }
        self.next = Next::After(newest.sequence);
        Taken::Records(records)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.feed.state().leave();
    }
}
