//! One group on its way from turn to turn.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use watchfire_alert::rules::Evaluation;
use watchfire_model::{LabelSet, Moment};
use watchfire_runtime::backoff::Backoff;
use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_store::{Push, PushedSamples, Store};

use super::board::{Snapshot, Watched, add};
use super::evaluation::{self, Done, SourceOf, Work};
use super::keep;
use super::schedule::Schedule;
use super::sink::{AlertSink, round};
use crate::alerts::Round;
use crate::dial::Rarely;
use crate::pushed::{Outcome, Pushes, RULES};

/// Groups that are evaluated at a time.
const AT_A_TIME: usize = 2;
/// A thread that does not notice the end of its time, because a disk hangs, is not waited for
/// longer than this.
const GRACE: Duration = Duration::from_secs(1);
/// How often the alerts of a group are stored when nothing happens to them.
const KEEP_EVERY: Duration = Duration::from_secs(60);
/// What fires is handed on again so soon after it failed, and later each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(5);
/// How long a try to hand it on may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What all groups work with.
pub(crate) struct Parts {
    pub(crate) source: SourceOf,
    pub(crate) pushes: Pushes,
    pub(crate) store: Store,
    pub(crate) sink: Arc<dyn AlertSink>,
    pub(crate) clock: Clock,
    pub(crate) external_labels: LabelSet,
    pub(crate) public_url: String,
    /// What the next reads of what the last run left end with instead, for tests.
    #[cfg(test)]
    pub(crate) unreadable: std::sync::Mutex<Vec<String>>,
}

/// The same, with what is theirs together.
pub(super) struct Common {
    pub(super) parts: Parts,
    turns: Arc<Semaphore>,
    /// How many rounds there were.
    rounds: AtomicU64,
    told: Told,
}

/// What the log is told now and then.
#[derive(Default)]
struct Told {
    failed: Rarely,
    missed: Rarely,
    unheard: Rarely,
    unkept: Rarely,
    lost: Rarely,
}

/// A group and its way.
pub(super) struct Runner {
    pub(super) common: Arc<Common>,
    pub(super) watched: Arc<Watched>,
    pub(super) schedule: Schedule,
    pub(super) stop: Shutdown,
}

/// What a group remembers from turn to turn.
#[derive(Default)]
struct Memory {
    /// When its alerts were last stored.
    kept: Option<Moment>,
    /// Whether what is stored is not what is.
    is_behind: bool,
    /// Whether the last round that was taken named nothing.
    said_nothing: bool,
}

impl Common {
    pub(super) fn new(parts: Parts) -> Self {
        let turns = Arc::new(Semaphore::new(AT_A_TIME));
        Self { parts, turns, rounds: AtomicU64::new(0), told: Told::default() }
    }

    /// The order of a round: each has a higher one than those that were made before it.
    pub(super) fn next_round(&self) -> u64 {
        self.rounds.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Hands on what fires, again and again until it is taken, `until` is reached or the end is
    /// asked for. True when it is taken.
    pub(super) async fn hand_on(&self, round: &Round, until: Moment, stop: &Shutdown) -> bool {
        let clock = &self.parts.clock;
        let mut backoff = Backoff::new(FIRST_PAUSE, LAST_PAUSE);
        loop {
            let taken = clock.within(PATIENCE, self.parts.sink.take(round.clone())).await;
            let why = match taken {
                Some(Ok(())) => return true,
                Some(Err(why)) => why,
                None => "it takes too long".to_owned(),
            };
            let now = clock.now();
            if let Some(times) = self.told.unheard.note(now) {
                let source = &round.source;
                tracing::error!(times, source, why, "what fires is not taken; it is told again");
            }
            let again = now.after(backoff.next_pause());
            if again.monotonic >= until.monotonic {
                return false;
            }
            tokio::select! {
                biased;
                () = stop.requested() => return false,
                () = clock.sleep_until(again) => {}
            }
        }
    }

    /// Hands series over to be stored. What became of them comes later.
    pub(super) fn push(&self, series: Vec<PushedSamples>) -> Option<oneshot::Receiver<Outcome>> {
        let push = Push { sender: RULES.to_owned(), series, facts: Vec::new() };
        self.parts.pushes.put(push).ok()
    }

    fn tell_lost(&self, watched: &Watched, samples: usize, why: &str) {
        add(&watched.counts.lost_samples, samples as u64);
        if let Some(times) = self.told.lost.note(self.parts.clock.now()) {
            let group = watched.group();
            let (file, group) = (&*group.file, &*group.name);
            tracing::warn!(times, file, group, samples, why, "series of rules are not stored");
        }
    }
}

impl Runner {
    /// Evaluates the group turn by turn until it is to stop.
    pub(super) async fn run(self: Arc<Self>) {
        let mut memory = Memory::default();
        let clock = &self.common.parts.clock;
        let mut turn_ms = self.schedule.next(clock.now().unix_ms);
        loop {
            let now_ms = clock.now().unix_ms;
            if now_ms < turn_ms && turn_ms - now_ms <= self.schedule.interval_ms() {
                let left = u64::try_from(turn_ms - now_ms).unwrap_or(0);
                tokio::select! {
                    biased;
                    () = self.stop.requested() => break,
                    () = clock.sleep(Duration::from_millis(left)) => continue,
                }
            }
            let turn = tokio::select! {
                biased;
                () = self.stop.requested() => break,
                turn = self.common.turns.clone().acquire_owned() => turn,
            };
            // Nobody closes it.
            let Ok(turn) = turn else { break };
            // What passed while others had their turns is not made up for.
            let at_ms = self.schedule.last(clock.now().unix_ms);
            let missed = self.schedule.between(turn_ms, at_ms).saturating_add(1);
            self.count(if at_ms > turn_ms { missed } else { 0 });
            self.turn(at_ms, turn, &mut memory).await;
            if self.stop.is_requested() {
                break;
            }
            turn_ms = self.schedule.next(at_ms);
        }
        self.keep_now(&mut memory).await;
    }

