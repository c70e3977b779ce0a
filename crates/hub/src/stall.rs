use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use watchfire_model::Moment;

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

/// How long the hub could not dial one server for want of something of its own,
/// descriptors for example. It cannot know what it did not look at, so that
/// time counts as the hub's standstill towards this server. It is kept for each
/// server and not for the hub: others may be dialed meanwhile, and stay judged.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Blindness {
    over: Duration,
    since: Option<Moment>,
}

impl Blindness {
    /// A dial failed for the hub's own want.
    pub(crate) fn begin(&mut self, now: Moment) {
        self.since.get_or_insert(now);
    }

    /// The hub saw something of the server.
    pub(crate) fn end(&mut self, now: Moment) {
        self.over = self.total(now);
        self.since = None;
    }

    /// The sum since the hub started; it never falls.
    pub(crate) fn total(&self, now: Moment) -> Duration {
        self.over + self.since.map_or(Duration::ZERO, |since| now.since(since))
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

    #[test]
    fn blindness_counts_while_it_lasts_and_stays_counted() {
        let at = crate::testing::moment;
        let mut blindness = Blindness::default();
        blindness.end(at(0));
        assert_eq!(blindness.total(at(500)), Duration::ZERO);
        blindness.begin(at(1000));
        blindness.begin(at(1500));
        assert_eq!(blindness.total(at(3000)), Duration::from_secs(2));
        blindness.end(at(4000));
        blindness.begin(at(9000));
        assert_eq!(blindness.total(at(9500)), Duration::from_millis(3500));
    }
}
