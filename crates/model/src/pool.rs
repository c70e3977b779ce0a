//! Keys that many servers have, in memory once.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::series::WeakSeriesKey;
use crate::{Schema, SeriesKey};

/// The most keys that a pool knows, unless it is told otherwise. Keys beyond are
/// not shared. Thousands of servers have a few hundred in common and some of
/// their own.
const MAX_POOL_KEYS: usize = 1 << 19;

/// After as many new entries, or more where more have users, those without are removed.
const SWEEP_EVERY: usize = 1024;

/// Shares equal series keys, and equal lists of them, between the schemas of
/// many servers. A clone is the same pool.
///
/// The pool keeps nothing alive: a key lives as long as a schema has it. What
/// is left of keys without users, about 70 bytes each, is removed before there is
/// more of it than of the others.
#[derive(Debug, Clone)]
pub struct KeyPool(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    limit: usize,
    /// Its seed is random, so that nobody can choose keys of equal hashes.
    hasher: RandomState,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// By the hash of the key. Of two keys with one hash the later is shared.
    keys: Entries<WeakSeriesKey>,
    /// By the digest of the schema.
    lists: Entries<Weak<Vec<SeriesKey>>>,
    not_shared: u64,
}

/// What a [`KeyPool`] holds and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolCounts {
    /// Keys, with those that have no user any more.
    pub keys: usize,
    /// Lists of keys, likewise.
    pub lists: usize,
    /// How many keys were given back as they came, because the pool was full.
    pub not_shared: u64,
}

impl Default for KeyPool {
    fn default() -> Self {
        Self::with_limit(MAX_POOL_KEYS)
    }
}

impl KeyPool {
    /// An empty pool.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty pool that knows at most `limit` keys, and as many lists.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        let (hasher, known) = (RandomState::new(), Mutex::default());
        Self(Arc::new(Pool { limit, hasher, known }))
    }

    /// The key that equals `key` and that others have; `key` itself when it is
    /// the first, or the pool is full.
    #[must_use]
    pub fn key(&self, key: SeriesKey) -> SeriesKey {
        let hash = self.0.hasher.hash_one(&key);
        let mut known = self.known();
        let found = known.keys.by_hash.get(&hash).and_then(WeakSeriesKey::upgrade);
        if let Some(found) = found.filter(|found| *found == key) {
            return found;
        }
        if !known.keys.put(hash, key.downgrade(), self.0.limit) {
            known.not_shared += 1;
        }
        key
    }

    /// Lets `schema` hold the list of keys that another schema with equal keys
    /// holds already.
    pub fn share(&self, schema: &mut Schema) {
        let mut known = self.known();
        let found = known.lists.by_hash.get(&schema.digest()).and_then(Weak::upgrade);
        if !found.is_some_and(|found| schema.share(&found)) {
            known.lists.put(schema.digest(), schema.list(), self.0.limit);
        }
    }

    /// What the pool holds and did.
    #[must_use]
    pub fn counts(&self) -> PoolCounts {
        let known = self.known();
        PoolCounts {
            keys: known.keys.by_hash.len(),
            lists: known.lists.by_hash.len(),
            not_shared: known.not_shared,
        }
    }

    /// Nothing here is half done when a thread ends by a panic.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Handles that keep nothing alive.
#[derive(Debug)]
struct Entries<T> {
    by_hash: HashMap<u64, T>,
    /// After so many more it is looked which have no user.
    until_sweep: usize,
}

/// Whether somebody has what a handle leads to.
trait Used {
    fn is_used(&self) -> bool;
}

impl Used for WeakSeriesKey {
    fn is_used(&self) -> bool {
        WeakSeriesKey::is_used(self)
    }
}

impl Used for Weak<Vec<SeriesKey>> {
    fn is_used(&self) -> bool {
        self.strong_count() > 0
    }
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self { by_hash: HashMap::new(), until_sweep: SWEEP_EVERY }
    }
}

impl<T: Used> Entries<T> {
    /// Adds or replaces an entry; false when there is no room for it.
    fn put(&mut self, hash: u64, entry: T, limit: usize) -> bool {
        self.until_sweep -= 1;
        if self.until_sweep == 0 {
            self.by_hash.retain(|_, entry| entry.is_used());
            // So a sweep is paid by the entries that came since the one before.
            self.until_sweep = self.by_hash.len().max(SWEEP_EVERY);
            self.by_hash.shrink_to(self.by_hash.len() + self.until_sweep);
        }
        let room = self.by_hash.len() < limit || self.by_hash.contains_key(&hash);
        if room {
            self.by_hash.insert(hash, entry);
        }
        room
    }
}

#[cfg(test)]
mod tests;
