use std::ops::ControlFlow;

use watchfire_model::{ProcessTable, SeriesKey};

use super::events::StoredEvent;
use crate::block::WindowColumns;
use crate::history::{ChunkRow, Gap};

/// Takes samples: a place among the keys that were asked for, times, and as many values. A break
/// ends the reading.
pub type OnSamples<'a> = dyn FnMut(usize, &[i64], &[f64]) -> ControlFlow<()> + 'a;

/// Some ticks of a block, of one series.
#[derive(Debug, Clone, Copy)]
pub struct Picked<'a> {
    /// The place of the series among the keys that were asked for.
    pub key: usize,
    /// When each tick of the block was that lies in the time, in milliseconds since 1970.
    pub times: &'a [i64],
    /// The places in `times` of those that were picked.
    pub ticks: &'a [usize],
    /// The value at each of those.
    pub values: &'a [f64],
    /// True when the series is known to have a number at each of `times`, and never to fall.
    pub rises: bool,
}

/// Picks ticks of a block of these times: their places, rising. Picking none ends the reading.
pub type Pick<'a> = dyn FnMut(&[i64], &mut Vec<usize>) + 'a;

/// Takes what was picked. A break ends the reading.
pub type OnPicked<'a> = dyn FnMut(&Picked<'_>) -> ControlFlow<()> + 'a;

/// Takes windows: a place among the keys, when each window begins, and as many of each field.
pub type OnWindows<'a> = dyn FnMut(usize, &[i64], &WindowColumns) -> ControlFlow<()> + 'a;

/// What [`History::seal`](crate::History::seal) puts in the place of chunks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sealing<'a> {
    /// The server's key.
    pub server: &'a str,
    /// Rows of chunks whose ticks, tables and events are all in here, and of the server's schemas
    /// (`KEY/schema`) that nothing needs any more. They are deleted in the same transaction.
    /// What is left must be readable without them: so the next chunk starts a chain.
    pub chunks: &'a [ChunkRow],
    /// When each tick was, in milliseconds since 1970, rising. May be empty.
    pub timestamps: &'a [i64],
    /// For each series one value a tick, [`ABSENT`](watchfire_model::ABSENT) where it has none.
    pub series: &'a [(SeriesKey, Vec<f64>)],
    /// Process tables in any order; of two of one millisecond the later one counts.
    pub tables: &'a [ProcessTable],
    /// What the kernel told, in any order. One that comes again is kept once; so it may have been
    /// sealed before.
    pub events: &'a [StoredEvent],
}

/// What came of a [`Sealing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sealed {
    /// True when a chunk is not there any more, because it was pruned, sealed or its server
    /// removed: nothing was done. Read the chunks anew.
    pub stale: bool,
    /// Blocks of ticks that were made; each lies within one hour.
    pub blocks: usize,
    /// Bytes of blocks, process tables and events.
    pub bytes: usize,
    /// Process tables that were stored.
    pub tables: usize,
    /// Events that were stored.
    pub events: usize,
    /// Chunks that were deleted.
    pub chunks: usize,
    /// Series that were left out because there are [`MAX_KEYS`](crate::MAX_KEYS) keys, or
    /// because a server has more than a block takes.
    pub left_out: usize,
}

/// A server that has chunks to seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealable {
    /// Its key.
    pub server: String,
    /// The earliest time in those chunks, in milliseconds since 1970.
    pub from_ms: i64,
    /// The latest time in them.
    pub to_ms: i64,
}

/// What a reader of the archive should know beside what it found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// Where damage was met: something was stored there that cannot be read. Their `ring` is
    /// zeros.
    pub gaps: Vec<Gap>,
    /// True when the reader broke off.
    pub cut: bool,
}

/// From when on a server's history is there, unless it began later. What is older was deleted
/// to keep the cap; what is told late of such a time goes into the tiers at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Every tick, in milliseconds since 1970.
    pub ticks_from_ms: i64,
    /// Windows of a minute.
    pub minutes_from_ms: i64,
    /// Windows of an hour.
    pub hours_from_ms: i64,
}

impl Default for Reach {
    fn default() -> Self {
        Self { ticks_from_ms: i64::MIN, minutes_from_ms: i64::MIN, hours_from_ms: i64::MIN }
    }
}

/// A time in which processes of one name ran on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The server's key.
    pub server: String,
    /// When the first table has it, in milliseconds since 1970.
    pub from_ms: i64,
    /// When the last table has it.
    pub to_ms: i64,
    /// Its processes, lowest first; [`MAX_RUN_PIDS`](crate::MAX_RUN_PIDS) at the most.
    pub pids: Vec<u32>,
    /// How many there were, ended ones counted.
    pub processes: usize,
}
