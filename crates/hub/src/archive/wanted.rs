//! The series keys that a selector wants, each looked at once however many servers have it.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use watchfire_model::{LabelPair, Schema, SeriesKey};
use watchfire_store::{Keys, block::KeyId};

use super::labels::pairs_of;
use super::matching::{Labels, Matching};

/// Places of keys in a schema, with their numbers.
type Places = Rc<[(usize, usize)]>;

/// The keys that one selector wants, by number.
pub(super) struct WantedKeys<'m> {
    matching: &'m Matching<'m>,
    /// The number of each key that was looked at, unless no series of it is wanted.
    known: HashMap<SeriesKey, Option<usize>>,
    wanted: Vec<WantedKey>,
    /// For each list of keys that was looked at, by its digest and length: the places of the
    /// wanted ones in it, with their numbers. Most servers of a fleet have one list.
    lists: HashMap<(u64, usize), Places>,
    sealed: Option<Rc<[(KeyId, usize)]>>,
}

/// One of them.
pub(super) struct WantedKey {
    /// Its labels, sorted by name.
    pub(super) pairs: Arc<[LabelPair]>,
    /// What it leaves to its server.
    pub(super) left: Labels,
}

impl<'m> WantedKeys<'m> {
    pub(super) fn new(matching: &'m Matching<'m>) -> Self {
        let (known, lists) = (HashMap::new(), HashMap::new());
        Self { matching, known, wanted: Vec::new(), lists, sealed: None }
    }

    /// The key with this number.
    pub(super) fn get(&self, number: usize) -> &WantedKey {
        &self.wanted[number]
    }

    /// The number of a key; `None` when no series of it is wanted.
    pub(super) fn number(&mut self, key: &SeriesKey) -> Option<usize> {
        if self.matching.name().is_some_and(|name| name != key.name()) {
            return None;
        }
        if let Some(number) = self.known.get(key) {
            return *number;
        }
        let number = self.matching.left_by(key).map(|left| {
            self.wanted.push(WantedKey { pairs: pairs_of(key), left });
            self.wanted.len() - 1
        });
        self.known.insert(key.clone(), number);
        number
    }

    /// The number of a key of which a series is wanted for a server of which these hold.
    pub(super) fn number_for(&mut self, key: &SeriesKey, held: Labels) -> Option<usize> {
        self.number(key).filter(|number| self.get(*number).left.are_in(held))
    }

    /// The places of wanted keys in a schema, with their numbers.
    pub(super) fn of_schema(&mut self, schema: &Schema) -> Places {
        let list = (schema.digest(), schema.len());
        if let Some(known) = self.lists.get(&list) {
            return known.clone();
        }
        let places = schema.keys().iter().enumerate();
        let found: Places =
            places.filter_map(|(place, key)| Some((place, self.number(key)?))).collect();
        self.lists.insert(list, found.clone());
        found
    }

    /// The wanted ones of the keys that were ever sealed, with their numbers.
    pub(super) fn of_sealed(&mut self, keys: &Keys) -> Rc<[(KeyId, usize)]> {
        if let Some(sealed) = &self.sealed {
            return sealed.clone();
        }
        let found: Rc<[(KeyId, usize)]> = match self.matching.name() {
            Some(name) => {
                let named = keys.by_name(name).iter();
                named.filter_map(|id| Some((*id, self.number(keys.key(*id)?)?))).collect()
            }
            None => keys.iter().filter_map(|(id, key)| Some((id, self.number(key)?))).collect(),
        };
        self.sealed = Some(found.clone());
        found
    }
}
