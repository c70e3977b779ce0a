use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use watchfire_model::Moment;

use crate::uplink::pulse::Signs;

/// A hub that is heard again after such a pause begins anew to be heard.
const BREAK: Duration = Duration::from_secs(10);
/// Sessions whose pulses are looked at: this one, and one before it that is orphaned.
const MAX_SIGNS: usize = 4;

/// When the hub was heard, on any stream and by any pulse: this agent's own sight, which is all
/// that it believes.
#[derive(Debug, Default)]
pub(crate) struct HubSight(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    pulses: Vec<Weak<Signs>>,
    /// The last sign of the hub.
    last: Option<Duration>,
    /// The first one of those that came without a break.
    first: Option<Duration>,
    left: bool,
    /// Since when quiet counts: the start, or the end of a freeze.
    counts_from: Duration,
}

/// What is seen at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    /// For how long nothing came of the hub, as far as this agent looked.
    pub(crate) quiet: Duration,
    /// For how long it was heard before that, without a break; zero when it never was.
    pub(crate) heard_for: Duration,
    /// It said that it stops.
    pub(crate) left: bool,
}

impl HubSight {
    /// A sign of the hub on a stream that proves who is there.
    pub(crate) fn heard(&self, now: Moment) {
        self.inner().heard(now.monotonic);
    }

    /// The hub said that it was told to stop.
    pub(crate) fn left(&self) {
        self.inner().left = true;
    }

    /// Counts these pulses as well, for as long as somebody hears them.
    pub(crate) fn follow(&self, signs: &Arc<Signs>) {
        let mut inner = self.inner();
        inner.pulses.retain(|signs| signs.strong_count() > 0);
        if inner.pulses.len() == MAX_SIGNS {
            inner.pulses.remove(0);
        }
        inner.pulses.push(Arc::downgrade(signs));
    }

    /// Until now this agent saw nothing: it began, or stood still. Its quiet is no evidence.
    pub(crate) fn blind_until(&self, now: Moment) {
        let mut inner = self.inner();
        inner.counts_from = inner.counts_from.max(now.monotonic);
    }

    pub(crate) fn look(&self, now: Moment) -> Seen {
        let mut inner = self.inner();
        let last = inner.pulses.iter().filter_map(|signs| signs.upgrade()?.last()).max();
        if let Some(last) = last
            && inner.last.is_none_or(|before| last > before)
        {
            // A pulse of a hub that leaves may come just behind its last word.
            let left = inner.left && inner.last.is_some_and(|before| last - before < BREAK);
            inner.heard(last);
            inner.left = left;
        }
        let seen = inner.last.unwrap_or_default().max(inner.counts_from);
        Seen {
            quiet: now.monotonic.saturating_sub(seen),
            heard_for: inner
                .last
                .zip(inner.first)
                .map_or(Duration::ZERO, |(last, first)| last - first),
            left: inner.left,
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn heard(&mut self, at: Duration) {
        if self.last.is_some_and(|last| at <= last) {
            return;
        }
        let goes_on = self.last.is_some_and(|last| at - last < BREAK);
        if !goes_on {
            self.first = Some(at);
        }
        self.last = Some(at);
        self.left = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: u64) -> Moment {
        Moment::default().after(Duration::from_secs(second))
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn quiet_counts_from_the_last_sign_and_never_from_before_the_start_or_a_freeze() {
        let sight = HubSight::default();
        sight.blind_until(second(1000));
        assert_eq!(sight.look(second(1001)).quiet, seconds(1));
        (1010..=1030).for_each(|at| sight.heard(second(at)));
        let seen = Seen { quiet: seconds(20), heard_for: seconds(20), left: false };
        assert_eq!(sight.look(second(1050)), seen);
        sight.blind_until(second(2000));
        assert_eq!(sight.look(second(2005)).quiet, seconds(5));
        sight.heard(second(2006));
        assert_eq!(sight.look(second(2006)).heard_for, Duration::ZERO, "it begins anew");
    }

    #[test]
    fn pulses_count_like_frames_and_only_while_somebody_hears_them() {
        let (sight, signs) = (HubSight::default(), Arc::<Signs>::default());
        sight.follow(&signs);
        signs.heard(second(50));
        assert_eq!(sight.look(second(53)).quiet, seconds(3));
        signs.heard(second(60));
        drop(signs);
        assert_eq!(sight.look(second(63)).quiet, seconds(13));
    }

    #[test]
    fn a_hub_that_left_is_back_with_the_next_word_and_not_with_a_late_pulse() {
        let (sight, signs) = (HubSight::default(), Arc::<Signs>::default());
        sight.follow(&signs);
        sight.heard(second(50));
        sight.left();
        signs.heard(second(51));
        assert!(sight.look(second(52)).left);
        sight.heard(second(60));
        assert!(!sight.look(second(60)).left);
    }
}
