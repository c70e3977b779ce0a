//! Questions take turns: a few are evaluated at a time, beside the work of the hub, some wait,
//! and the others are told to come again. No question holds a turn for longer than its time.
//!
//! What goes wrong alone: a question. It is given up when its time is over, when the client goes
//! away and when the hub ends; its turn is free once its thread has noticed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use watchfire_model::SeriesSource;
use watchfire_promql::{Limits, Value};
use watchfire_runtime::{Clock, task};

use super::Sources;
use super::error::{ApiError, Kind};
use crate::dial::Rarely;
use crate::http::App;
use crate::http::asker::Asker;

/// What questions may cost, each one and all together.
#[derive(Debug, Clone)]
pub(crate) struct QuestionLimits {
    /// Questions that are evaluated at a time.
    pub(crate) at_a_time: usize,
    /// Questions that wait for their turn; further ones are told to come again.
    pub(crate) waiting: usize,
    /// How long a question waits for its turn.
    pub(crate) patience: Duration,
    /// How long its evaluation may take.
    pub(crate) time: Duration,
    /// Samples that one question may read and values that it may make on the way: 8 bytes each,
    /// or 16 where series have no times in common.
    pub(crate) samples: usize,
    /// Series that one selector may find and one answer may have.
    pub(crate) series: usize,
    /// Values that one answer may have, 16 bytes each.
    pub(crate) values: usize,
    /// Values of all answers together that clients have not taken yet.
    pub(crate) unsent: usize,
}

impl Default for QuestionLimits {
    /// At the worst 2 x 320 MB for 5 s, and 128 MB for as long as clients take their answers.
    fn default() -> Self {
        Self {
            at_a_time: 2,
            waiting: 64,
            patience: Duration::from_secs(3),
            time: Duration::from_secs(5),
            samples: 20_000_000,
            series: 200_000,
            values: 4_000_000,
            unsent: 8_000_000,
        }
    }
}

/// The steps of a range question that Prometheus answers: 11,000 between the first and the last.
pub(super) const MAX_STEPS: i64 = 11_000;
/// A thread that does not notice the end of its time, because a disk hangs, is not waited for
/// longer than this.
const GRACE: Duration = Duration::from_secs(1);
/// A series of an answer counts as so many values: that is what its labels take.
const VALUES_OF_LABELS: usize = 16;
/// Places in the room for unsent answers are given out by so many values.
const VALUES_OF_A_PLACE: usize = 1024;

/// Lets questions in and evaluates them.
pub(in crate::http) struct Questions {
    sources: Sources,
    pub(super) limits: QuestionLimits,
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    room: Arc<Semaphore>,
    /// Questions that found no place or no room.
    refused: Rarely,
    /// Questions whose time was over.
    late: Rarely,
}

/// Tells a thread to give up, at the latest when nobody waits for it any more.
struct GiveUp(Arc<AtomicBool>);

impl Drop for GiveUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What an evaluation is given.
pub(super) struct Turn<'a> {
    pub(super) source: &'a dyn SeriesSource,
    pub(super) out_of_time: &'a dyn Fn() -> bool,
}

/// An evaluation's result, and for how long it waited and worked.
#[derive(Debug)]
pub(super) struct Done<T> {
    pub(super) result: T,
    pub(super) waited: Duration,
    pub(super) worked: Duration,
}

impl Questions {
    pub(in crate::http) fn new(sources: Sources, limits: QuestionLimits) -> Self {
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Self {
            sources,
            places: semaphore(limits.at_a_time + limits.waiting),
            turns: semaphore(limits.at_a_time),
            room: semaphore(limits.unsent / VALUES_OF_A_PLACE),
            limits,
            refused: Rarely::default(),
            late: Rarely::default(),
        }
    }

    /// What promql may take for one question. `lookback_ms` is how far back a last sample
    /// counts, where the question says so.
    pub(super) fn language_limits(&self, lookback_ms: Option<i64>) -> Limits {
        let usual = Limits::default();
        Limits {
            samples: self.limits.samples,
            series: self.limits.series,
            // Between 11,001 moments are 11,000 steps.
            steps: 1 + usize::try_from(MAX_STEPS).unwrap_or(usize::MAX),
            lookback_ms: lookback_ms.unwrap_or(usual.lookback_ms),
            ..usual
        }
    }

