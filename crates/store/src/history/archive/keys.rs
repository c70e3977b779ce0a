use std::collections::{BTreeMap, HashMap};

use watchfire_model::SeriesKey;

use crate::block::KeyId;

/// The most series keys of all servers. Further ones are left out, and counted.
pub const MAX_KEYS: usize = 500_000;

/// Series keys with their numbers.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    by_id: BTreeMap<KeyId, SeriesKey>,
    by_key: HashMap<SeriesKey, KeyId>,
    by_name: HashMap<String, Vec<KeyId>>,
}

impl Keys {
    /// The number of a key.
    #[must_use]
    pub fn id_of(&self, key: &SeriesKey) -> Option<KeyId> {
        self.by_key.get(key).copied()
    }

    /// The key of a number.
    #[must_use]
    pub fn key(&self, id: KeyId) -> Option<&SeriesKey> {
        self.by_id.get(&id)
    }

    /// The numbers of all keys of a metric, rising.
    #[must_use]
    pub fn by_name(&self, name: &str) -> &[KeyId] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// All keys, by number.
    pub fn iter(&self) -> impl Iterator<Item = (KeyId, &SeriesKey)> {
        self.by_id.iter().map(|(id, key)| (*id, key))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// True when there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Adds a key; of two with one text the first one is found by it.
    pub(super) fn insert(&mut self, id: KeyId, key: SeriesKey) {
        let named = self.by_name.entry(key.name().to_owned()).or_default();
        if let Err(place) = named.binary_search(&id) {
            named.insert(place, id);
        }
        self.by_key.entry(key.clone()).or_insert(id);
        self.by_id.insert(id, key);
    }
}
