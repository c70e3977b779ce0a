//! Chunks of one ring, read and divided where they can be cut.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};

use watchfire_model::{ProcessRow, ProcessTable, SeriesKey};
use watchfire_store::{ChunkRow, StoredChunk, StoredEvent};

use super::columns::Columns;
use super::walk::{Fate, Met};

/// A chain, of ticks or of tables, is not longer than this: whoever looks so far finds the next.
const LONGEST_CHAIN_MS: i64 = 120_000;

/// The chunks of one ring that were read, up to where something stays.
#[derive(Default)]
pub(super) struct Ring {
    pub(super) id: [u8; 16],
    /// There was no room for more of it.
    pub(super) is_full: bool,
    pub(super) columns: Columns,
    pub(super) keys: Vec<SeriesKey>,
    numbers: HashMap<SeriesKey, usize>,
    pub(super) tables: Vec<ProcessTable>,
    /// For each table whether it can be read without those before it.
    starts: Vec<bool>,
    pub(super) table_bytes: usize,
    pub(super) events: Vec<StoredEvent>,
    /// Chain by chain.
    pub(super) chains: Vec<Chain>,
}

/// Chunks that can be read without those before them.
#[derive(Debug, Default)]
pub(super) struct Chain {
    pub(super) rows: Vec<ChunkRow>,
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    /// The first sequence in it, and the last.
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) lost: usize,
    /// Tables that cannot be read and are not known otherwise, in milliseconds since 1970.
    pub(super) lost_tables: Vec<i64>,
    /// Its ticks among those of the ring.
    pub(super) ticks: Range<usize>,
    /// How many tables of the ring there are up to its end.
    pub(super) tables: usize,
    /// Its events among those of the ring.
    pub(super) events: Range<usize>,
    /// False for one whose first chunk begins no chain: what it goes on from is missing.
    pub(super) starts: bool,
}

impl Ring {
    /// A chunk begins; with a chain's start, a chain does. Not so with a chunk that brings nothing
    /// new: what has its records may have begun in the middle of a chain, and all of it goes at
    /// once.
    pub(super) fn begin(&mut self, stored: &StoredChunk) {
        let chunk = &stored.chunk;
        self.id = chunk.ring;
        if stored.is_superseded() {
            return;
        }
        if self.chains.is_empty() || chunk.starts_chain {
            let starts = chunk.starts_chain;
            let (from_ms, to_ms) = (chunk.from_ms, chunk.to_ms);
            let (at, event) = (self.columns.ticks(), self.events.len());
            self.chains.push(Chain {
                from_ms,
                to_ms,
                first: chunk.first,
                starts,
                ticks: at..at,
                events: event..event,
                ..Chain::default()
            });
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
            Met::LostTable(at_ms) => {
                self.chains.last_mut().into_iter().for_each(|one| one.lost_tables.push(at_ms));
            }
            Met::Event(record) => {
                let bytes = record.bytes.clone();
                self.events.push(StoredEvent { at_ms: record.unix_ms, bytes });
            }
        }
        ControlFlow::Continue(())
    }

    /// The chunk is over.
    pub(super) fn ended(&mut self, stored: &StoredChunk, fate: Fate) {
        let (ticks, tables, events) = (self.columns.ticks(), self.tables.len(), self.events.len());
        if let Some(chain) = self.chains.last_mut() {
            chain.rows.push(stored.row);
            chain.from_ms = chain.from_ms.min(stored.chunk.from_ms);
            chain.to_ms = chain.to_ms.max(stored.chunk.to_ms);
            chain.last = chain.last.max(stored.chunk.last);
            chain.lost += fate.lost_ticks;
            (chain.ticks.end, chain.tables, chain.events.end) = (ticks, tables, events);
        }
    }

    /// How many of the first chains can go, which are over by `until_ms`. The last chain stays:
    /// what goes on from it may still come. So does one whose tables go on into what was not
    /// read: what is not read now could never be read once they are gone.
    pub(super) fn go(&self, until_ms: i64) -> usize {
        let over = self.chains.iter().position(|chain| chain.to_ms > until_ms);
        let over = over.unwrap_or(self.chains.len()).min(self.chains.len().saturating_sub(1));
        (0..=over).rev().find(|&go| go == 0 || self.tables_end(go)).unwrap_or(0)
    }

    /// Tables of the first `go` chains, and those behind them that cannot be read without them.
    pub(super) fn tables_of(&self, go: usize) -> usize {
        let tables = self.chains[..go].last().map_or(0, |chain| chain.tables);
        tables + self.starts[tables..].iter().take_while(|starts| !**starts).count()
    }

    /// True when it is known where the tables end that go with the first `go` chains.
    fn tables_end(&self, go: usize) -> bool {
        let read_to = self.chains.last().map_or(i64::MIN, |last| last.to_ms);
        let is_far = read_to.saturating_sub(self.chains[go - 1].to_ms) >= LONGEST_CHAIN_MS;
        // Where memory ends before the tables do, some of them are better than none.
        is_far || self.is_full || self.tables_of(go) < self.starts.len()
    }

    /// For each of the first `go` chains whether it is whole, so that nothing that comes later
    /// could need it, or add to it. `known` tells which sequences are known; what is from before
    /// `old_ms` is as whole as it will ever be.
    pub(super) fn whole(&self, go: usize, known: &[(u64, u64)], old_ms: i64) -> Vec<bool> {
        let mut whole = vec![false; go];
        let mut next_goes = true;
        for (at, chain) in self.chains[..go].iter().enumerate().rev() {
            let next = &self.chains[at + 1];
            let is_read = chain.starts && chain.lost == 0 && chain.lost_tables.is_empty();
            let joined =
                known.iter().any(|&(after, upto)| after < chain.last && next.first <= upto);
            // A hole in the next chain may be filled with tables that go on from here.
            let frees = next_goes || self.starts.get(chain.tables) == Some(&true);
            whole[at] = chain.to_ms < old_ms || (is_read && joined && frees);
            next_goes = whole[at];
        }
        whole
    }
}
