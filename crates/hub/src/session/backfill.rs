//! Which old records a session asks its agent for: the holes of the history, the
//! newest first, one at a time.

use std::collections::{HashSet, VecDeque};
use std::ops::RangeInclusive;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use watchfire_model::Moment;
use watchfire_wire::{Backfill, BackfillEnd};

/// An answer that brings nothing for this long is given up.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// The pause before the agent is asked again after that.
const REST: Duration = Duration::from_secs(30);
/// The most holes that are asked for in one go.
const MAX_ASKED: usize = 1024;

/// Where the filling of holes stands.
#[derive(Debug, Default)]
pub(super) struct Fill {
    wished: bool,
    not_before: Option<Moment>,
    state: State,
    /// What was asked for since the wish. What is not there then, the agent does
    /// not have.
    asked: HashSet<(u64, u64)>,
    requests: u64,
    /// When it was last found that nothing is missing.
    complete: Option<Moment>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    /// What came so far is on its way to the disk.
    Settling { permit: OwnedSemaphorePermit, newest: u64 },
    /// The history is being asked.
    Looking { permit: OwnedSemaphorePermit },
    /// The agent is being asked.
    Asking {
        permit: OwnedSemaphorePermit,
        open: Backfill,
        last: Moment,
        holes: VecDeque<RangeInclusive<u64>>,
    },
}

impl Fill {
    /// Holes are to be looked for.
    pub(super) fn wish(&mut self) {
        self.wished = true;
        self.complete = None;
    }

    /// True when the looking may begin: the caller gets the permit.
    pub(super) fn may_begin(&self, now: Moment) -> bool {
        let rested = self.not_before.is_none_or(|at| now.monotonic >= at.monotonic);
        self.wished && rested && matches!(self.state, State::Idle)
    }

    /// Begins. Everything up to `newest` was handed to the historian.
    pub(super) fn begin(&mut self, permit: OwnedSemaphorePermit, newest: u64) {
        self.wished = false;
        self.asked.clear();
        self.state = State::Settling { permit, newest };
    }

    /// Once what was handed over is stored: up to where holes are to be looked for.
    pub(super) fn look(&mut self, waiting: usize) -> Option<u64> {
        let State::Settling { newest, .. } = self.state else { return None };
        if waiting > 0 {
            return None;
        }
        if let State::Settling { permit, .. } = std::mem::take(&mut self.state) {
            self.state = State::Looking { permit };
        }
        Some(newest)
    }

    /// Takes the holes that were found. What is to be asked for; `None` when nothing
    /// is missing that could be had.
    pub(super) fn found(
        &mut self,
        holes: Vec<RangeInclusive<u64>>,
        now: Moment,
    ) -> Option<Backfill> {
        let State::Looking { permit } = std::mem::take(&mut self.state) else { return None };
        let new = |hole: &RangeInclusive<u64>| !self.asked.contains(&(*hole.start(), *hole.end()));
        let holes: VecDeque<_> = holes.into_iter().filter(new).collect();
        self.ask(permit, holes, now)
    }

    /// Looking failed: it is tried again later.
    pub(super) fn failed(&mut self, now: Moment) {
        self.state = State::Idle;
        self.wished = true;
        self.not_before = Some(now.after(REST));
    }

    /// True for an answer that is waited for; it goes on then.
    pub(super) fn goes_on(&mut self, request: u64, now: Moment) -> bool {
        match &mut self.state {
            State::Asking { open, last, .. } if open.request == request => {
                *last = now;
                true
            }
            _ => false,
        }
    }

    /// The last sequence that may come in the answer.
    pub(super) fn asked_to(&self) -> Option<u64> {
        match &self.state {
            State::Asking { open, .. } => Some(open.to),
            _ => None,
        }
    }

    /// An answer is over. What is to be asked for next. `newest` is where the
    /// history is looked at once more, after the last of them.
    pub(super) fn ended(
        &mut self,
        end: BackfillEnd,
        newest: u64,
        now: Moment,
    ) -> Result<Option<Backfill>, NotAsked> {
        if !self.goes_on(end.request, now) {
            return Err(NotAsked);
        }
        let State::Asking { permit, holes, .. } = std::mem::take(&mut self.state) else {
            return Err(NotAsked);
        };
        if holes.is_empty() {
            self.state = State::Settling { permit, newest };
            return Ok(None);
        }
        Ok(self.ask(permit, holes, now))
    }

    /// Gives up an answer that does not come.
    pub(super) fn check(&mut self, now: Moment) {
        if let State::Asking { last, .. } = &self.state
            && now.since(*last) >= ANSWER_LIMIT
        {
            self.failed(now);
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

    fn ask(
        &mut self,
        permit: OwnedSemaphorePermit,
        mut holes: VecDeque<RangeInclusive<u64>>,
        now: Moment,
    ) -> Option<Backfill> {
        let next = if self.asked.len() < MAX_ASKED { holes.pop_front() } else { None };
        let Some(hole) = next else {
            if !self.wished {
                self.complete = Some(now);
            }
            return None;
        };
        let (from, to) = hole.into_inner();
        self.asked.insert((from, to));
        self.requests += 1;
        let open = Backfill { request: self.requests, from, to };
        self.state = State::Asking { permit, open, last: now, holes };
        Some(open)
    }
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
        fill.begin(permit(), 90);
        assert_eq!(fill.look(1), None, "something is on its way");
        assert_eq!(fill.look(0), Some(90));
        let first = fill.found(vec![70..=80, 10..=20], at(1)).expect("the newest");
        assert_eq!(first, Backfill { request: 1, from: 70, to: 80 });
        assert_eq!(fill.ended(end(7), 90, at(1)), Err(NotAsked));
        let second = fill.ended(end(1), 90, at(2)).expect("asked").expect("another");
        assert_eq!(second, Backfill { request: 2, from: 10, to: 20 });
        assert_eq!(fill.ended(end(2), 95, at(3)), Ok(None));
        // The history is looked at once more; what the agent does not have stays away.
        assert_eq!(fill.look(0), Some(95));
        assert_eq!(fill.found(vec![10..=20], at(4)), None);
        assert_eq!(fill.complete(), Some(at(4)));
        assert_eq!(fill.ended(end(2), 95, at(5)), Err(NotAsked));
    }

    #[test]
    fn an_agent_that_does_not_answer_is_asked_again_later() {
        let mut fill = Fill::default();
        fill.wish();
        fill.begin(permit(), 90);
        fill.look(0);
        fill.found(vec![1..=9], at(0)).expect("a hole");
        fill.check(at(9));
        assert!(fill.is_asking());
        fill.check(at(10));
        assert!(!fill.is_asking() && fill.complete().is_none());
        assert!(!fill.may_begin(at(39)) && fill.may_begin(at(40)));
    }
}
