//! The limits of a block. A writer refuses what is above them, and a reader
//! refuses it before it takes memory for it.

/// The most ticks of one block: more than a day at 2 s, eighteen hours at 1 s.
pub const MAX_TICKS: usize = 65_535;

/// The most columns of one block: of ticks a quarter of a million keys, of a tier 43,690.
pub const MAX_COLUMNS: usize = 262_144;

/// The most bytes of one block. SQLite takes up to 1 GB in a row.
pub const MAX_BLOCK_BYTES: usize = 256 << 20;

/// Keys that follow one another and share a group.
pub(super) const GROUP: usize = 64;

/// The most columns of a group, with those that came to it as relatives.
pub(super) const MAX_GROUP: usize = 255;

/// The most columns between a column and the one that is told by itself.
pub(super) const MAX_DEPTH: u8 = 4;

/// The most values of all blocks that are merged into one, absent ones counted: a gigabyte.
pub const MAX_MERGED_VALUES: usize = 1 << 27;
