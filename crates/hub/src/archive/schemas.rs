//! The series keys by which stored ticks are read.
//!
//! A chain of ticks says at its start which schema it needs: a generation, how many of its
//! keys, and their checksum. The keys came once, with an earlier record or in a chunk of their
//! own, and within a generation there are only ever more: so any schema of the generation with
//! enough keys will do, and the checksum tells when it is another one after all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use watchfire_codec::{Decoder, KeyPool};
use watchfire_model::Schema;
use watchfire_store::{History, HistoryError};

use crate::historian::schema_key;

/// How many schemas are known at a time; above it all are forgotten and read again.
const MAX_KNOWN: usize = 4096;
/// A schema that did not change is stored again every five minutes, so that one is within this
/// of any tick that came live.
const AROUND_MS: i64 = 400_000;

/// A schema as a chain needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Needed {
    pub(super) ring: [u8; 16],
    pub(super) generation: u64,
    pub(super) keys: usize,
}

/// A schema and the ring whose ticks it is of.
type OfRing = ([u8; 16], Schema);

/// The schemas that were needed of late. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pool: KeyPool,
    schemas: Arc<Mutex<HashMap<Needed, Schema>>>,
}

/// Where the schemas of one server may be.
pub(super) struct Schemas<'a> {
    known: &'a Known,
    history: &'a History,
    server: &'a str,
    /// The present one, if its agent is here.
    live: Option<Schema>,
    /// What was read of the stored ones: those around a time, or all.
    stored: Option<(i64, Vec<OfRing>)>,
    all: Option<Vec<OfRing>>,
}

impl Known {
    /// Nothing is known yet. Keys are shared with all that has `pool`.
    pub(super) fn new(pool: KeyPool) -> Self {
        Self { pool, schemas: Arc::default() }
    }

    /// The pool of the keys.
    pub(super) fn pool(&self) -> &KeyPool {
        &self.pool
    }

    /// Keeps a schema that proved to be right.
    pub(super) fn keep(&self, needed: Needed, schema: &Schema) {
        let mut schemas = self.lock();
        if schemas.len() >= MAX_KNOWN {
            schemas.clear();
        }
        schemas.insert(needed, schema.clone());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Needed, Schema>> {
        self.schemas.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Schemas<'a> {
    pub(super) fn new(
        known: &'a Known,
        history: &'a History,
        server: &'a str,
        live: Option<Schema>,
    ) -> Self {
        Self { known, history, server, live, stored: None, all: None }
    }

    /// Where the `turn`-th look for a schema leads, for a tick of `at_ms`; `None` when there is
    /// nowhere else to look. What was found may be another one with that many keys: the next
    /// look is for those whose ticks do not follow it.
    ///
    /// # Errors
    /// [`HistoryError`] when the history cannot be read.
    pub(super) fn look(
        &mut self,
        needed: Needed,
        at_ms: i64,
        turn: usize,
    ) -> Result<Option<Vec<Schema>>, HistoryError> {
        Ok(Some(match turn {
            0 => self.known.lock().get(&needed).cloned().into_iter().collect(),
            1 => self.live.iter().filter_map(|live| fitted(live, needed)).collect(),
            2 => {
                if self.stored.as_ref().is_none_or(|(around, _)| *around != at_ms) {
                    let (from, to) =
                        (at_ms.saturating_sub(AROUND_MS), at_ms.saturating_add(AROUND_MS));
                    self.stored = Some((at_ms, self.read(from, to)?));
                }
                let stored = self.stored.iter().flat_map(|(_, schemas)| schemas);
                of_ring(stored, needed)
            }
            3 => {
                if self.all.is_none() {
                    self.all = Some(self.read(i64::MIN, i64::MAX)?);
                }
                of_ring(self.all.iter().flatten(), needed)
            }
            _ => return Ok(None),
        }))
    }

    /// The stored schemas of that time, each once.
    fn read(&self, from_ms: i64, to_ms: i64) -> Result<Vec<OfRing>, HistoryError> {
        let stored = self.history.chunks(&schema_key(self.server), from_ms, to_ms)?;
        let mut schemas: Vec<OfRing> = Vec::new();
        // The newest first: it has the most keys of its generation.
        for stored in stored.chunks.iter().rev() {
            let mut decoder = Decoder::with_pool(self.known.pool.clone());
            let mut bytes = stored.chunk.bytes.as_slice();
            while let Ok(Some(_)) = decoder.next(&mut bytes) {}
            let (ring, schema) = (stored.chunk.ring, decoder.schema());
            let is_new = |(known, other): &OfRing| *known != ring || other != schema;
            if !schema.is_empty() && schemas.iter().all(is_new) {
                schemas.push((ring, schema.clone()));
            }
        }
        Ok(schemas)
    }
}

fn of_ring<'s>(schemas: impl Iterator<Item = &'s OfRing>, needed: Needed) -> Vec<Schema> {
    let of_it = schemas.filter(|(ring, _)| *ring == needed.ring);
    of_it.filter_map(|(_, schema)| fitted(schema, needed)).collect()
}

/// The first keys of `schema`, as many as are needed, when it may be the one.
fn fitted(schema: &Schema, needed: Needed) -> Option<Schema> {
    if schema.generation() != needed.generation || schema.len() < needed.keys {
        return None;
    }
    if schema.len() == needed.keys {
        return Some(schema.clone());
    }
    let mut first = Schema::new(needed.generation);
    schema.keys()[..needed.keys].iter().cloned().for_each(|key| _ = first.push(key));
    Some(first)
}
