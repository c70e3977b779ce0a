//! The history of all servers, as series: what is in memory, what agents told and is not
//! sealed yet, blocks and tiers.
//!
//! ```text
//! sessions --ticks--> feeds (last tick, in memory) --+
//!    |                                               |
//!    v                                               v
//! historian --chunks--> History <--reads-- source (SeriesSource) --> PromQL, listings
//!                        ^   |
//!                        |   v
//!                      sealer: chunks -> columns -> blocks, tiers, process tables, events
//! ```
//!
//! Everything here but [`Archive::seal_loop`] blocks, and is to be called where that may be.
//! Nothing is done for a tick: the last one is in the session's decoder, and a question looks
//! at it there. Only of series that are asked for again and again, as rules and pages do, the
//! feed keeps the last minutes.
//!
//! What fails alone: a chunk that cannot be read is a gap and counted; a server whose chunks
//! cannot be sealed waits, longer each time, while the others go on.

mod around;
mod chains;
mod columns;
mod counters;
mod events;
mod labels;
mod listing;
mod matching;
mod past;
mod places;
mod progress;
mod reading;
mod schemas;
mod sealer;
mod segment;
mod source;
mod stretch;
#[cfg(test)]
pub(crate) mod tests;
mod tiers;
mod walk;
mod wanted;
mod work;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use watchfire_codec::KeyPool;
use watchfire_model::{Schema, Scope, Tick};
use watchfire_runtime::Clock;
use watchfire_store::History;

use crate::fleet::Fleet;
use crate::historian::Historian;
use crate::pushed::{KnownSender, PushedSource};
pub(crate) use labels::{EXPORTED, INSTANCE, exported};
pub(crate) use listing::Least;
use places::Places;
pub(crate) use reading::unreadable;
use schemas::Known;
pub(crate) use source::ArchiveSource;

/// The history of all servers. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Archive(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    historian: Historian,
    fleet: Arc<Fleet>,
    clock: Clock,
    known: Known,
    places: Places,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    decoded_ticks: AtomicU64,
    lost_ticks: AtomicU64,
    sealed_blocks: AtomicU64,
    sealed_chunks: AtomicU64,
    seal_failures: AtomicU64,
    unsealable: AtomicU64,
}

/// What was counted since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ArchiveCounts {
    /// Ticks that were not in memory and had to be decoded for a question about series.
    pub(crate) decoded_ticks: u64,
    /// Stored ticks that could not be read, each time that they were met.
    pub(crate) lost_ticks: u64,
    /// Blocks that were sealed.
    pub(crate) sealed_blocks: u64,
    /// Chunks that went into them.
    pub(crate) sealed_chunks: u64,
    /// Steps of the sealing that failed.
    pub(crate) seal_failures: u64,
    /// Times that nothing of a server could be sealed, so that it waits.
    pub(crate) unsealable: u64,
}

impl Archive {
    /// The history of the servers in `fleet`. It shares its series keys with all that has
    /// `pool`.
    pub(crate) fn new(
        historian: Historian,
        fleet: Arc<Fleet>,
        pool: KeyPool,
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Inner {
            historian,
            fleet,
            clock,
            known: Known::new(pool),
            places: Places::default(),
            counters: Counters::default(),
        }))
    }

    /// The series of the servers in `scope`, and of no other (invariant I7).
    pub(crate) fn source(&self, scope: &Scope) -> ArchiveSource {
        ArchiveSource::new(self.clone(), scope.clone())
    }

    /// The series that these senders pushed into the same history.
    pub(crate) fn pushed(&self, senders: Vec<Arc<KnownSender>>) -> PushedSource {
        PushedSource::new(self.history().cloned(), self.0.fleet.clone(), senders)
    }

    /// What was counted since the start.
    pub(crate) fn counts(&self) -> ArchiveCounts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.0.counters;
        ArchiveCounts {
            decoded_ticks: of(&counters.decoded_ticks),
            lost_ticks: of(&counters.lost_ticks),
            sealed_blocks: of(&counters.sealed_blocks),
            sealed_chunks: of(&counters.sealed_chunks),
            seal_failures: of(&counters.seal_failures),
            unsealable: of(&counters.unsealable),
        }
    }

    pub(crate) fn history(&self) -> Option<&History> {
        self.0.historian.history()
    }

    /// The last tick of a server whose agent is here, copied: a session must not wait.
    fn newest(&self, index: usize) -> Option<(Schema, Tick)> {
        let feed = self.0.fleet.feed(index)?;
        feed.look(|schema, tick| (schema.clone(), tick.clone()))
    }

    fn count_lost(&self, ticks: usize) {
        add(&self.0.counters.lost_ticks, ticks);
    }
}

fn add(counter: &AtomicU64, how_many: usize) {
    counter.fetch_add(how_many as u64, Ordering::Relaxed);
}
