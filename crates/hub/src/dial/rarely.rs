use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use watchfire_model::Moment;

/// How often the log is told of something that may happen all the time.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Counts something that may happen all the time, and says when the log is to be
/// told of it. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rarely(Arc<Mutex<Count>>);

#[derive(Debug, Default)]
struct Count {
    times: u64,
    told: Option<Moment>,
}

impl Rarely {
    /// Counts one more. It gives the number so far when the log is to be told.
    pub(crate) fn note(&self, now: Moment) -> Option<u64> {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        count.times = count.times.saturating_add(1);
        let due = count.told.is_none_or(|told| now.since(told) >= TELL_EVERY);
        due.then(|| {
            count.told = Some(now);
            count.times
        })
    }

    /// How often it happened since the start.
    #[cfg(test)]
    pub(crate) fn times(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_counted_and_little_is_told() {
        let counted = Rarely::default();
        let at = |ms| Moment::default().after(Duration::from_millis(ms));
        let told: Vec<u64> = (0..21).filter_map(|i| counted.note(at(i * 1000))).collect();
        assert_eq!(told, [1, 11, 21]);
        assert_eq!(counted.times(), 21);
    }
}