    /// How long a question may take that asks for `wanted_ms`.
    pub(super) fn time(&self, wanted_ms: Option<i64>) -> Duration {
        let wanted = wanted_ms.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
        wanted.map_or(self.limits.time, |wanted| wanted.min(self.limits.time))
    }

    /// A place for an answer until its client has taken it.
    pub(super) fn room_for(&self, values: usize, clock: &Clock) -> Result<Room, ApiError> {
        if values > self.limits.values {
            let what = format!(
                "the answer has {values} values and at most {} are sent: ask for a longer step, a \
                 shorter time or fewer series",
                self.limits.values
            );
            return Err(ApiError::new(Kind::Execution, what));
        }
        let places = u32::try_from(values.div_ceil(VALUES_OF_A_PLACE)).unwrap_or(u32::MAX);
        self.room
            .clone()
            .try_acquire_many_owned(places)
            .map(Some)
            .map_err(|_| self.refuse(clock, "too many large answers are being sent: come again"))
    }

    fn refuse(&self, clock: &Clock, why: &str) -> ApiError {
        if let Some(refused) = self.refused.note(clock.now()) {
            tracing::warn!(refused, why, "questions about series are refused");
        }
        ApiError::new(Kind::Unavailable, why)
    }

    fn too_late(&self, clock: &Clock) -> ApiError {
        if let Some(late) = self.late.note(clock.now()) {
            tracing::warn!(late, "questions about series took longer than they may");
        }
        ApiError::new(
            Kind::Timeout,
            "the question took longer than it may: ask for a shorter time or fewer series",
        )
    }
}

/// See [`Questions::room_for`].
pub(super) type Room = Option<OwnedSemaphorePermit>;

/// How much of the room for unsent answers a value takes.
pub(super) fn weight(value: &Value) -> usize {
    match value {
        Value::Matrix(all) => all.iter().map(|series| series.times.len() + VALUES_OF_LABELS).sum(),
        other => weight_of_labels(other.len()),
    }
}

/// How much of it so many label sets take.
pub(super) fn weight_of_labels(sets: usize) -> usize {
    sets.saturating_mul(VALUES_OF_LABELS)
}

impl App {
    /// Waits for a turn and lets `work` answer over the asker's series for at most `time`.
    pub(super) async fn question<T: Send + 'static>(
        &self,
        asker: &Asker,
        time: Duration,
        work: impl FnOnce(&Turn<'_>) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<Done<T>, ApiError> {
        let (questions, clock) = (&self.questions, &self.parts.clock);
        let came = clock.now();
        let busy = || questions.refuse(clock, "too many questions are being answered: come again");
        let place = questions.places.clone().try_acquire_owned().map_err(|_| busy())?;
        let turn = clock.within(questions.limits.patience, questions.turns.clone().acquire_owned());
        let turn = turn.await.ok_or_else(busy)?.map_err(ApiError::fault)?;
        let began = clock.now();
        let flag = Arc::new(AtomicBool::new(false));
        let _give_up = GiveUp(flag.clone());
        let (sources, scope) = (questions.sources.clone(), asker.account.scope.clone());
        let (thread_clock, shutdown) = (clock.clone(), self.parts.shutdown.clone());
        let working = task::blocking("answer a question", move || {
            // They are held by the work itself: hanging up must not make room for more of it.
            let _held = (turn, place);
            let until = began.after(time).monotonic;
            let out_of_time = || {
                flag.load(Ordering::Relaxed)
                    || thread_clock.now().monotonic >= until
                    || shutdown.is_requested()
            };
            let source = sources(&scope);
            work(&Turn { source: &*source, out_of_time: &out_of_time })
        });
        let result = match clock.within(time + GRACE, working).await {
            None => Err(questions.too_late(clock)),
            Some(Err(panicked)) => Err(ApiError::fault(panicked)),
            Some(Ok(Err(error))) if error.kind == Kind::Timeout => Err(questions.too_late(clock)),
            Some(Ok(result)) => result,
        }?;
        let (waited, worked) = (began.since(came), clock.now().since(began));
        Ok(Done { result, waited, worked })
    }
}
