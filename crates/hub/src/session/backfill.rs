//! Which old records a session asks its agent for: the holes of the history, the
//! newest first, one at a time.

mod answer;

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use watchfire_alert::HubTime;
use watchfire_model::Moment;
use watchfire_wire::{Backfill, BackfillEnd};

pub(super) use answer::Answer;

/// The pause before an agent is asked again whose answer was given up, or before the
/// history is looked at again that could not be read.
const REST: Duration = Duration::from_secs(30);
/// The most holes that are asked for before it is forgotten which ones they were.
const MAX_ASKED: usize = 1024;

/// Where the filling of holes stands.
#[derive(Debug, Default)]
pub(super) struct Fill {
    wished: bool,
    not_before: Option<Moment>,
    state: State,
    /// What was asked for since the wish. What is not there then, the agent does
    /// not have.
    asked: Vec<RangeInclusive<u64>>,
    /// How many requests there were: they are numbered from 1.
    requests: u64,
    /// No part of the answer to this request or one before it can come any more.
    over: u64,
    /// When it was last found that nothing is missing.
    complete: Option<Moment>,
}

/// Only who asks has a permit: settling and looking may take long where much waits for
/// the disk, and ten thousand sessions have to get through.
#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    /// What came so far is on its way to the disk.
    Settling { newest: u64 },
    /// The history is being asked.
    Looking,
    /// These are to be asked for, once it is this session's turn.
    Waiting { holes: VecDeque<RangeInclusive<u64>> },
    /// The agent is being asked.
    Asking { _permit: OwnedSemaphorePermit, answer: Answer, holes: VecDeque<RangeInclusive<u64>> },
}

impl Fill {
    /// Holes are to be looked for.
    pub(super) fn wish(&mut self) {
        self.wished = true;
        self.complete = None;
    }

    /// True when the looking may begin.
    pub(super) fn may_begin(&self, now: Moment) -> bool {
        let rested = self.not_before.is_none_or(|at| now.monotonic >= at.monotonic);
        self.wished && rested && matches!(self.state, State::Idle)
    }

    /// Begins. Everything up to `newest` was handed to the historian.
    pub(super) fn begin(&mut self, newest: u64) {
        self.wished = false;
        self.asked.clear();
        self.state = State::Settling { newest };
    }

    /// Once what was handed over is stored: up to where holes are to be looked for.
    pub(super) fn look(&mut self, waiting: usize) -> Option<u64> {
        let State::Settling { newest } = self.state else { return None };
        if waiting > 0 {
            return None;
        }
        self.state = State::Looking;
        Some(newest)
    }

    /// Takes the holes that were found.
    pub(super) fn found(&mut self, holes: Vec<RangeInclusive<u64>>, now: Moment) {
        if !matches!(self.state, State::Looking) {
            return;
        }
        let mut new = self.not_asked(&holes);
        if self.asked.len() >= MAX_ASKED && !new.is_empty() {
            // They came newest first, so that those below the last ones come next.
            let least = self.asked.iter().map(|asked| *asked.start()).min().unwrap_or(0);
            self.asked = vec![least..=u64::MAX];
            new = self.not_asked(&holes);
        }
        let mut holes = new;
        holes.truncate(MAX_ASKED.saturating_sub(self.asked.len()));
        if !holes.is_empty() {
            self.state = State::Waiting { holes };
            return;
        }
        self.state = State::Idle;
        if !self.wished {
            self.complete = Some(now);
        }
    }

    /// The newest of the holes that were not asked for.
    fn not_asked(&self, holes: &[RangeInclusive<u64>]) -> VecDeque<RangeInclusive<u64>> {
        let new = holes.iter().flat_map(|hole| without(hole.clone(), &self.asked));
        new.take(MAX_ASKED).collect()
    }

    /// Looking failed: it is tried again later.
    pub(super) fn failed(&mut self, now: Moment) {
        self.state = State::Idle;
        self.wished = true;
        self.not_before = Some(now.after(REST));
    }

