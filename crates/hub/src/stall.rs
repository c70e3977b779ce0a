use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Lateness of a timer that is no stall yet, but a busy machine.
const TOLERATED: Duration = Duration::from_millis(50);

/// How long the hub itself has stood still in all: frozen, starved, or on a
/// machine that was. The watch measures it by the lateness of its own timer,
/// and every judgement subtracts it from the silence of a server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stall(Arc<AtomicU64>);

impl Stall {
    /// Takes note that a timer fired `late`.
    pub(crate) fn timer_was_late(&self, late: Duration) {
        if late > TOLERATED {
            let nanos = u64::try_from(late.as_nanos()).unwrap_or(u64::MAX);
            self.0.fetch_add(nanos, Ordering::Relaxed);
            if late > Duration::from_secs(1) {
                tracing::warn!(?late, "the hub itself stood still; no server is blamed for that");
            }
        }
    }

    /// The sum since the hub started.
    pub(crate) fn total(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_real_lateness_counts() {
        let stall = Stall::default();
        stall.timer_was_late(Duration::from_millis(50));
        assert_eq!(stall.total(), Duration::ZERO);
        stall.timer_was_late(Duration::from_secs(3));
        stall.timer_was_late(Duration::from_millis(500));
        assert_eq!(stall.total(), Duration::from_millis(3500));
    }
}
