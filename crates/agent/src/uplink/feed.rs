//! What was just recorded, on its way to the streams: each record is encoded
//! once, and all streams share it.
//!
//! The feed is a ring in memory of at most [`FEED_BYTES`]. A [`Follower`] that
//! falls behind it goes on at the next start of a chain, and what it says comes
//! `previous` to that tells the hub of the hole, which the recorder fills.
//!
//! # Two rings, two kinds of numbers
//!
//! Where the recorder takes a record, the record has the sequence that the
//! recorder gave it, and the hub can ask for it later. Where there is no
//! recorder, or its disk is full or hangs, live data goes on all the same: such
//! records are numbered from 1 in a *run ring*, whose id is random and dies with
//! the agent. A record is in one of the two rings, never in both, so that the
//! hub never gets a tick twice under two numbers. A stream is about one ring:
//! when the feed goes over to the other one, its followers are told and the
//! stream begins anew with another hello.

mod follower;
mod state;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use watchfire_model::Moment;
use watchfire_wire::{Record, RecordKind, RingState};

pub(crate) use self::follower::{Follower, Taken};
use self::state::State;
use super::UplinkCounters;
use crate::recorder::Kind;

/// What the feed keeps in memory, in bytes: some seconds of a busy machine,
/// minutes of a quiet one.
pub(crate) const FEED_BYTES: usize = 512 << 10;

/// Where records come from and where followers get them. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Feed(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Counts what was put; followers wait for it.
    changed: watch::Sender<u64>,
    counters: Arc<UplinkCounters>,
}

/// A record in the feed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fed {
    /// Its place in the ring.
    pub(crate) sequence: u64,
    /// The sequence of the record directly before it; 0 when it is not known.
    pub(crate) previous: u64,
    pub(crate) kind: Kind,
    pub(crate) at: Moment,
    pub(crate) starts_chain: bool,
    pub(crate) bytes: Vec<u8>,
}

/// Which ring a record belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The recorder's ring with this id.
    Disk([u8; 16]),
    /// The ring of this run, in memory only.
    Run,
}

/// Who encodes records. A chain is one author's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Author(pub(crate) u32);

/// A record on its way into the feed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) kind: Kind,
    pub(crate) at: Moment,
    pub(crate) starts_chain: bool,
    pub(crate) bytes: &'a [u8],
}

impl Feed {
    /// A feed that follows the recorder's ring of this id, whose last record
    /// has the sequence `newest` (0 for none); a run ring without one.
    pub(crate) fn new(disk: Option<([u8; 16], u64)>) -> Self {
        let (changed, _) = watch::channel(0);
        let (state, counters) = (Mutex::new(State::new(disk)), Arc::default());
        Self(Arc::new(Shared { state, changed, counters }))
    }

    /// True when the next record of this kind must start a chain: because a
    /// follower begins or left, because the last start was long ago, or because the records before it are of another ring
    /// or author. Ask before encoding.
    pub(crate) fn wants_start(
        &self,
        place: Place,
        author: Author,
        kind: Kind,
        now: Moment,
    ) -> bool {
        self.state().wants_start(place, author, kind, now)
    }

    /// Puts a record that the recorder has taken as `sequence`.
    pub(crate) fn put_recorded(
        &self,
        ring: [u8; 16],
        author: Author,
        sequence: u64,
        entry: Entry<'_>,
    ) {
        self.state().put(Place::Disk(ring), author, Some(sequence), entry);
        self.tell();
    }

    /// Puts a record that no recorder took.
    pub(crate) fn put_unrecorded(&self, author: Author, entry: Entry<'_>) {
        self.state().put(Place::Run, author, None, entry);
        self.0.counters.unrecorded.add(1);
        self.tell();
    }

    /// A record was recorded so late that the feed had gone on without it: the
    /// hub is to ask for it.
    pub(crate) fn pass_over(&self, ring: [u8; 16], sequence: u64) {
        self.state().pass_over(ring, sequence);
    }

    /// Begins to follow, from the start of a chain on. `now` decides whether a
    /// start that was made a moment ago serves again.
    pub(crate) fn follow(&self, now: Moment) -> Follower {
        let changed = self.0.changed.subscribe();
        let (ring, next) = self.state().follow(now);
        Follower::new(self.clone(), changed, ring, next)
    }

    /// The ring that the feed is about now. `oldest` is that in memory; where
    /// [`Feed::is_on_disk`] there is more.
    pub(crate) fn ring(&self) -> RingState {
        self.state().ring()
    }

    /// True when the records of the present ring can be read back from disk.
    pub(crate) fn is_on_disk(&self) -> bool {
        self.state().is_on_disk()
    }

    /// The records that are in memory with sequences between the two, both
    /// included, from the start of a chain at or before `from` where it is there.
    pub(crate) fn between(&self, from: u64, to: u64) -> Vec<Arc<Fed>> {
        self.state().between(from, to)
    }

    /// What this feed and all that streams do with it is counted in.
    pub(crate) fn counters(&self) -> &Arc<UplinkCounters> {
        &self.0.counters
    }

    fn tell(&self) {
        self.0.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Held for moments only, never over an await.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Fed {
    /// The same as the wire has it.
    pub(crate) fn to_wire(&self) -> Record {
        Record {
            sequence: self.sequence,
            kind: wire_kind(self.kind),
            monotonic_ns: u64::try_from(self.at.monotonic.as_nanos()).unwrap_or(u64::MAX),
            unix_ms: self.at.unix_ms,
            bytes: self.bytes.clone(),
        }
    }
}

/// The kind as the wire has it.
pub(super) fn wire_kind(kind: Kind) -> RecordKind {
    match kind {
        Kind::Tick => RecordKind::Tick,
        Kind::Processes => RecordKind::Processes,
        Kind::Event => RecordKind::Event,
    }
}
