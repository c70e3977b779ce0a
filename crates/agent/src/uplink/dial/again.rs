use std::time::Duration;

use watchfire_model::Moment;
use watchfire_runtime::backoff::Backoff;

use super::End;

/// Two dials are never closer than this.
const LEAST: Duration = Duration::from_millis(250);
/// A hub that was started anew must not meet all its agents in one moment.
const AFTER_RESTART: Duration = Duration::from_secs(3);
/// The way to a hub that went quiet is tried sooner: it may be a way of its own.
const AFTER_QUIET: Duration = Duration::from_millis(500);
/// The first and the longest pause while the hub cannot be reached. The longest
/// one decides how soon agents are back after a cut.
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(3);
/// A stream that ended sooner was none: a hub that takes streams and ends them
/// at once is one that cannot be reached.
const LASTED: Duration = Duration::from_secs(10);

/// When to dial again.
#[derive(Debug)]
pub(super) struct Again(Backoff);

impl Default for Again {
    fn default() -> Self {
        Self(Backoff::new(FIRST, LONGEST))
    }
}

impl Again {
    /// The pause after a dial that began at `begun` and ended now: with a stream
    /// that ended for a reason, or without one. `jitter` is between 0 and 1.
    pub(super) fn pause(
        &mut self,
        ended: Option<End>,
        begun: Moment,
        now: Moment,
        jitter: f64,
    ) -> Duration {
        let lasted = now.since(begun) >= LASTED;
        if lasted && ended.is_some() {
            self.0.reset();
        }
        let jitter = jitter.clamp(0.0, 1.0);
        let pause = match ended {
            Some(End::OtherRing) => Duration::ZERO,
            Some(End::Quiet) if lasted => AFTER_QUIET.mul_f64(jitter),
            Some(End::Closed | End::Broken | End::HubLeft) if lasted => {
                AFTER_RESTART.mul_f64(jitter)
            }
            _ => self.0.next_pause_with(jitter),
        };
        pause.max(LEAST.saturating_sub(now.since(begun)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn second(second: u64) -> Moment {
        Moment::default().after(Duration::from_secs(second))
    }

    #[test]
    fn a_hub_that_restarts_sees_its_agents_over_three_seconds() {
        let pause = |end, jitter| Again::default().pause(Some(end), second(0), second(60), jitter);
        for end in [End::Closed, End::Broken, End::HubLeft] {
            assert_eq!(pause(end, 0.0), Duration::ZERO);
            assert_eq!(pause(end, 0.5), Duration::from_millis(1500));
            assert_eq!(pause(end, 1.0), Duration::from_secs(3));
        }
        assert_eq!(pause(End::Quiet, 1.0), Duration::from_millis(500));
        assert_eq!(pause(End::OtherRing, 1.0), Duration::ZERO);
    }

    #[test]
    fn failures_wait_longer_up_to_three_seconds_and_a_stream_forgives_them() {
        let mut again = Again::default();
        let mut failed = || again.pause(None, second(0), second(1), 1.0).as_millis();
        let pauses: Vec<_> = (0..6).map(|_| failed()).collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 3000, 3000]);
        let short = again.pause(Some(End::Closed), second(0), second(5), 1.0);
        assert_eq!(short, LONGEST, "it was ended at once");
        again.pause(Some(End::Closed), second(0), second(60), 0.0);
        assert_eq!(again.pause(None, second(0), second(1), 1.0), FIRST);
    }

    proptest! {
        #[test]
        fn never_more_than_four_dials_a_second(
            ends in prop::collection::vec((0_usize..8, 0_u64..20_000, -1.0_f64..2.0), 1..60),
        ) {
            let (mut again, mut begun) = (Again::default(), Moment::default());
            for (end, took, jitter) in ends {
                let all = [
                    Some(End::Leaving), Some(End::HubLeft), Some(End::Closed), Some(End::Broken),
                    Some(End::Quiet), Some(End::NotUnderstood), Some(End::OtherRing), None,
                ];
                let now = begun.after(Duration::from_millis(took));
                let pause = again.pause(all[end], begun, now, jitter);
                prop_assert!(pause <= AFTER_RESTART);
                prop_assert!(now.after(pause).since(begun) >= LEAST);
                begun = now.after(pause);
            }
        }
    }
}