    /// Counts a turn, and those that were missed before it.
    fn count(&self, missed: u64) {
        let counts = &self.watched.counts;
        add(&counts.turns, missed.saturating_add(1));
        add(&counts.missed, missed);
        if missed > 0
            && let Some(times) = self.common.told.missed.note(self.common.parts.clock.now())
        {
            let group = self.watched.group();
            let (file, group) = (&*group.file, &*group.name);
            tracing::warn!(times, file, group, missed, "there was no time to evaluate rules");
        }
    }

    async fn turn(&self, at_ms: i64, turn: OwnedSemaphorePermit, memory: &mut Memory) {
        let now = self.common.parts.clock.now();
        let Some(done) = self.evaluated(at_ms, turn).await else { return };
        let changed = !done.evaluation.alerts.is_empty();
        let evaluation = self.publish(done);
        let left = u64::try_from(self.schedule.next(at_ms).saturating_sub(now.unix_ms));
        let until = now.after(Duration::from_millis(left.unwrap_or(0)));
        let samples = evaluation.series.len();
        let waiting = self.push(evaluation);
        let clock = &self.common.parts.clock;
        let is_due = memory.kept.is_none_or(|kept| clock.now().since(kept) >= KEEP_EVERY);
        // Before it is handed on: a crash between the two leaves what is said again, and nothing that
        // was taken back.
        if changed || is_due || memory.is_behind {
            self.keep(memory).await;
        }
        #[cfg(test)]
        self.watched.kept_of.store(at_ms, Ordering::Relaxed);
        self.hand_on(at_ms, until, memory).await;
        self.hear(waiting, samples, until).await;
    }

    /// Nothing when it came to nothing: then all is as it was.
    async fn evaluated(&self, at_ms: i64, turn: OwnedSemaphorePermit) -> Option<Done> {
        let parts = &self.common.parts;
        let state = self.watched.snapshot().state;
        let rules = state.group().rules.len() as u64;
        let time = evaluation::time(self.schedule.interval_ms());
        let work = Work {
            state,
            at_ms,
            source: parts.source.clone(),
            sink: parts.sink.clone(),
            external_labels: parts.external_labels.clone(),
            external_url: parts.public_url.clone(),
            clock: parts.clock.clone(),
            time,
            stop: self.stop.clone(),
            turn,
        };
        let working = task::blocking("evaluate rules", move || work.done());
        let done = parts.clock.within(time + GRACE, working).await;
        if self.stop.is_requested() {
            // It was cut short, and what it found is half of the truth.
            return None;
        }
        let why = match done {
            Some(Ok(done)) => {
                add(&self.watched.counts.evaluations, rules);
                add(&self.watched.counts.failures, done.evaluation.errors.len() as u64);
                if let Some((number, why)) = done.evaluation.errors.first() {
                    self.tell_failed(done.state.group().rules[*number].title(), why);
                }
                return Some(done);
            }
            Some(Err(panicked)) => panicked.to_string(),
            None => "it does not come to an end".to_owned(),
        };
        add(&self.watched.counts.evaluations, rules);
        add(&self.watched.counts.failures, rules);
        self.tell_failed("all".to_owned(), &why);
        None
    }

