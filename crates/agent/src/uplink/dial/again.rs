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
/// A hub that refuses this agent for so long means it. Sooner it may be that the
/// server just got another name, or that the hub still has this agent's last stream.
const MEANT_AFTER: Duration = Duration::from_secs(10);
/// So often at the least, where another stream has the place: on a bad way it is this agent's
/// own last one now and then.
const MEANT_TIMES: u32 = 3;
/// The first and the longest pause where another stream has this agent's place. It may
/// be the agent's own last one, and is free soon.
const FIRST_REPLACED: Duration = Duration::from_secs(3);
const LONGEST_REPLACED: Duration = Duration::from_secs(10);
/// The same where the server was removed: somebody has to do something.
const FIRST_REFUSED: Duration = Duration::from_secs(60);
const LONGEST_REFUSED: Duration = Duration::from_secs(300);

/// When to dial again.
#[derive(Debug)]
pub(super) struct Again {
    usual: Backoff,
    refused: Option<Refused>,
}

/// A hub that refuses this agent, dial after dial.
#[derive(Debug)]
struct Refused {
    since: Moment,
    pauses: Backoff,
    why: End,
    times: u32,
    /// It was asked for and told.
    told: bool,
}

impl Default for Again {
    fn default() -> Self {
        Self { usual: Backoff::new(FIRST, LONGEST), refused: None }
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
            self.usual.reset();
        }
        self.note(ended, lasted, now);
        let jitter = jitter.clamp(0.0, 1.0);
        let pause = match ended {
            _ if self.is_meant(now) => self.refused_pause(jitter),
            Some(End::OtherRing) => Duration::ZERO,
            Some(End::Quiet) if lasted => AFTER_QUIET.mul_f64(jitter),
            Some(End::HubLeft | End::HubAway) => AFTER_RESTART.mul_f64(jitter),
            Some(End::Closed | End::Broken) if lasted => AFTER_RESTART.mul_f64(jitter),
            _ => self.usual.next_pause_with(jitter),
        };
        pause.max(LEAST.saturating_sub(now.since(begun)))
    }

    /// Why the hub refuses this agent, once it is known that it means it: told once.
    pub(super) fn refusal(&mut self, now: Moment) -> Option<End> {
        let is_meant = self.is_meant(now);
        let refused = self.refused.as_mut().filter(|refused| is_meant && !refused.told)?;
        refused.told = true;
        Some(refused.why)
    }

    /// True when the hub has refused this agent for so long that it means it: another
    /// enrolment is a reason to dial it at once.
    pub(super) fn is_meant(&self, now: Moment) -> bool {
        self.refused.as_ref().is_some_and(|refused| {
            let often = refused.why != End::Replaced || refused.times >= MEANT_TIMES;
            often && now.since(refused.since) >= MEANT_AFTER
        })
    }

    /// True when the hub wants nothing of this agent, and no pulses of its streams before: for
    /// one whose place another stream has they may be the only sign of life, and the hub knows
    /// of two agents which of their pulses count.
    pub(super) fn is_unwanted(&self, now: Moment) -> bool {
        self.is_meant(now) && self.refused.as_ref().is_some_and(|one| one.why != End::Replaced)
    }

    fn note(&mut self, ended: Option<End>, lasted: bool, now: Moment) {
        match ended {
            Some(why) if why.is_refusal() => {
                let known = self.refused.take().filter(|known| known.why == why && !lasted);
                let refused = self.refused.insert(known.unwrap_or_else(|| Refused {
                    since: now,
                    pauses: match why {
                        End::Replaced => Backoff::new(FIRST_REPLACED, LONGEST_REPLACED),
                        _ => Backoff::new(FIRST_REFUSED, LONGEST_REFUSED),
                    },
                    why,
                    times: 0,
                    told: false,
                }));
                refused.times = refused.times.saturating_add(1);
            }
            Some(_) => self.refused = None,
            // That the hub is away for a moment says nothing of what it thinks.
            None => {}
        }
    }

    fn refused_pause(&mut self, jitter: f64) -> Duration {
        let pauses = self.refused.as_mut().map(|refused| &mut refused.pauses);
        pauses.map_or(LONGEST, |pauses| pauses.next_pause_with(jitter))
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
        for end in [End::Closed, End::Broken, End::HubLeft, End::HubAway] {
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

    #[test]
    fn a_hub_that_ends_is_dialed_over_three_seconds_however_short_the_stream_was() {
        for end in [End::HubLeft, End::HubAway] {
            let pause = Again::default().pause(Some(end), second(0), second(1), 0.5);
            assert_eq!(pause, Duration::from_millis(1500));
        }
    }

    #[test]
    fn a_refusal_that_is_meant_is_told_once_and_a_removed_server_waits_minutes() {
        let removed = (End::Removed, [60, 120, 240, 300, 300]);
        let older = (End::Older, removed.1);
        let replaced = (End::Replaced, [3, 6, 10, 10, 10]);
        for (why, pauses) in [removed, older, replaced] {
            let mut again = Again::default();
            let mut refused = |at: u64| {
                let pause = again.pause(Some(why), second(at), second(at), 1.0);
                (pause.as_secs(), again.refusal(second(at)))
            };
            // A server that got another name is back at the next dial.
            assert_eq!(refused(100), (0, None));
            assert_eq!(refused(109), (0, None));
            assert_eq!(refused(110), (pauses[0], Some(why)));
            assert_eq!([refused(170), refused(290)], [(pauses[1], None), (pauses[2], None)]);
            assert_eq!([refused(530), refused(900)], [(pauses[3], None), (pauses[4], None)]);
        }
    }

    #[test]
    fn a_place_that_is_taken_now_and_then_is_this_agents_own_and_its_pulses_go_on() {
        let mut again = Again::default();
        for at in [0, 20] {
            again.pause(Some(End::Replaced), second(at), second(at), 1.0);
            again.pause(None, second(at + 1), second(at + 9), 1.0);
            assert!(!again.is_meant(second(at + 11)), "{at}");
        }
        again.pause(Some(End::Replaced), second(31), second(31), 1.0);
        assert!(again.is_meant(second(31)) && !again.is_unwanted(second(31)));
        let mut removed = Again::default();
        removed.pause(Some(End::Removed), second(0), second(0), 1.0);
        removed.pause(Some(End::Removed), second(10), second(10), 1.0);
        assert!(removed.is_unwanted(second(10)));
    }

    #[test]
    fn a_refusal_is_over_with_the_next_stream_and_not_with_a_hub_that_is_away() {
        let mut again = Again::default();
        again.pause(Some(End::Removed), second(0), second(0), 1.0);
        again.pause(None, second(5), second(8), 1.0);
        again.pause(Some(End::Removed), second(11), second(11), 1.0);
        assert!(again.is_meant(second(11)));
        again.pause(Some(End::Broken), second(71), second(100), 1.0);
        assert!(!again.is_meant(second(100)));
        // One that lived for long and was then closed begins to be refused only now.
        again.pause(Some(End::Removed), second(100), second(200), 1.0);
        again.pause(Some(End::Removed), second(201), second(300), 1.0);
        assert!(!again.is_meant(second(300)));
    }

    proptest! {
        #[test]
        fn never_more_than_four_dials_a_second(
            ends in prop::collection::vec((0_usize..11, 0_u64..20_000, -1.0_f64..2.0), 1..60),
        ) {
            let (mut again, mut begun) = (Again::default(), Moment::default());
            for (end, took, jitter) in ends {
                let all = [
                    Some(End::Leaving), Some(End::HubLeft), Some(End::Closed), Some(End::Broken),
                    Some(End::Quiet), Some(End::NotUnderstood), Some(End::OtherRing),
                    Some(End::HubAway), Some(End::Removed), Some(End::Replaced), None,
                ];
                let now = begun.after(Duration::from_millis(took));
                let pause = again.pause(all[end], begun, now, jitter);
                let most = match again.refused.as_ref().filter(|_| again.is_meant(now)) {
                    Some(refused) if refused.why == End::Removed => LONGEST_REFUSED,
                    Some(_) => LONGEST_REPLACED,
                    None => AFTER_RESTART,
                };
                prop_assert!(pause <= most);
                prop_assert!(now.after(pause).since(begun) >= LEAST);
                begun = now.after(pause);
            }
        }
    }
}
