//! The sealing of one server, as much of it as goes at a time.

use std::collections::HashSet;
use std::ops::Range;
use std::time::Duration;

use watchfire_codec::Decoder;
use watchfire_model::{Moment, SeriesKey};
use watchfire_runtime::Shutdown;
use watchfire_store::{ChunkRow, History, HistoryError, Sealing, StoredChunk, StoredEvent};

use super::chains::{Chain, Ring};
use super::columns::Segment;
use super::schemas::Schemas;
use super::walk::{Walk, Wanted};
use super::{Archive, add};
use crate::historian::schema_key;

/// So much is sealed at a time.
const SPAN_MS: i64 = 20 * 60_000;
/// No more values than this are in memory at a time, 64 MB.
const MAX_VALUES: usize = 8 << 20;
/// No more bytes of process tables, roughly.
const MAX_TABLE_BYTES: usize = 64 << 20;
/// A chain of which a part cannot be read stays for so long: a hole may be filled.
const KEEP_BROKEN: Duration = Duration::from_secs(6 * 3600);
const KEEP_BROKEN_MS: i64 = KEEP_BROKEN.as_millis() as i64;

/// What came of one server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing of it could be sealed.
    Nothing,
    /// Something was. The rest begins at the time; with true, some before it is left.
    Sealed(i64, bool),
    /// The time is over.
    Ended,
}

/// The sealing of a part of one server.
pub(super) struct Work<'a> {
    pub(super) archive: &'a Archive,
    pub(super) history: &'a History,
    pub(super) server: &'a str,
    pub(super) now: Moment,
    /// What ends later stays.
    pub(super) until_ms: i64,
    pub(super) end: &'a Shutdown,
}

