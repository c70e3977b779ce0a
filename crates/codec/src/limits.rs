//! How much anything may hold.
//!
//! A writer leaves out what is above a limit and says how much that was; a
//! reader refuses it. A reader never takes more memory than these limits
//! allow, nor more than a small multiple of the bytes that it is given.

/// The largest frame, in bytes, with its head. With an envelope around it, it
/// fits a message of the wire.
pub const MAX_FRAME_BYTES: usize = (1 << 20) - 4096;

/// A key tick comes at the latest after this many ticks.
pub const MAX_CHAIN_TICKS: u32 = 60;
/// A key table comes at the latest after this many process tables: a minute
/// when one is taken every five seconds.
pub const MAX_CHAIN_TABLES: u32 = 12;

/// The most keys in a schema, and values in a tick. So many of the worst kind fit a
/// frame: 230 bits each, when all that can be guessed is guessed wrongly.
pub const MAX_KEYS: usize = 32_768;
/// The longest metric name or label name, in bytes.
pub const MAX_NAME_BYTES: usize = 512;
/// The longest label value, in bytes.
pub const MAX_LABEL_BYTES: usize = 4096;
/// The most labels of a key.
pub const MAX_LABELS: usize = 48;
/// The most bytes of names and labels in all keys of a schema together, with 32
/// for each key and each label.
pub const MAX_SCHEMA_BYTES: usize = 12 << 20;

/// The most rows of a process table, as many as the agent's sampler lists; its
/// `total` tells how many there are. Where their texts are many and long, fewer
/// fit a frame.
pub const MAX_ROWS: usize = 16 * 1024;
/// The longest text of a row, in bytes.
pub const MAX_TEXT_BYTES: usize = 4096;
/// The most bytes of different texts in a chain of process tables.
pub const MAX_CHAIN_TEXT_BYTES: usize = 512 << 10;
/// The most different texts in a chain of process tables.
pub const MAX_CHAIN_TEXTS: usize = 32_768;
/// The most bytes of text in all rows of one table together.
pub const MAX_TABLE_TEXT_BYTES: usize = 4 << 20;
/// The most bytes of a chain of process tables that is kept to be read later. An
/// honest chain of a thousand processes has a tenth of it.
pub const MAX_KEPT_CHAIN_BYTES: usize = 1 << 20;
