use std::time::Duration;

use watchfire_api::fallback::View;
use watchfire_model::Moment;

use super::judge::FRESH;

/// One that says that it is about to tell, or telling, is waited for so long in one outage, in
/// all. An honest one that fails tries again now and then, and is over with each try in two
/// minutes; without a limit one broken-into agent could hold the message up for as long as it
/// likes.
const MOST: Duration = Duration::from_secs(300);

/// For how long each member said in one outage that it is about to tell, or telling.
#[derive(Debug)]
pub(super) struct Turns(Vec<Turn>);

#[derive(Debug, Clone, Copy, Default)]
struct Turn {
    /// When it said so, if that was the last it said.
    said: Option<Moment>,
    spent: Duration,
}

impl Turns {
    pub(super) fn of(members: usize) -> Self {
        Self(vec![Turn::default(); members])
    }

    /// What a member says now.
    pub(super) fn heard(&mut self, member: usize, view: View, now: Moment) {
        let Some(turn) = self.0.get_mut(member) else { return };
        turn.spent = turn.spent_at(now);
        turn.said = matches!(view, View::Ready | View::Telling).then_some(now);
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
        let has_time = self.0.get(member).is_some_and(|turn| turn.spent_at(now) < MOST);
        has_time && (view == View::Telling || (view == View::Ready && is_first))
    }
}

impl Turn {
    /// Its word holds for so long, also when nothing more comes of it.
    fn spent_at(&self, now: Moment) -> Duration {
        self.spent + self.said.map_or(Duration::ZERO, |said| now.since(said).min(FRESH))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For how many of so many seconds one that says this is waited for.
    fn awaited(says: impl Fn(u64) -> Option<View>, seconds: u64) -> usize {
        let (mut turns, mut awaited, mut last) = (Turns::of(2), 0, View::Gone);
        for at in 0..seconds {
            let now = Moment::default().after(Duration::from_secs(at));
            if let Some(view) = says(at) {
                turns.heard(0, view, now);
                last = view;
            }
            awaited += usize::from(turns.is_awaited(0, last, true, now));
        }
        awaited
    }

    #[test]
    fn one_that_never_comes_to_an_end_is_waited_for_only_so_long() {
        assert_eq!(awaited(|_| Some(View::Ready), 10_000), 300);
        assert_eq!(awaited(|_| Some(View::Telling), 10_000), 300);
        let turned = |at| Some(if at % 2 == 0 { View::Ready } else { View::Telling });
        assert_eq!(awaited(turned, 10_000), 300);
        let seldom = |at| match at % 40 {
            0 => Some(View::Ready),
            39 => Some(View::Gone),
            _ => None,
        };
        assert!(awaited(seldom, 10_000) <= 320);
        assert_eq!(awaited(|_| Some(View::Gone), 100), 0);
    }

    #[test]
    fn one_that_fails_for_a_while_is_waited_for_another_time() {
        let tries = |at| Some(if at % 150 < 90 { View::Telling } else { View::Gone });
        assert_eq!(awaited(tries, 400), 90 + 90 + 90);
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
