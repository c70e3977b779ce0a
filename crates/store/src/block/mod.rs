//! Sealed blocks: many ticks of one server, in columns, compressed. Bytes in,
//! bytes out; `FORMAT.md` beside this crate's manifest draws every byte.
//!
//! [`seal`] makes a block of [`Columns`], [`Block`] reads it, [`merge`] makes one
//! of several. [`Directory`] reads a block of which only parts are in memory.
//! [`Windows`] are the tiers: what is left of ticks when they are too old to
//! keep each.
//!
//! Every piece carries a checksum: head and directory, the timestamps, and each
//! group of about 64 columns. A damaged group is an error for its columns alone.

mod absence;
mod bits;
mod block_reader;
mod column_id;
mod dense;
mod directory;
mod error;
mod group;
mod head;
#[cfg(test)]
mod hostile_tests;
mod limits;
pub(crate) mod lone;
mod merge;
mod numbers;
mod packed;
mod relatives;
mod scratch;
mod seal;
mod steps;
mod sums;
mod tier;
mod unit;
pub(crate) mod varint;
mod windows;

pub use block_reader::Block;
pub use column_id::KeyId;
pub use directory::{Directory, Place};
pub use error::{BlockError, SealError};
pub use group::Group;
pub use head::{Head, Kind};
pub use limits::{MAX_BLOCK_BYTES, MAX_COLUMNS, MAX_MERGED_VALUES, MAX_TICKS};
pub use merge::{MergeError, Merged, merge};
pub use scratch::Scratch;
pub use seal::{SealOptions, seal};
pub use tier::seal_tier;
pub use windows::{WindowColumns, Windows};

/// The ticks of one server, by column.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// When each tick was, in milliseconds since 1970, rising.
    pub timestamps: Vec<i64>,
    /// For each key one value a tick, [`ABSENT`](watchfire_model::ABSENT) where it
    /// has none. In any order of keys.
    pub series: Vec<(KeyId, Vec<f64>)>,
}
