use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use watchfire_model::Moment;

use super::MAX_REMEMBERED;

/// The times of the last tries of each key, oldest first, on the monotonic clock.
#[derive(Debug)]
pub(super) struct Table<K> {
    tries: HashMap<K, VecDeque<Duration>>,
    /// How long a try counts.
    window: Duration,
    evicted: u64,
}

impl<K: Copy + Eq + Hash> Table<K> {
    pub(super) fn new(window: Duration) -> Self {
        Self { tries: HashMap::new(), window, evicted: 0 }
    }

    /// How many tries of `key` count.
    pub(super) fn count(&self, now: Moment, key: &K) -> usize {
        let counts = |at: &&Duration| at.saturating_add(self.window) > now.monotonic;
        self.tries.get(key).map_or(0, |tries| tries.iter().filter(counts).count())
    }

    /// How long `key` must wait when it had `most` tries within the window.
    pub(super) fn wait(&self, now: Moment, key: &K, most: usize) -> Option<Duration> {
        let tries = self.tries.get(key)?;
        let first_that_counts = *tries.get(tries.len().checked_sub(most)?)?;
        let free_at = first_that_counts.saturating_add(self.window);
        free_at.checked_sub(now.monotonic).filter(|wait| !wait.is_zero())
    }

    /// Counts a try; only the last `most` are of interest.
    pub(super) fn add(&mut self, now: Moment, key: K, most: usize) {
        if self.tries.len() >= MAX_REMEMBERED && !self.tries.contains_key(&key) {
            self.make_room(now);
        }
        let tries = self.tries.entry(key).or_default();
        tries.push_back(now.monotonic);
        while tries.len() > most {
            tries.pop_front();
        }
    }

    /// Moves the last try of `key` to `now`.
    pub(super) fn renew(&mut self, now: Moment, key: &K) {
        if let Some(last) = self.tries.get_mut(key).and_then(VecDeque::back_mut) {
            *last = now.monotonic.max(*last);
        }
    }

    /// Forgets the last try of `key`.
    pub(super) fn take_back(&mut self, key: &K) {
        if let Some(tries) = self.tries.get_mut(key) {
            tries.pop_back();
            if tries.is_empty() {
                self.tries.remove(key);
            }
        }
    }

    /// Forgets all tries of `key`.
    pub(super) fn forget(&mut self, key: &K) {
        self.tries.remove(key);
    }

    /// How many keys are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.tries.len()
    }

    /// How many keys were forgotten before their time.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Drops what no longer counts; when all still counts, the key whose last
    /// try is the longest ago.
    fn make_room(&mut self, now: Moment) {
        let counts = |tries: &VecDeque<Duration>| {
            tries.back().is_some_and(|last| last.saturating_add(self.window) > now.monotonic)
        };
        self.tries.retain(|_, tries| counts(tries));
        if self.tries.len() < MAX_REMEMBERED {
            return;
        }
        let oldest = self.tries.iter().min_by_key(|(_, tries)| tries.back()).map(|(key, _)| *key);
        if let Some(oldest) = oldest {
            self.tries.remove(&oldest);
            self.evicted = self.evicted.saturating_add(1);
        }
    }
}