    fn tell_failed(&self, rule: String, why: &str) {
        if let Some(times) = self.common.told.failed.note(self.common.parts.clock.now()) {
            let group = self.watched.group();
            let (file, group) = (&*group.file, &*group.name);
            tracing::warn!(times, file, group, rule, why, "rules cannot be evaluated");
        }
    }

    /// Shows what is now, and returns what happened.
    fn publish(&self, done: Done) -> Evaluation {
        let Done { state, evaluation, whole, rules } = done;
        let samples = evaluation.series.len();
        let state = Arc::new(state);
        self.watched.publish(Snapshot { state, whole: Some(whole), rules, samples });
        evaluation
    }

    fn push(&self, evaluation: Evaluation) -> Option<oneshot::Receiver<Outcome>> {
        if evaluation.series.is_empty() {
            return None;
        }
        let (at_ms, samples) = (evaluation.series_at_ms, evaluation.series.len());
        let pushed = evaluation
            .series
            .into_iter()
            .map(|(labels, value)| PushedSamples { labels, samples: vec![(at_ms, value)] });
        let waiting = self.common.push(pushed.collect());
        if waiting.is_none() {
            self.common.tell_lost(&self.watched, samples, "there is no room");
        }
        waiting
    }

    /// Counts what was not stored.
    async fn hear(
        &self,
        waiting: Option<oneshot::Receiver<Outcome>>,
        samples: usize,
        until: Moment,
    ) {
        let Some(waiting) = waiting else { return };
        let mut until = pin!(self.common.parts.clock.sleep_until(until));
        let outcome = tokio::select! {
            biased;
            () = self.stop.requested() => return,
            outcome = waiting => outcome,
            () = &mut until => return,
        };
        let lost = |samples, why: &str| self.common.tell_lost(&self.watched, samples, why);
        match outcome {
            Ok(Outcome::Stored(pushed)) => {
                if let Some(why) = pushed.why {
                    lost(pushed.refused_samples, &why.to_string());
                }
            }
            Ok(Outcome::Never(why)) => lost(samples, &why),
            Ok(Outcome::Later) => lost(samples, "nothing can be stored now"),
            // The hub ends.
            Err(_) => {}
        }
    }

    async fn hand_on(&self, at_ms: i64, until: Moment, memory: &mut Memory) {
        let (public_url, order) = (&self.common.parts.public_url, self.common.next_round());
        let mut round = round(&self.watched.snapshot().state, public_url, at_ms, order);
        // After a crash now, the next start would let what is over fire again.
        round.is_whole = !memory.is_behind;
        if round.alerts.is_empty() && memory.said_nothing {
            return;
        }
        let taken = self.common.hand_on(&round, until, &self.stop).await;
        memory.said_nothing = taken && round.alerts.is_empty() && round.is_whole;
        if !taken {
            add(&self.watched.counts.unheard, 1);
        }
    }

    /// Stores the alerts, where there are some or were.
    async fn keep(&self, memory: &mut Memory) {
        let snapshot = self.watched.snapshot();
        let Some(evaluated) = snapshot.state.evaluated_at_ms() else { return };
        let group = snapshot.state.group().clone();
        let (state, left_out) = keep::stored(&group, snapshot.state.rows(), evaluated);
        memory.kept = Some(self.common.parts.clock.now());
        if state.is_none() && !self.watched.is_kept.load(Ordering::Relaxed) {
            memory.is_behind = false;
            return;
        }
        let (store, name, has_some) =
            (self.common.parts.store.clone(), keep::name(&group), state.is_some());
        let keeping = task::blocking("keep alerts of rules", move || {
            store.write(|batch| match &state {
                Some(state) => batch.put_rule_state(state),
                None => batch.remove_rule_state(&name),
            })
        });
        let kept = keeping.await;
        let is_behind = !matches!(kept, Ok(Ok(())));
        let why = match kept {
            Ok(Ok(())) if left_out == 0 => None,
            Ok(Ok(())) => Some(format!("{left_out} of them have no room")),
            Ok(Err(error)) => Some(error.to_string()),
            Err(panicked) => Some(panicked.to_string()),
        };
        // After a failure it may have something.
        self.watched.is_kept.store(has_some || why.is_some(), Ordering::Relaxed);
        memory.is_behind = is_behind;
        let Some(why) = why else { return };
        add(&self.watched.counts.unheard, 1);
        if let Some(times) = self.common.told.unkept.note(self.common.parts.clock.now()) {
            let (file, group) = (&*group.file, &*group.name);
            tracing::error!(times, file, group, why, "alerts would not survive a restart now");
        }
    }

    /// At the end, so that the next start knows how long nobody looked.
    async fn keep_now(&self, memory: &mut Memory) {
        if self.watched.snapshot().whole.is_some() {
            self.keep(memory).await;
        }
    }
}
