//! What the archive keeps in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::keys::Keys;
use crate::block::{KeyId, Scratch};

/// How many scratch spaces are kept for the next readers.
const KEPT_SCRATCHES: usize = 4;

/// Beside the connections of a history.
#[derive(Debug, Default)]
pub(in crate::history) struct State {
    keys: Mutex<Option<Known>>,
    /// Held while something is sealed or merged: one at a time.
    upkeep: Mutex<Upkeep>,
    scratches: Mutex<Vec<Scratch>>,
}

/// What upkeep remembers.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    /// When keys and texts that nothing holds were last looked for, in milliseconds since 1970.
    pub(super) swept_ms: Option<i64>,
}

/// The keys of one file.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// Which file: another one took its place when this differs.
    pub(super) generation: u64,
    pub(super) keys: Arc<Keys>,
    /// When each was seen last, as its row has it.
    pub(super) seen: HashMap<KeyId, i64>,
    /// The number of the next new key.
    pub(super) next: KeyId,
    /// About what they take in the file.
    pub(super) bytes: usize,
}

impl State {
    pub(super) fn keys(&self) -> MutexGuard<'_, Option<Known>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn upkeep(&self) -> MutexGuard<'_, Upkeep> {
        self.upkeep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lends a scratch space, so that memory is not taken anew for each question.
    pub(in crate::history) fn with_scratch<R>(&self, work: impl FnOnce(&mut Scratch) -> R) -> R {
        let kept = || self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = kept().pop().unwrap_or_default();
        let result = work(&mut scratch);
        let mut kept = kept();
        if kept.len() < KEPT_SCRATCHES {
            kept.push(scratch);
        }
        result
    }
}
