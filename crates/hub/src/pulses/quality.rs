use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use watchfire_model::Moment;

/// The time over which loss and round trips are told.
const WINDOW: Duration = Duration::from_secs(60);
/// The window in steps of so much.
const STEP: Duration = Duration::from_secs(5);
/// Pulses that came within this time carry the server's signs of life.
const FRESH: Duration = Duration::from_secs(3);
/// So many of the newest pulses that were sent may still be answered.
const ON_THE_WAY: u64 = 4;
/// A loss is told once so many pulses were due.
const LEAST: u64 = 4;

/// How the pulses of one session come through, over the last minute.
#[derive(Debug, Default)]
pub(crate) struct Quality(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    last: Option<Moment>,
    /// The newest counter that is known of: that came, or was sent from here.
    newest: u64,
    steps: VecDeque<Step>,
}

/// Each session has a dozen, so they are small.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// On the monotonic clock.
    began_ms: u64,
    /// The newest counter when it began.
    base: u64,
    rounds_us: u64,
    came: u32,
    measured: u32,
}

const _: () = assert!(size_of::<Step>() == 32, "ten thousand sessions have a dozen each");

impl Step {
    fn age(&self, now: Moment) -> Duration {
        now.monotonic.saturating_sub(Duration::from_millis(self.began_ms))
    }
}

/// What is told of a session's pulses.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Shown {
    /// True while pulses come through.
    pub(crate) fresh: bool,
    /// How many did not arrive, 0 to 100; of those that the hub sends, how many
    /// were not answered.
    pub(crate) loss_percent: Option<f64>,
    /// The mean time from a pulse to its answer.
    pub(crate) rtt_ms: Option<f64>,
}

impl Quality {
    /// A pulse came; `newest` is the highest counter so far.
    pub(super) fn came(&self, newest: u64, round: Option<Duration>, now: Moment) {
        let mut inner = self.lock();
        inner.last = Some(now);
        // The first one of a session is where counting begins.
        if inner.steps.is_empty() {
            inner.newest = inner.newest.max(newest.saturating_sub(1));
        }
        let step = inner.step(now);
        step.came += 1;
        if let Some(round) = round {
            step.rounds_us += u64::try_from(round.as_micros()).unwrap_or(0);
            step.measured += 1;
        }
        inner.newest = inner.newest.max(newest);
    }

    /// A pulse was sent, which is to be answered.
    pub(super) fn sent(&self, counter: u64, now: Moment) {
        let mut inner = self.lock();
        inner.step(now);
        // The last two seconds of them may still be answered.
        inner.newest = inner.newest.max(counter.saturating_sub(ON_THE_WAY));
    }

    /// When the last one came.
    pub(crate) fn last(&self) -> Option<Moment> {
        self.lock().last
    }

    /// What is to be shown now.
    #[expect(clippy::cast_precision_loss, reason = "a minute has few pulses")]
    pub(crate) fn shown(&self, now: Moment) -> Shown {
        let mut inner = self.lock();
        inner.forget(now);
        let fresh = inner.last.is_some_and(|last| now.since(last) <= FRESH);
        let Some(first) = inner.steps.front() else {
            return Shown { fresh, ..Shown::default() };
        };
        let due = inner.newest.saturating_sub(first.base);
        let came: u64 = inner.steps.iter().map(|step| u64::from(step.came)).sum();
        let loss = (due >= LEAST).then(|| 100.0 * due.saturating_sub(came) as f64 / due as f64);
        let rounds_us: u64 = inner.steps.iter().map(|step| step.rounds_us).sum();
        let measured: u32 = inner.steps.iter().map(|step| step.measured).sum();
        let rtt = (measured > 0).then(|| rounds_us as f64 / f64::from(measured) / 1000.0);
        Shown { fresh, loss_percent: loss, rtt_ms: rtt }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn step(&mut self, now: Moment) -> &mut Step {
        self.forget(now);
        let base = self.newest;
        if self.steps.back().is_none_or(|step| step.age(now) >= STEP) {
            let began_ms = u64::try_from(now.monotonic.as_millis()).unwrap_or(u64::MAX);
            self.steps.push_back(Step { began_ms, base, rounds_us: 0, came: 0, measured: 0 });
        }
        self.steps.back_mut().expect("one was there or was pushed")
    }

    fn forget(&mut self, now: Moment) {
        while self.steps.front().is_some_and(|step| step.age(now) >= WINDOW) {
            self.steps.pop_front();
        }
    }
}
