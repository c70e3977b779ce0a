//! Chunks of one ring, read and divided where they can be cut.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};

use watchfire_model::{ProcessRow, ProcessTable, SeriesKey};
use watchfire_store::{ChunkRow, StoredChunk};

use super::columns::Columns;
use super::walk::{Fate, Met};

/// The chunks of one ring that were read, up to where something stays.
#[derive(Default)]
pub(super) struct Ring {
    pub(super) columns: Columns,
    pub(super) keys: Vec<SeriesKey>,
    numbers: HashMap<SeriesKey, usize>,
    pub(super) tables: Vec<ProcessTable>,
    /// For each table whether it can be read without those before it.
    starts: Vec<bool>,
    pub(super) table_bytes: usize,
    /// Chain by chain.
    pub(super) chains: Vec<Chain>,
}

/// Chunks that can be read without those before them.
#[derive(Debug, Default)]
pub(super) struct Chain {
    pub(super) rows: Vec<ChunkRow>,
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    pub(super) lost: usize,
    /// Its ticks among those of the ring.
    pub(super) ticks: Range<usize>,
    /// How many tables of the ring there are up to its end.
    pub(super) tables: usize,
    /// False for one whose first chunk begins no chain: what it goes on from is missing.
    pub(super) starts: bool,
}

impl Ring {
    /// A chunk begins; with a chain's start, a chain does.
    pub(super) fn begin(&mut self, stored: &StoredChunk) {
        let chunk = &stored.chunk;
        if self.chains.is_empty() || chunk.starts_chain {
            let starts = chunk.starts_chain;
            let (from_ms, to_ms, at) = (chunk.from_ms, chunk.to_ms, self.columns.ticks());
            self.chains.push(Chain { from_ms, to_ms, starts, ticks: at..at, ..Chain::default() });
        }
    }

    /// Takes what the walk came by.
    pub(super) fn take(&mut self, met: Met<'_>) -> ControlFlow<()> {
        match met {
            Met::Tick(schema, tick) => {
                let (keys, numbers) = (&mut self.keys, &mut self.numbers);
                self.columns.push(schema, tick, |key| {
                    Some(*numbers.entry(key.clone()).or_insert_with(|| {
                        keys.push(key.clone());
                        keys.len() - 1
                    }))
                });
            }
            Met::Table(table, starts) => {
                self.table_bytes += table.processes.len() * size_of::<ProcessRow>();
                self.tables.push(table.clone());
                self.starts.push(starts);
            }
        }
        ControlFlow::Continue(())
    }

    /// The chunk is over.
    pub(super) fn ended(&mut self, stored: &StoredChunk, fate: Fate) {
        let (ticks, tables) = (self.columns.ticks(), self.tables.len());
        if let Some(chain) = self.chains.last_mut() {
            chain.rows.push(stored.row);
            chain.from_ms = chain.from_ms.min(stored.chunk.from_ms);
            chain.to_ms = chain.to_ms.max(stored.chunk.to_ms);
            chain.lost += fate.lost_ticks;
            (chain.ticks.end, chain.tables) = (ticks, tables);
        }
    }

    /// How many tables from the `from`-th on cannot be read without one before it.
    pub(super) fn goes_on_until(&self, from: usize) -> usize {
        self.starts[from..].iter().position(|starts| *starts).unwrap_or(self.starts.len() - from)
    }
}
