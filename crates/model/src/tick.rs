use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Weak};

use crate::{Moment, SeriesKey};

/// The value of a series that has none at this moment: Prometheus' marker of
/// staleness, a NaN that no calculation makes.
pub const ABSENT: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// True for [`ABSENT`] and for no other value, not even for another NaN.
#[must_use]
pub fn is_absent(value: f64) -> bool {
    value.to_bits() == ABSENT.to_bits()
}

/// The series keys of one server, in the order in which ticks give their
/// values.
///
/// Within a generation it only grows, so a tick that was taken earlier has the
/// values of a first part of it. When too many keys are of things that are
/// gone, a new generation begins with those that are left. A clone shares the
/// list of keys until one of the two gets another key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schema {
    generation: u64,
    keys: Arc<Vec<SeriesKey>>,
    digest: u64,
}

impl Schema {
    /// A schema without keys.
    #[must_use]
    pub fn new(generation: u64) -> Self {
        Self { generation, keys: Arc::default(), digest: 0 }
    }

    /// Tells schemas apart whose keys are not the same from the start. Grows.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The keys; the index is the number of the series.
    #[must_use]
    pub fn keys(&self) -> &[SeriesKey] {
        &self.keys
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// True when there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Adds a key and returns its number. The caller sees to it that no key
    /// comes twice.
    pub fn push(&mut self, key: SeriesKey) -> usize {
        self.digest = digest_with(self.digest, &key);
        Arc::make_mut(&mut self.keys).push(key);
        self.keys.len() - 1
    }

    /// Takes the list of `other` for its own when it has the same keys, so that
    /// both hold it once. Says whether it did.
    pub(crate) fn share(&mut self, other: &Arc<Vec<SeriesKey>>) -> bool {
        let same = self.keys == *other;
        if same {
            self.keys = Arc::clone(other);
        }
        same
    }

    /// A handle for [`Schema::share`] that does not keep the list; the list has no room to spare.
    pub(crate) fn list(&mut self) -> Weak<Vec<SeriesKey>> {
        if self.keys.capacity() > self.keys.len() {
            Arc::make_mut(&mut self.keys).shrink_to_fit();
        }
        Arc::downgrade(&self.keys)
    }

    /// True when both hold one list in memory, and not only equal ones.
    #[must_use]
    pub fn shares_memory_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.keys, &other.keys)
    }

    /// A checksum of all keys in their order, to see at once that two schemas
    /// of one program have the same ones. It means nothing outside of the
    /// program: not to be stored or sent.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// The [`Schema::digest`] of the schema when it had only `count` keys;
    /// `None` when it has fewer. Goes through them.
    #[must_use]
    pub fn digest_of_first(&self, count: usize) -> Option<u64> {
        Some(self.keys.get(..count)?.iter().fold(0, digest_with))
    }
}

fn digest_with(before: u64, key: &SeriesKey) -> u64 {
    let mut hasher = DefaultHasher::new();
    (before, key).hash(&mut hasher);
    hasher.finish()
}

/// One timestamp and the values of one server's [`Schema`] at that moment.
#[derive(Debug, Clone, Default)]
pub struct Tick {
    /// When it was read, on the server's clocks.
    pub at: Moment,
    /// The generation of the schema.
    pub generation: u64,
    /// The value of each key, [`ABSENT`] where it has none.
    pub values: Vec<f64>,
}

impl Tick {
    /// The value of a series, if it has one at this moment.
    #[must_use]
    pub fn value(&self, number: usize) -> Option<f64> {
        self.values.get(number).copied().filter(|&value| !is_absent(value))
    }
}

/// Bit by bit, so that a NaN equals itself and 0.0 is not -0.0.
impl PartialEq for Tick {
    fn eq(&self, other: &Self) -> bool {
        fn bits(tick: &Tick) -> impl Iterator<Item = u64> {
            tick.values.iter().map(|value| value.to_bits())
        }
        (self.at, self.generation) == (other.at, other.generation)
            && self.values.len() == other.values.len()
            && bits(self).eq(bits(other))
    }
}

/// What a metric is, for exposition and metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// Only grows, until it begins anew.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Not told by its source.
    Unknown,
}

/// What is told of a metric beside its series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: Box<str>,
    /// One sentence on what it is.
    pub help: Box<str>,
    /// How its values behave.
    pub kind: MetricKind,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_marker_is_absent() {
        assert!(is_absent(ABSENT) && ABSENT.is_nan());
        for value in [f64::NAN, 0.0, f64::INFINITY, f64::from_bits(0x7ff0_0000_0000_0003)] {
            assert!(!is_absent(value));
        }
        let tick = Tick { values: vec![1.0, ABSENT], ..Tick::default() };
        assert_eq!((tick.value(0), tick.value(1), tick.value(2)), (Some(1.0), None, None));
    }

    #[test]
    fn ticks_are_compared_bit_by_bit() {
        let tick = |value| Tick { values: vec![value], ..Tick::default() };
        assert_eq!(tick(f64::NAN), tick(f64::NAN));
        assert_ne!(tick(0.0), tick(-0.0));
    }
}
