//! A value behind a lock that others can wait on.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A value and the bell that rings when it changes.
#[derive(Debug, Default)]
pub(crate) struct Watch<T> {
    value: Mutex<T>,
    changed: Condvar,
}

impl<T> Watch<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: Mutex::new(value), changed: Condvar::new() }
    }

    /// Looks at the value, or changes it without waking anybody.
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        // A test that panicked while it held the lock must not hide its own
        // words behind the poison of the next one.
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the value and wakes everybody who waits.
    pub(crate) fn change<R>(&self, by: impl FnOnce(&mut T) -> R) -> R {
        let result = by(&mut self.lock());
        self.changed.notify_all();
        result
    }

    /// Waits until `found` finds something, at most `timeout`.
    pub(crate) fn wait<R>(
        &self,
        timeout: Duration,
        mut found: impl FnMut(&mut T) -> Option<R>,
    ) -> Option<R> {
        let until = Instant::now() + timeout;
        let mut value = self.lock();
        loop {
            if let Some(result) = found(&mut value) {
                return Some(result);
            }
            let left = until.checked_duration_since(Instant::now())?;
            let waited = self.changed.wait_timeout(value, left);
            value = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits, without limit, until `found` finds something.
    pub(crate) fn wait_for_ever<R>(&self, mut found: impl FnMut(&mut T) -> Option<R>) -> R {
        let mut value = self.lock();
        loop {
            if let Some(result) = found(&mut value) {
                return result;
            }
            value = self.changed.wait(value).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
