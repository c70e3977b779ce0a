use std::time::Duration;

use watchfire_api::fallback::View;
use watchfire_model::Moment;

/// One that says that it is telling is waited for so long, once.
const TELLING: Duration = Duration::from_secs(120);
/// One that says that it is about to tell is waited for so long. An honest one tells within the
/// pause between two questions, or finds that it cannot.
const READY: Duration = Duration::from_secs(60);
/// How often that is begun anew for one that told nobody and tries again. Without these limits
/// one broken-into agent could hold the message up for as long as it likes.
const MOST_READY: u32 = 3;

/// Who said when that it is about to tell, or telling, in one outage.
#[derive(Debug)]
pub(super) struct Turns(Vec<Turn>);

#[derive(Debug, Clone, Copy, Default)]
struct Turn {
    ready: Option<Moment>,
    times: u32,
    telling: Option<Moment>,
}

impl Turns {
    pub(super) fn of(members: usize) -> Self {
        Self(vec![Turn::default(); members])
    }

    /// What a member says now.
    pub(super) fn heard(&mut self, member: usize, view: View, now: Moment) {
        let Some(turn) = self.0.get_mut(member) else { return };
        match view {
            View::Ready if turn.ready.is_none() && turn.times < MOST_READY => {
                turn.ready = Some(now);
                turn.times += 1;
            }
            View::Telling => {
                turn.ready = None;
                turn.telling.get_or_insert(now);
            }
            _ => {}
        }
    }

    /// True while a member that says this is to be waited for. One that is about to tell goes
    /// first only where it `is_first`.
    pub(super) fn is_awaited(
        &self,
        member: usize,
        view: View,
        is_first: bool,
        now: Moment,
    ) -> bool {
        let Some(turn) = self.0.get(member) else { return false };
        let within = |since: Option<Moment>, limit| since.is_some_and(|at| now.since(at) < limit);
        match view {
            View::Ready => is_first && within(turn.ready, READY),
            View::Telling => within(turn.telling, TELLING),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For how many of so many seconds one that says this is waited for.
    fn awaited(says: impl Fn(u64) -> View, seconds: u64) -> usize {
        let (mut turns, mut awaited) = (Turns::of(2), 0);
        for at in 0..seconds {
            let (view, now) = (says(at), Moment::default().after(Duration::from_secs(at)));
            turns.heard(0, view, now);
            awaited += usize::from(turns.is_awaited(0, view, true, now));
        }
        awaited
    }

    #[test]
    fn one_that_never_comes_to_tell_is_waited_for_only_so_long() {
        assert_eq!(awaited(|_| View::Ready, 10_000), 60);
        assert_eq!(awaited(|_| View::Telling, 10_000), 120);
        let turned = |at| if at % 2 == 0 { View::Ready } else { View::Telling };
        assert!(awaited(turned, 10_000) <= 3 * 60 + 120);
        let slow = |at| if at % 61 == 60 { View::Telling } else { View::Ready };
        assert!(awaited(slow, 10_000) <= 3 * 60 + 120);
        assert_eq!(awaited(|_| View::Gone, 100), 0);
    }

    #[test]
    fn only_the_one_that_comes_first_is_waited_for_before_it_tells() {
        let (mut turns, now) = (Turns::of(2), Moment::default());
        turns.heard(1, View::Ready, now);
        assert!(turns.is_awaited(1, View::Ready, true, now));
        assert!(!turns.is_awaited(1, View::Ready, false, now));
        turns.heard(1, View::Telling, now);
        assert!(turns.is_awaited(1, View::Telling, false, now));
    }
}
