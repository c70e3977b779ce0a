//! A server that comes and goes is told as one that comes and goes.

use std::collections::VecDeque;
use std::time::Duration;

use watchfire_model::Moment;

/// How many outages within [`WINDOW`] are told one by one.
const TOLD_SINGLY: usize = 2;
/// The time in which outages are counted.
const WINDOW: Duration = Duration::from_secs(10 * 60);
/// The least time between two letters about a server that flaps.
const PAUSE: Duration = Duration::from_secs(5 * 60);

/// What becomes of the letter about an outage or a recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tell {
    /// It is sent as any other.
    Now,
    /// It is sent as the notice that the server flaps.
    Flapping(FlapDigest),
    /// It is not sent: the next digest tells it.
    Held,
}

/// What a server that flaps did since its last letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlapDigest {
    /// The outages since the last letter; in the notice those that led to it.
    pub outages: u32,
    /// When the first of the outages began that made it flap.
    pub since: Moment,
    /// All outages since then.
    pub total: u32,
    /// The longest of those that are over.
    pub longest: Duration,
    /// Since when it is in trouble; `None` while it is up.
    pub down_since: Option<Moment>,
}

/// The outages of one server, as far as they decide what is told.
///
/// The first two within ten minutes are told at once, with their recoveries: a second
/// outage soon after the first is as much news as the first. One more makes the server flap: that is told at once, and from then on one digest each
/// five minutes at most, until ten minutes went by without a new outage. A digest
/// that is due is made for every change, so the last state is always told. Only the
/// monotonic clock counts.
#[derive(Debug, Clone, Default)]
pub struct Flaps {
    /// When the last outages began, oldest first; one more than are told singly.
    outages: VecDeque<Moment>,
    down_since: Option<Moment>,
    flapping: Option<Flapping>,
}

#[derive(Debug, Clone, Copy)]
struct Flapping {
    since: Moment,
    told: Moment,
    total: u32,
    /// The outages since `told`.
    untold: u32,
    /// True when the state changed since `told`.
    changed: bool,
    longest: Duration,
}

impl Flaps {
    /// Trouble began, judged at `at`.
    pub fn down(&mut self, at: Moment) -> Tell {
        self.settle(at);
        self.down_since = Some(at);
        self.outages.push_back(at);
        if self.outages.len() > TOLD_SINGLY + 1 {
            self.outages.pop_front();
        }
        if let Some(flapping) = &mut self.flapping {
            flapping.total = flapping.total.saturating_add(1);
            flapping.untold = flapping.untold.saturating_add(1);
            flapping.changed = true;
            return Tell::Held;
        }
        if self.outages.len() <= TOLD_SINGLY {
            return Tell::Now;
        }
        let total = u32::try_from(self.outages.len()).unwrap_or(u32::MAX);
        let since = self.outages.front().copied().unwrap_or(at);
        let longest = Duration::ZERO;
        let flapping = Flapping { since, told: at, total, untold: total, changed: false, longest };
        let digest = self.digest(flapping);
        self.flapping = Some(Flapping { untold: 0, ..flapping });
        Tell::Flapping(digest)
    }

    /// The server is back.
    pub fn up(&mut self, at: Moment) -> Tell {
        self.settle(at);
        let outage = self.down_since.take().map_or(Duration::ZERO, |since| at.since(since));
        match &mut self.flapping {
            None => Tell::Now,
            Some(flapping) => {
                flapping.longest = flapping.longest.max(outage);
                flapping.changed = true;
                Tell::Held
            }
        }
    }

    /// True while letters about the server are held back. A change of its verdict is
    /// to be held as well, and to be given to [`Flaps::changed`].
    #[must_use]
    pub fn is_flapping(&self) -> bool {
        self.flapping.is_some()
    }

    /// The verdict changed while the trouble goes on.
    pub fn changed(&mut self, at: Moment) -> Tell {
        self.settle(at);
        match &mut self.flapping {
            None => Tell::Now,
            Some(flapping) => {
                flapping.changed = true;
                Tell::Held
            }
        }
    }

    /// The digest that is due, if one is.
    pub fn check(&mut self, now: Moment) -> Option<FlapDigest> {
        self.settle(now);
        let flapping = self.flapping.filter(|f| f.changed && now.since(f.told) >= PAUSE)?;
        let digest = self.digest(flapping);
        self.flapping = Some(Flapping { told: now, untold: 0, changed: false, ..flapping });
        Some(digest)
    }

    /// A digest was told at `at` by another run of the hub, whose outages are given to
    /// this one again.
    pub fn told(&mut self, at: Moment) {
        if let Some(flapping) = &mut self.flapping {
            *flapping = Flapping { told: at, untold: 0, changed: false, ..*flapping };
        }
    }

    /// When [`Flaps::check`] could have something to tell; `None` when only an event can.
    #[must_use]
    pub fn next_check(&self) -> Option<Moment> {
        let flapping = self.flapping.filter(|flapping| flapping.changed)?;
        Some(flapping.told.after(PAUSE))
    }

    /// Forgets outages that are long ago, and ends the flapping once all of them are
    /// and everything is told.
    fn settle(&mut self, now: Moment) {
        while self.outages.front().is_some_and(|began| now.since(*began) > WINDOW) {
            self.outages.pop_front();
        }
        if self.outages.is_empty() && self.flapping.is_some_and(|flapping| !flapping.changed) {
            self.flapping = None;
        }
    }

