use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use watchfire_model::Moment;

/// How long somebody who asked counts as watching.
const WATCHES_FOR: Duration = Duration::from_secs(10);

/// Remembers when somebody last asked for processes, so that they are read
/// every second while somebody watches and seldom otherwise.
#[derive(Debug, Clone, Default)]
pub(crate) struct Demand(Arc<AtomicU64>);

impl Demand {
    /// Somebody asks now.
    pub(crate) fn ask(&self, now: Moment) {
        self.0.store(millis(now.monotonic).max(1), Ordering::Relaxed);
    }

    /// True while somebody watches.
    pub(crate) fn is_watched(&self, now: Moment) -> bool {
        let asked = self.0.load(Ordering::Relaxed);
        asked > 0 && millis(now.monotonic).saturating_sub(asked) < millis(WATCHES_FOR)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asked_watches_for_a_while() {
        let demand = Demand::default();
        let at = |seconds| Moment::default().after(Duration::from_secs(seconds));
        assert!(!demand.is_watched(at(0)), "nobody asked yet");
        demand.clone().ask(at(100));
        assert!(demand.is_watched(at(100)) && demand.is_watched(at(109)));
        assert!(!demand.is_watched(at(110)));
        demand.ask(at(0));
        assert!(demand.is_watched(at(1)), "also just after boot");
    }
}
