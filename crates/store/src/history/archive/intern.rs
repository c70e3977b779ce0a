//! Series keys become numbers, once for all servers.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use watchfire_model::SeriesKey;

use super::keys::{Keys, MAX_KEYS};
use super::parse;
use super::state::Known;
use crate::StoreError;
use crate::block::KeyId;
use crate::history::counters::Counters;
use crate::history::{History, HistoryError};

/// By how much a key's `seen_ms` may be behind.
pub(super) const SEEN_STEP_MS: i64 = 24 * 3_600_000;

/// Which share of the file the keys may take.
const SHARE: u64 = 4;

/// About what a key takes in the file.
fn size(key: &SeriesKey) -> usize {
    let labels = key.labels().map(|(name, value)| name.len() + value.len() + 4);
    key.name().len() + labels.sum::<usize>() + 48
}

/// The numbers of some series, and which of them are new.
#[derive(Debug)]
pub(super) struct Interned {
    /// One for each series that was given; none for one without a value or that is left out.
    pub(super) ids: Vec<Option<KeyId>>,
    /// How many series are left out because there are too many keys.
    pub(super) left_out: usize,
    pub(super) fresh: Vec<(KeyId, SeriesKey)>,
    /// Known ones whose `seen_ms` is to be set.
    pub(super) seen: Vec<KeyId>,
    pub(super) last_ms: i64,
    /// The file that this is true of.
    pub(super) generation: u64,
}

impl History {
    /// All series keys that were ever interned and that something sealed may still hold. It
    /// reads the file once; later calls cost nothing.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn keys(&self) -> Result<Arc<Keys>, HistoryError> {
        self.with_keys(|known| Arc::clone(&known.keys))
    }

    fn with_keys<R>(&self, work: impl FnOnce(&mut Known) -> R) -> Result<R, HistoryError> {
        let mut slot = self.0.archive.keys();
        let generation = self.0.connections.generation();
        if let Some(known) = slot.as_mut().filter(|known| known.generation == generation) {
            return Ok(work(known));
        }
        let counters = &self.0.counters;
        let known = self.read(|connection| load(connection, generation, counters))?;
        Ok(work(slot.insert(known)))
    }

    /// Gives each series that has a value its number. New ones are known to nobody before [`learn`](Self::learn);
    /// the caller holds the upkeep's lock until then.
    pub(super) fn intern<'a>(
        &self,
        series: impl Iterator<Item = Option<&'a SeriesKey>>,
        last_ms: i64,
    ) -> Result<Interned, HistoryError> {
        let most_bytes = usize::try_from(self.0.room.file_bytes / SHARE).unwrap_or(usize::MAX);
        self.with_keys(|known| {
            let mut next = known.next;
            let mut bytes = known.bytes;
            let mut count = known.keys.len();
            let (mut fresh, mut seen, mut new) = (Vec::new(), Vec::new(), HashMap::new());
            let mut left_out = 0;
            let ids = series.map(|key| {
                let key = key?;
                if let Some(id) = known.keys.id_of(key).or_else(|| new.get(key).copied()) {
                    let when = known.seen.get(&id).copied().unwrap_or(i64::MAX);
                    if when < last_ms.saturating_sub(SEEN_STEP_MS) {
                        seen.push(id);
                    }
                    return Some(id);
                }
                let with_key = bytes + size(key);
                if count >= MAX_KEYS || with_key > most_bytes || next == KeyId::MAX {
                    left_out += 1;
                    return None;
                }
                let id = next;
                (next, count, bytes) = (next + 1, count + 1, with_key);
                new.insert(key.clone(), id);
                fresh.push((id, key.clone()));
                Some(id)
            });
            let ids = ids.collect();
            Interned { ids, left_out, fresh, seen, last_ms, generation: known.generation }
        })
    }

    /// Makes known what was committed.
    pub(super) fn learn(&self, interned: Interned) {
        let mut slot = self.0.archive.keys();
        let Some(known) = slot.as_mut().filter(|known| known.generation == interned.generation)
        else {
            return;
        };
        known.seen.extend(interned.seen.iter().map(|id| (*id, interned.last_ms)));
        if interned.fresh.is_empty() {
            return;
        }
        let keys = Arc::make_mut(&mut known.keys);
        for (id, key) in interned.fresh {
            known.bytes += size(&key);
            known.next = known.next.max(id.saturating_add(1));
            known.seen.insert(id, interned.last_ms);
            keys.insert(id, key);
        }
    }

    /// Reads the keys anew when they are asked for next.
    pub(super) fn forget_known_keys(&self) {
        *self.0.archive.keys() = None;
    }
}

impl Interned {
    /// Writes what is new, in the transaction of the block that needs it.
    pub(super) fn put(&self, connection: &Connection) -> Result<(), StoreError> {
        let sql = "INSERT INTO series_key (id, key, seen_ms, crc) VALUES (?1, ?2, ?3, ?4)";
        let mut insert = connection.prepare_cached(sql)?;
        for (id, key) in &self.fresh {
            let text = key.to_string();
            insert.execute(params![id, text, self.last_ms, checksum(*id, &text)])?;
        }
        let mut update =
            connection.prepare_cached("UPDATE series_key SET seen_ms = ?2 WHERE id = ?1")?;
        for id in &self.seen {
            update.execute(params![id, self.last_ms])?;
        }
        Ok(())
    }
}

/// CRC-32 over a key's number, 4 bytes little endian, and its text.
pub(in crate::history) fn checksum(id: KeyId, text: &str) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&id.to_le_bytes());
    hasher.update(text.as_bytes());
    hasher.finalize()
}

/// Deletes keys that no block holds any more, at most `most`, and says how many.
pub(super) fn sweep(connection: &Connection, most: i64) -> Result<usize, StoreError> {
    let sql = "SELECT min(last_ms) FROM block";
    let oldest: Option<i64> = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    let Some(oldest) = oldest else { return Ok(0) };
    // A block of windows of an hour ends up to ten days after the last tick of a key.
    let before = oldest.saturating_sub(12 * SEEN_STEP_MS);
    let sql = "DELETE FROM series_key WHERE id IN \
         (SELECT id FROM series_key WHERE seen_ms < ?1 LIMIT ?2)";
    Ok(connection.prepare_cached(sql)?.execute([before, most])?)
}

fn load(
    connection: &Connection,
    generation: u64,
    counters: &Counters,
) -> Result<Known, StoreError> {
    let (mut keys, mut seen, mut last, mut bytes) = (Keys::default(), HashMap::new(), 0, 0);
    let sql = "SELECT id, key, seen_ms, crc FROM series_key ORDER BY id";
    let mut query = connection.prepare(sql)?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let Ok(id) = row.get::<_, KeyId>(0) else {
            Counters::add(&counters.damaged_rows, 1);
            continue;
        };
        last = last.max(id);
        let text = row.get_ref(1)?.as_str().ok();
        let right = text.filter(|text| row.get(3).is_ok_and(|crc: u32| crc == checksum(id, text)));
        match right.and_then(parse::key) {
            Some(key) => {
                bytes += size(&key);
                keys.insert(id, key);
                seen.insert(id, row.get(2).unwrap_or(i64::MAX));
            }
            None => Counters::add(&counters.damaged_rows, 1),
        }
    }
    // Numbers are not used again: a reader may hold keys from before.
    let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'series_key'";
    let used: Option<KeyId> = connection.query_row(sql, [], |row| row.get(0)).optional()?;
    let next = last.max(used.unwrap_or(0)).saturating_add(1);
    Ok(Known { generation, keys: Arc::new(keys), seen, next, bytes })
}