    fn digest(&self, flapping: Flapping) -> FlapDigest {
        FlapDigest {
            outages: flapping.untold,
            since: flapping.since,
            total: flapping.total,
            longest: flapping.longest,
            down_since: self.down_since,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixtures::moment;

    const SECOND: i64 = 1000;
    const MINUTE: i64 = 60 * SECOND;

    #[test]
    fn two_outages_are_told_one_by_one_and_the_third_as_flapping() {
        let mut flaps = Flaps::default();
        for at in [0, 2 * MINUTE] {
            assert_eq!(flaps.down(moment(at)), Tell::Now);
            assert_eq!(flaps.up(moment(at + 7 * SECOND)), Tell::Now);
        }
        let Tell::Flapping(notice) = flaps.down(moment(10 * MINUTE)) else {
            panic!("the third within ten minutes");
        };
        assert_eq!((notice.outages, notice.total, notice.since), (3, 3, moment(0)));
        assert_eq!(notice.down_since, Some(moment(10 * MINUTE)));
        assert_eq!(flaps.next_check(), None, "nothing is untold");
        assert_eq!(flaps.changed(moment(10 * MINUTE + SECOND)), Tell::Held);
        assert_eq!(flaps.up(moment(11 * MINUTE)), Tell::Held);
        assert_eq!(flaps.next_check(), Some(moment(15 * MINUTE)));
        assert_eq!(flaps.check(moment(15 * MINUTE - 1)), None);
        let digest = flaps.check(moment(15 * MINUTE)).expect("the last state is told");
        assert_eq!((digest.outages, digest.total, digest.down_since), (0, 3, None));
        assert_eq!(digest.longest, Duration::from_secs(60));
        assert_eq!(flaps.check(moment(19 * MINUTE)), None);
        assert!(flaps.is_flapping());
        assert_eq!(flaps.down(moment(20 * MINUTE + 1)), Tell::Now, "ten minutes of calm");
        assert!(!flaps.is_flapping());
    }

    #[test]
    fn two_in_ten_minutes_never_flap() {
        let mut flaps = Flaps::default();
        for outage in 0..50 {
            let at = outage * (5 * MINUTE + SECOND);
            assert_eq!(flaps.down(moment(at)), Tell::Now, "outage {outage}");
            assert_eq!(flaps.up(moment(at + MINUTE)), Tell::Now);
        }
    }

    #[test]
    fn one_that_stays_down_is_told_so_and_its_return_too() {
        let mut flaps = Flaps::default();
        for at in [0, 20, 40, 60, 80] {
            let _ = flaps.down(moment(at * SECOND));
            if at < 80 {
                let _ = flaps.up(moment((at + 10) * SECOND));
            }
        }
        let digest = flaps.check(moment(6 * MINUTE)).expect("it is due");
        assert_eq!((digest.outages, digest.down_since), (2, Some(moment(80 * SECOND))));
        assert_eq!(flaps.up(moment(60 * MINUTE)), Tell::Now, "it flaps no more");
    }

    /// Fault F25: down and up each 12 s for ten minutes.
    #[test]
    fn a_server_that_flaps_for_ten_minutes_is_told_a_few_times() {
        let (mut flaps, mut letters) = (Flaps::default(), Vec::new());
        for second in 0..40 * 60 {
            let now = moment(second * SECOND);
            if second < 600 && second % 12 == 0 && flaps.down(now) != Tell::Held {
                letters.push(second);
            }
            if second < 600 && second % 12 == 6 && flaps.up(now) != Tell::Held {
                letters.push(second);
            }
            if let Some(digest) = flaps.check(now) {
                letters.push(second);
                assert!(second < 600 || digest.down_since.is_none(), "the final state");
            }
        }
        assert_eq!(letters, [0, 6, 12, 18, 24, 324, 624]);
    }

    proptest! {
        /// Whatever happens: from the notice on at least five minutes lie between
        /// two of a flapping server, and what was told last is how it ends.
        #[test]
        fn few_letters_and_the_last_state(gaps in proptest::collection::vec(1_i64..400, 0..120)) {
            let mut flaps = Flaps::default();
            let (mut now, mut is_down, mut known_down) = (0, false, false);
            let mut held_letter = None;
            let mut turns = gaps.into_iter();
            let mut turn_at = turns.next();
            for _ in 0..60_000 {
                let flapped = flaps.is_flapping();
                if let Some(digest) = flaps.check(moment(now * SECOND)) {
                    known_down = digest.down_since.is_some();
                    prop_assert!(held_letter.is_none_or(|last| now - last >= 300));
                    held_letter = Some(now);
                }
                match turn_at {
                    Some(0) => {
                        is_down = !is_down;
                        let at = moment(now * SECOND);
                        let tell = if is_down { flaps.down(at) } else { flaps.up(at) };
                        if tell != Tell::Held {
                            known_down = is_down;
                        }
                        if matches!(tell, Tell::Flapping(_)) {
                            prop_assert!(!flapped || held_letter.is_none_or(|last| now - last >= 300));
                            held_letter = Some(now);
                        }
                        turn_at = turns.next();
                    }
                    Some(left) => turn_at = Some(left - 1),
                    None if flaps.next_check().is_none() => break,
                    None => {}
                }
                now += 1;
            }
            prop_assert_eq!(known_down, is_down);
        }
    }
}
