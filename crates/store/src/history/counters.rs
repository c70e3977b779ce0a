use std::sync::atomic::{AtomicU64, Ordering};

use super::archive::prune::Gone;

/// What happened to the history since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HistoryCounters {
    /// Chunks that were stored.
    pub chunks_stored: u64,
    /// Bytes of those chunks, without what the database adds.
    pub bytes_stored: u64,
    /// Chunks of which everything was known already, so they were not stored.
    pub chunks_known: u64,
    /// Chunks that were refused, by [`BadChunk`](crate::BadChunk).
    pub chunks_refused: u64,
    /// Chunks that were deleted to keep the cap.
    pub chunks_pruned: u64,
    /// Chunks that were deleted because their server or ring was removed.
    pub chunks_removed: u64,
    /// Chunks that became blocks.
    pub chunks_sealed: u64,
    /// Blocks of ticks that were sealed.
    pub blocks_sealed: u64,
    /// Process tables that were sealed.
    pub tables_sealed: u64,
    /// Events that were sealed, each once.
    pub events_sealed: u64,
    /// Events that were too large, or too many at once, to be sealed.
    pub events_left_out: u64,
    /// Series that were left out of blocks because there are too many keys.
    pub series_left_out: u64,
    /// Times that the blocks of an hour became one.
    pub hours_merged: u64,
    /// Blocks, of ticks and of tiers, that were deleted to keep the cap.
    pub blocks_pruned: u64,
    /// Stretches of process tables that were deleted to keep the cap.
    pub tables_pruned: u64,
    /// Events that were deleted to keep the cap, or because their server had too many.
    pub events_pruned: u64,
    /// Blocks, stretches of process tables and events that were deleted with their server.
    pub blocks_removed: u64,
    /// Samples that senders pushed and that were stored.
    pub samples_pushed: u64,
    /// Pushed series that were left out: there are too many, or their labels take too much.
    pub pushed_series_refused: u64,
    /// Those of them for whose labels there is no room.
    pub pushed_labels_refused: u64,
    /// Pushed samples that were left out, with their series or because of their time.
    pub pushed_samples_refused: u64,
    /// Times that something was said of a metric and left out, because there is too much of that.
    pub pushed_facts_refused: u64,
    /// Runs that were made of pushed samples.
    pub pushed_runs_made: u64,
    /// Runs and batches of pushed samples that were deleted to keep the cap.
    pub pushed_runs_pruned: u64,
    /// How often a reader met a row that was damaged.
    pub damaged_rows: u64,
    /// Holes that were given up because a ring had too many of them.
    pub holes_given_up: u64,
    /// Rings that were dropped because their server had too many of them.
    pub rings_given_up: u64,
    /// Times that an index hid what is stored, and was made anew.
    pub indexes_mended: u64,
    /// Damaged files that were set aside.
    pub files_set_aside: u64,
    /// Connections that were closed after an error of the disk.
    pub connections_ended: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) chunks_stored: AtomicU64,
    pub(super) bytes_stored: AtomicU64,
    pub(super) chunks_known: AtomicU64,
    pub(super) chunks_refused: AtomicU64,
    pub(super) chunks_pruned: AtomicU64,
    pub(super) chunks_removed: AtomicU64,
    pub(super) chunks_sealed: AtomicU64,
    pub(super) blocks_sealed: AtomicU64,
    pub(super) tables_sealed: AtomicU64,
    pub(super) events_sealed: AtomicU64,
    pub(super) events_left_out: AtomicU64,
    pub(super) series_left_out: AtomicU64,
    pub(super) hours_merged: AtomicU64,
    pub(super) blocks_pruned: AtomicU64,
    pub(super) tables_pruned: AtomicU64,
    pub(super) events_pruned: AtomicU64,
    pub(super) blocks_removed: AtomicU64,
    pub(super) samples_pushed: AtomicU64,
    pub(super) pushed_series_refused: AtomicU64,
    pub(super) pushed_labels_refused: AtomicU64,
    pub(super) pushed_samples_refused: AtomicU64,
    pub(super) pushed_facts_refused: AtomicU64,
    pub(super) pushed_runs_made: AtomicU64,
    pub(super) pushed_runs_pruned: AtomicU64,
    pub(super) damaged_rows: AtomicU64,
    pub(super) holes_given_up: AtomicU64,
    pub(super) rings_given_up: AtomicU64,
    pub(super) indexes_mended: AtomicU64,
    pub(super) files_set_aside: AtomicU64,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64, how_many: u64) {
        counter.fetch_add(how_many, Ordering::Relaxed);
    }

    /// Counts what was deleted to keep the cap.
    pub(super) fn pruned(&self, gone: &Gone) {
        Self::add(&self.chunks_pruned, gone.chunks as u64);
        Self::add(&self.blocks_pruned, gone.blocks as u64);
        Self::add(&self.tables_pruned, gone.tables as u64);
        Self::add(&self.events_pruned, gone.events as u64);
        Self::add(&self.pushed_runs_pruned, gone.pushed as u64);
    }

    pub(super) fn now(&self, connections_ended: u64) -> HistoryCounters {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        HistoryCounters {
            chunks_stored: of(&self.chunks_stored),
            bytes_stored: of(&self.bytes_stored),
            chunks_known: of(&self.chunks_known),
            chunks_refused: of(&self.chunks_refused),
            chunks_pruned: of(&self.chunks_pruned),
            chunks_removed: of(&self.chunks_removed),
            chunks_sealed: of(&self.chunks_sealed),
            blocks_sealed: of(&self.blocks_sealed),
            tables_sealed: of(&self.tables_sealed),
            events_sealed: of(&self.events_sealed),
            events_left_out: of(&self.events_left_out),
            series_left_out: of(&self.series_left_out),
            hours_merged: of(&self.hours_merged),
            blocks_pruned: of(&self.blocks_pruned),
            tables_pruned: of(&self.tables_pruned),
            events_pruned: of(&self.events_pruned),
            blocks_removed: of(&self.blocks_removed),
            samples_pushed: of(&self.samples_pushed),
            pushed_series_refused: of(&self.pushed_series_refused),
            pushed_labels_refused: of(&self.pushed_labels_refused),
            pushed_samples_refused: of(&self.pushed_samples_refused),
            pushed_facts_refused: of(&self.pushed_facts_refused),
            pushed_runs_made: of(&self.pushed_runs_made),
            pushed_runs_pruned: of(&self.pushed_runs_pruned),
            damaged_rows: of(&self.damaged_rows),
            holes_given_up: of(&self.holes_given_up),
            rings_given_up: of(&self.rings_given_up),
            indexes_mended: of(&self.indexes_mended),
            files_set_aside: of(&self.files_set_aside),
            connections_ended,
        }
    }
}