    /// True when something is to be asked for, once there is a permit.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting { .. })
    }

    /// Asks for the next hole, or for its newest part where that is more than `most`
    /// records can lie in.
    pub(super) fn ask(
        &mut self,
        permit: OwnedSemaphorePermit,
        most: u64,
        now: HubTime,
    ) -> Option<Backfill> {
        let State::Waiting { holes } = &mut self.state else { return None };
        let mut holes = std::mem::take(holes);
        let (mut from, to) = holes.pop_front()?.into_inner();
        let cut = to.saturating_sub(most.max(1));
        // The last of many is asked for whole: a ring that says it is endless ends here.
        if from <= cut && self.asked.len() < MAX_ASKED {
            holes.push_front(from..=cut);
            from = cut + 1;
        }
        self.asked.push(from..=to);
        self.requests += 1;
        let open = Backfill { request: self.requests, from, to };
        self.state = State::Asking { _permit: permit, answer: Answer::new(open, now), holes };
        Some(open)
    }

    /// The answer that is waited for, if that is the one to `request`.
    pub(super) fn answer(&mut self, request: u64) -> Option<&mut Answer> {
        match &mut self.state {
            State::Asking { answer, .. } if answer.request() == request => {
                // An agent answers one request after the other.
                self.over = self.over.max(request - 1);
                Some(answer)
            }
            _ => None,
        }
    }

    /// True for a request whose answer was given up and may still be on its way.
    pub(super) fn is_late(&self, request: u64) -> bool {
        let asking =
            matches!(&self.state, State::Asking { answer, .. } if answer.request() == request);
        !asking && request > self.over && request <= self.requests
    }

    /// An answer is over. `newest` is where the history is looked at once more, after
    /// the last of them.
    pub(super) fn ended(&mut self, end: BackfillEnd, newest: u64) -> Result<(), NotAsked> {
        if self.is_late(end.request) {
            self.over = end.request;
            return Ok(());
        }
        if self.answer(end.request).is_none() {
            return Err(NotAsked);
        }
        self.over = end.request;
        if let State::Asking { holes, .. } = std::mem::take(&mut self.state) {
            let more = !holes.is_empty();
            self.state = if more { State::Waiting { holes } } else { State::Settling { newest } };
        }
        Ok(())
    }

    /// Gives up an answer that does not come, or so slowly that others wait for it.
    pub(super) fn check(&mut self, now: HubTime) {
        if let State::Asking { answer, .. } = &mut self.state
            && !answer.look(now)
        {
            self.failed(now.at);
        }
    }

    pub(super) fn is_asking(&self) -> bool {
        matches!(self.state, State::Asking { .. })
    }

    /// When it was found that nothing is missing that could be had, if nothing came
    /// up since.
    pub(super) fn complete(&self) -> Option<Moment> {
        self.complete
    }
}

/// What of `hole` lies in none of `asked`, the newest first.
fn without(hole: RangeInclusive<u64>, asked: &[RangeInclusive<u64>]) -> Vec<RangeInclusive<u64>> {
    let mut rest = vec![hole];
    for one in asked {
        let apart = |part: RangeInclusive<u64>| {
            let above = one.end().checked_add(1).map(|at| at.max(*part.start())..=*part.end());
            let below = one.start().checked_sub(1).map(|at| *part.start()..=at.min(*part.end()));
            [above, below].into_iter().flatten().filter(|part| !part.is_empty())
        };
        rest = rest.into_iter().flat_map(apart).collect();
    }
    rest
}

