//! Growing pauses between tries, with jitter so that many who failed together
//! do not come back together.

use std::time::Duration;

use crate::task::Process;

/// Pauses that double from `first` to `longest`, each drawn between half of it and the whole.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// A backoff that begins at `first` and never pauses longer than `longest`.
    #[must_use]
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// The pause before the next try.
    pub fn next_pause(&mut self) -> Duration {
        self.next_pause_with(jitter())
    }

    /// The pause before the next try, with `jitter` between 0 and 1 given.
    pub fn next_pause_with(&mut self, jitter: f64) -> Duration {
        let whole = self.next;
        self.next = self.next.saturating_mul(2).min(self.longest);
        whole.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
    }

    /// Begins anew: the last try succeeded.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

/// A random number from 0 to 1. It falls back to a half when the machine gives none.
/// In a simulated [`Process`] it follows the seed.
#[must_use]
pub fn jitter() -> f64 {
    if let Some(process) = Process::current() {
        return process.jitter();
    }
    getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(350));
        let pauses: Vec<_> = (0..4).map(|_| backoff.next_pause_with(1.0).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 350, 350]);
        backoff.reset();
        assert_eq!(backoff.next_pause_with(0.0), Duration::from_millis(50));
    }

    #[test]
    fn jitter_is_a_share() {
        assert!((0..100).map(|_| jitter()).all(|share| (0.0..=1.0).contains(&share)));
    }
}