impl Work<'_> {
    /// Seals what can be sealed of what is from `from_ms` on.
    ///
    /// # Errors
    /// [`HistoryError`] when the history cannot be read or written.
    pub(super) fn seal(&self, from_ms: i64) -> Result<Outcome, HistoryError> {
        let mut span = SPAN_MS;
        loop {
            let to_ms = from_ms.saturating_add(span).min(self.until_ms);
            let outcome = self.seal_span(from_ms, to_ms)?;
            if outcome != Outcome::Nothing || to_ms >= self.until_ms {
                return Ok(outcome);
            }
            span = span.saturating_mul(6);
        }
    }

    fn seal_span(&self, from_ms: i64, to_ms: i64) -> Result<Outcome, HistoryError> {
        let stretch = self.history.chunks(self.server, from_ms, to_ms)?;
        let chunks: Vec<StoredChunk> = stretch.chunks;
        let (mut next, mut left) = (None, false);
        for ring in chunks.chunk_by(|one, next| one.chunk.ring == next.chunk.ring) {
            let Some(read) = self.read(ring)? else { return Ok(Outcome::Ended) };
            match self.seal_ring(read)? {
                // One that its agent writes no more keeps its last chain.
                Outcome::Nothing => left = true,
                Outcome::Sealed(from_ms, some) => {
                    next = Some(next.map_or(from_ms, |next: i64| next.min(from_ms)));
                    left |= some;
                }
                Outcome::Ended => return Ok(Outcome::Ended),
            }
        }
        Ok(next.map_or(Outcome::Nothing, |next| Outcome::Sealed(next, left)))
    }

    /// Reads the chunks of one ring; `None` when the end was asked for.
    fn read(&self, chunks: &[StoredChunk]) -> Result<Option<Ring>, HistoryError> {
        let known = &self.archive.0.known;
        let schemas = Schemas::new(known, self.history, self.server, None);
        let mut walk = Walk::new(known, schemas, Wanted::All);
        let mut ring = Ring::default();
        for stored in chunks {
            if self.end.is_requested() {
                return Ok(None);
            }
            if !stored.lead_in {
                ring.begin(stored);
            }
            let fate = walk.chunk(stored, &mut |met| ring.take(met))?;
            if !stored.lead_in {
                ring.ended(stored, fate);
            }
            let is_much = ring.columns.total() > MAX_VALUES || ring.table_bytes > MAX_TABLE_BYTES;
            // The last chain is never sealed, so there has to be another.
            if is_much && ring.chains.len() > 1 {
                ring.is_full = true;
                break;
            }
        }
        Ok(Some(ring))
    }

    /// Seals the chains that are over, whole, and not too young.
    fn seal_ring(&self, mut ring: Ring) -> Result<Outcome, HistoryError> {
        let go = ring.go(self.until_ms);
        self.pass_over_sealed_tables(&mut ring.chains[..go])?;
        let known = self.history.coverage(self.server, ring.id)?;
        let mut whole = ring.whole(go, &known, i64::MIN);
        if whole.contains(&false) {
            whole = ring.whole(go, &known, self.hopeless_ms());
        }
        let kept = whole.contains(&false);
        let going: Vec<&Chain> = ring
            .chains
            .iter()
            .zip(&whole)
            .filter(|(_, whole)| **whole)
            .map(|(one, _)| one)
            .collect();
        if going.is_empty() {
            return Ok(Outcome::Nothing);
        }
        let next_ms = ring.chains[go].from_ms;
        let rows = going.iter().flat_map(|chain| chain.rows.iter().copied()).collect();
        let chunks: Vec<ChunkRow> = [rows, self.old_schemas(next_ms)?].concat();
        let ticks: Vec<Range<usize>> = going.iter().map(|chain| chain.ticks.clone()).collect();
        let events = going.iter().flat_map(|chain| &ring.events[chain.events.clone()]);
        let events: Vec<StoredEvent> = events.cloned().collect();
        let lost = going.iter().map(|chain| chain.lost).sum();
        let tables = ring.tables_of(go);
        let Ring { columns, keys, tables: all, .. } = ring;
        let Segment { times, columns } = columns.within(&ticks);
        let series: Vec<(SeriesKey, Vec<f64>)> =
            columns.into_iter().map(|(number, values)| (keys[number].clone(), values)).collect();
        let sealed = self.history.seal(&Sealing {
            server: self.server,
            chunks: &chunks,
            timestamps: &times,
            series: &series,
            tables: &all[..tables],
            events: &events,
        })?;
        if sealed.stale {
            return Ok(Outcome::Ended);
        }
        let counters = &self.archive.0.counters;
        add(&counters.sealed_blocks, sealed.blocks);
        add(&counters.sealed_chunks, sealed.chunks);
        self.archive.count_lost(lost);
        Ok(Outcome::Sealed(next_ms, kept))
    }

    /// What is from before this moment and not whole will never be: its agent was here for all
    /// the time since, and would have handed it in.
    fn hopeless_ms(&self) -> i64 {
        let since = self.archive.up_since(self.server);
        if since.is_some_and(|since| self.now.since(since) < KEEP_BROKEN) {
            return i64::MIN;
        }
        self.now.unix_ms.saturating_sub(KEEP_BROKEN_MS)
    }

    /// Tables that went with chains before them are not lost.
    fn pass_over_sealed_tables(&self, chains: &mut [Chain]) -> Result<(), HistoryError> {
        for chain in chains {
            let mut lost = Vec::new();
            for at_ms in std::mem::take(&mut chain.lost_tables) {
                let sealed = self.history.table_at(self.server, at_ms)?;
                if sealed.is_none_or(|table| table.at.unix_ms != at_ms) {
                    lost.push(at_ms);
                }
            }
            chain.lost_tables = lost;
        }
        Ok(())
    }

    /// The rows of stored schemas that nothing needs any more, where what is from `next_ms` on
    /// is not sealed: of each generation the newest one has all keys of those before it.
    fn old_schemas(&self, next_ms: i64) -> Result<Vec<ChunkRow>, HistoryError> {
        let stored = self.history.chunks(&schema_key(self.server), i64::MIN, next_ms)?;
        let mut newest: HashSet<([u8; 16], u64)> = HashSet::new();
        let mut rings: HashSet<[u8; 16]> = HashSet::new();
        let mut rows = Vec::new();
        for stored in stored.chunks.iter().rev() {
            let mut decoder = Decoder::with_pool(self.archive.0.known.pool().clone());
            let mut bytes = stored.chunk.bytes.as_slice();
            while let Ok(Some(_)) = decoder.next(&mut bytes) {}
            let ring = stored.chunk.ring;
            let is_newest = newest.insert((ring, decoder.schema().generation()));
            let is_last = rings.insert(ring);
            let is_old = stored.chunk.to_ms < self.now.unix_ms.saturating_sub(KEEP_BROKEN_MS);
            if !is_newest || (!is_last && is_old) {
                rows.push(stored.row);
            }
        }
        Ok(rows)
    }
}