/// Nobody had asked for that.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotAsked;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::default().after(Duration::from_secs(1000 + seconds))
    }

    fn awake(seconds: u64) -> HubTime {
        HubTime { at: at(seconds), stalled: Duration::ZERO }
    }

    fn permit() -> OwnedSemaphorePermit {
        Arc::new(Semaphore::new(1)).try_acquire_owned().expect("it has one")
    }

    fn end(request: u64) -> BackfillEnd {
        BackfillEnd { request, missing: false }
    }

    #[test]
    fn holes_are_asked_for_one_at_a_time_and_none_twice() {
        let mut fill = Fill::default();
        assert!(!fill.may_begin(at(0)));
        fill.wish();
        assert!(fill.may_begin(at(0)));
        fill.begin(90);
        assert_eq!(fill.look(1), None, "something is on its way");
        assert_eq!(fill.look(0), Some(90));
        fill.found(vec![70..=80, 10..=20], at(1));
        let first = fill.ask(permit(), u64::MAX, awake(1)).expect("the newest");
        assert_eq!(first, Backfill { request: 1, from: 70, to: 80 });
        assert_eq!(fill.ended(end(7), 90), Err(NotAsked));
        assert_eq!(fill.ended(end(1), 90), Ok(()));
        assert!(fill.is_waiting() && !fill.is_asking(), "another one's turn may come between");
        let second = fill.ask(permit(), u64::MAX, awake(2)).expect("another");
        assert_eq!(second, Backfill { request: 2, from: 10, to: 20 });
        assert_eq!(fill.ended(end(2), 95), Ok(()));
        // The history is looked at once more; what the agent does not have stays away.
        assert_eq!(fill.look(0), Some(95));
        fill.found(vec![10..=20], at(4));
        assert!(!fill.is_waiting());
        assert_eq!(fill.complete(), Some(at(4)));
        assert_eq!(fill.ended(end(2), 95), Err(NotAsked));
    }

    #[test]
    fn a_large_hole_is_asked_for_in_parts_that_fit() {
        let mut fill = Fill::default();
        fill.wish();
        fill.begin(90);
        fill.look(0);
        fill.found(vec![70..=80, 1..=25], at(0));
        let mut asked = Vec::new();
        while let Some(ask) = fill.ask(permit(), 10, awake(0)) {
            asked.push((ask.from, ask.to));
            fill.ended(end(ask.request), 90).expect("it was asked");
        }
        assert_eq!(asked, [(71, 80), (70, 70), (16, 25), (6, 15), (1, 5)]);
        assert_eq!(fill.look(0), Some(90));
        // Only what was not asked for: the agent does not have the rest.
        fill.found(vec![60..=75, 1..=20], at(1));
        let ask = fill.ask(permit(), 100, awake(1)).expect("a part");
        assert_eq!((ask.from, ask.to), (60, 69));
        fill.ended(end(ask.request), 90).expect("it was asked");
        assert!(!fill.is_waiting());
    }

    #[test]
    fn a_ring_that_says_it_is_endless_is_asked_for_in_the_end() {
        let mut fill = Fill::default();
        fill.wish();
        fill.begin(90);
        fill.look(0);
        fill.found(vec![1..=u64::MAX], at(0));
        let mut asks = 0;
        while let Some(ask) = fill.ask(permit(), 10, awake(0)) {
            asks += 1;
            fill.ended(end(ask.request), 90).expect("it was asked");
        }
        assert_eq!(asks, MAX_ASKED + 1);
        fill.look(0);
        fill.found(vec![1..=u64::MAX], at(1));
        assert!(fill.complete().is_some());
    }

    #[test]
    fn a_permit_is_held_for_an_answer_and_no_longer() {
        let permits = Arc::new(Semaphore::new(1));
        let mut fill = Fill::default();
        fill.wish();
        fill.begin(90);
        fill.look(0);
        fill.found(vec![1..=9], at(0));
        let permit = permits.clone().try_acquire_owned().expect("it is free");
        fill.ask(permit, u64::MAX, awake(0)).expect("a hole");
        assert_eq!(permits.available_permits(), 0);
        fill.ended(end(1), 95).expect("it was asked");
        assert_eq!(permits.available_permits(), 1, "it settles now");
    }

    #[test]
    fn an_agent_that_does_not_answer_is_asked_again_later() {
        let mut fill = Fill::default();
        fill.wish();
        fill.begin(90);
        fill.look(0);
        fill.found(vec![1..=9], at(0));
        fill.ask(permit(), u64::MAX, awake(0)).expect("a hole");
        fill.check(awake(9));
        fill.check(awake(10));
        assert!(fill.is_asking());
        fill.check(awake(11));
        assert!(!fill.is_asking() && fill.complete().is_none());
        assert!(!fill.may_begin(at(40)) && fill.may_begin(at(41)));
    }

    #[test]
    fn what_comes_late_of_an_answer_that_was_given_up_is_known() {
        let mut fill = Fill::default();
        for request in 1..=3 {
            fill.wish();
            fill.begin(90);
            fill.look(0);
            fill.found(vec![1..=9], at(0));
            fill.ask(permit(), u64::MAX, awake(0)).expect("a hole");
            assert!(!fill.is_late(request) && !fill.is_late(request + 1));
            fill.failed(at(0));
            assert!(fill.is_late(request) && fill.answer(request).is_none());
        }
        assert!(!fill.is_late(0), "these are live");
        assert_eq!(fill.ended(end(2), 90), Ok(()), "it says no more than that");
        assert_eq!([1, 2, 3, 4].map(|request| fill.is_late(request)), [false, false, true, false]);
        assert_eq!(fill.ended(end(2), 90), Err(NotAsked), "once");
        fill.wish();
        fill.begin(90);
        fill.look(0);
        fill.found(vec![1..=9], at(0));
        fill.ask(permit(), u64::MAX, awake(0)).expect("a hole");
        assert!(fill.answer(4).is_some() && !fill.is_late(3), "it goes on with the next one");
    }

    #[test]
    fn more_holes_than_can_be_remembered_are_all_asked_for() {
        let few = u64::try_from(MAX_ASKED).expect("few");
        let all: Vec<_> = (0..few * 5 / 2).rev().map(|i| i * 10 + 1..=i * 10 + 5).collect();
        let mut fill = Fill::default();
        fill.wish();
        fill.begin(u64::MAX);
        let mut asked = Vec::new();
        // The agent has none of them, so that each look finds them all.
        while fill.look(0).is_some() {
            fill.found(all.clone(), at(0));
            assert!(fill.asked.len() <= MAX_ASKED);
            while let Some(ask) = fill.ask(permit(), u64::MAX, awake(0)) {
                asked.push(ask.from..=ask.to);
                fill.ended(end(ask.request), u64::MAX).expect("it was asked");
            }
        }
        assert_eq!(asked, all);
        assert_eq!(fill.complete(), Some(at(0)));
        assert!(!fill.may_begin(at(100)));
    }
}
