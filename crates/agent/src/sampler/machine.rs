//! The reading of each second: all collectors, the recorder, and what people see.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use watchfire_collect::{EventSampler, Fault, ProcessSummary, Root, TickSampler, unit_failed};
use watchfire_model::{Event, Metric, Moment, Schema, Status, StatusView, Tick};
use watchfire_runtime::Clock;
use watchfire_runtime::task;

use super::beat::Beat;
use super::keeper::{Keeper, Second};
use super::latest::Publisher;
use super::own::OwnSamples;
use crate::boot::{Boot, Memory};
use crate::config::CollectConfig;
use crate::distress::{Distress, Signs};

/// Events that wait for a recorder that is held up; more are left out.
const MAX_PUT_BACK: usize = 256;
/// How often it is written down that this boot goes on.
const REMEMBER_EVERY: Duration = Duration::from_secs(60);
/// How often the machine is read.
const PERIOD: Duration = Duration::from_secs(1);

/// One tick with all that is needed to understand it.
#[derive(Debug, Clone)]
pub(crate) struct TickSnapshot {
    pub(crate) schema: Arc<Schema>,
    pub(crate) metrics: Arc<[Metric]>,
    pub(crate) tick: Tick,
}

/// What the readers of one agent tell each other.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// How many times as long slow things wait.
    pub(super) ease: AtomicU32,
    /// The cpu time of all readings, in nanoseconds.
    pub(super) cpu_ns: AtomicU64,
    /// What the last process table said about all of them.
    pub(super) processes: Mutex<Option<ProcessSummary>>,
}

impl Shared {
    /// Runs a piece of reading and adds up what it cost.
    pub(super) fn measure<T>(&self, clock: &Clock, work: impl FnOnce() -> T) -> T {
        let before = clock.thread_cpu_time();
        let done = work();
        let spent = clock.thread_cpu_time().saturating_sub(before);
        let spent = u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX);
        self.cpu_ns.fetch_add(spent, Ordering::Relaxed);
        done
    }
}

/// All that a reading of the machine needs, in one place that moves to the
/// thread that reads and back.
pub(super) struct Machine {
    clock: Clock,
    root: Root,
    sampler: TickSampler,
    view: StatusView,
    events: EventSampler,
    boot: Boot,
    remembered: Option<Moment>,
    /// Events that wait for a recorder that is held up.
    put_back: Vec<Event>,
    own: OwnSamples,
    distress: Distress,
    keeper: Keeper,
    shared: Arc<Shared>,
    schema: Arc<Schema>,
    metrics: Arc<[Metric]>,
    faults: Vec<Fault>,
    took: Duration,
}

/// What a reading gave.
struct Read {
    status: Status,
    snapshot: TickSnapshot,
    events: Vec<Event>,
    memory: Option<Memory>,
}

impl Machine {
    pub(super) fn new(
        clock: &Clock,
        root: &Root,
        config: &CollectConfig,
        keeper: &Keeper,
        boot: &Boot,
        shared: &Arc<Shared>,
    ) -> Self {
        let mut events = EventSampler::new(root.clone());
        if let Some(position) = boot.log_position {
            events.resume(position);
        }
        // Another than that of a sampler that went before.
        let generation = u64::try_from(clock.now().unix_ms).unwrap_or(1).max(1);
        let stopwatch = clock.clone();
        let stopwatch = Box::new(move || stopwatch.now().monotonic);
        let mut sampler =
            TickSampler::new(root.clone(), &config.without, stopwatch).with_generation(generation);
        sampler.resume_failures(&boot.failed_units);
        Self {
            clock: clock.clone(),
            root: root.clone(),
            sampler,
            view: StatusView::new(),
            events,
            boot: boot.clone(),
            remembered: None,
            put_back: Vec::new(),
            own: OwnSamples::default(),
            distress: Distress::default(),
            keeper: keeper.clone(),
            shared: Arc::clone(shared),
            schema: Arc::default(),
            metrics: Arc::default(),
            faults: Vec::new(),
            took: Duration::ZERO,
        }
    }

    /// Reads the machine once. `late` is how much later than planned that is.
    fn read(&mut self, late: Duration) -> Read {
        let shared = Arc::clone(&self.shared);
        let clock = self.clock.clone();
        shared.measure(&clock, || {
            let now = clock.now();
            self.ease(late, now.monotonic);
            let mut events = self.hear(now);
            self.tell_own();
            self.sampler.sample(now);
            events.extend(self.failed_unit(now));
            let memory = self.memory(now, !events.is_empty());
            let (schema, tick) = (self.sampler.schema(), self.sampler.tick());
            let status = self.view.read(schema, tick);
            let snapshot = self.snapshot();
            self.report_faults();
            self.took = clock.now().since(now);
            Read { status, snapshot, events, memory }
        })
    }

    /// Does less when the machine is starved, from the signs of the reading before.
    fn ease(&mut self, late: Duration, now: Duration) {
        let cpu = Duration::from_nanos(self.shared.cpu_ns.load(Ordering::Relaxed));
        let before = self.distress.level();
        self.distress.note(&Signs { late, took: self.took, now, cpu });
        let level = self.distress.level();
        if level != before {
            tracing::info!(level, "the agent adapts to what the machine can spare");
        }
        self.sampler.set_ease(self.distress.ease());
        self.shared.ease.store(self.distress.ease(), Ordering::Relaxed);
    }

    /// Keeps events that could not be recorded for the next try. Too many are
    /// the oldest's loss: the newest tell what the machine suffers from now.
    fn put_back(&mut self, mut events: Vec<Event>) {
        let too_many = events.len().saturating_sub(MAX_PUT_BACK);
        events.drain(..too_many);
        self.put_back = events;
    }

    /// What the kernel told since the last reading.
    fn hear(&mut self, now: Moment) -> Vec<Event> {
        let mut events = std::mem::take(&mut self.put_back);
        let heard = self.events.drain(now);
        events.extend_from_slice(heard);
        for event in heard {
            tracing::info!(kind = event.kind.name(), text = ?event.text, "the kernel says");
        }
        events
    }

    /// What to remember: with everything that is told, and now and then.
    fn memory(&mut self, now: Moment, is_told: bool) -> Option<Memory> {
        let rested = |last: Moment| now.since(last) >= REMEMBER_EVERY;
        if !is_told && !self.remembered.is_none_or(rested) {
            return None;
        }
        self.remembered = Some(now);
        let position = self.events.position();
        // Until the first reading what an earlier run told is what is known.
        let told = self.sampler.told_failures();
        Some(self.boot.memory(now.unix_ms, position, &told))
    }

    /// A unit that failed, one a second: its last lines are read from the journal's files.
    fn failed_unit(&mut self, now: Moment) -> Option<Event> {
        let unit = self.sampler.failed_unit()?;
        tracing::info!(?unit, "a unit failed");
        Some(unit_failed(&self.root, &unit, now))
    }

    fn tell_own(&mut self) {
        self.own.begin();
        self.own.reboot(self.boot.reason);
        self.own.events(&self.events);
        self.own.distress(&self.distress);
        if let Some(counters) = self.keeper.counters() {
            self.own.recorder(&counters);
        }
        self.own.uplink(self.keeper.feed().counters());
        let processes = *self.shared.processes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(summary) = processes {
            self.own.processes(&summary);
        }
        self.sampler.put_own(self.own.samples());
    }

    /// Schema and metadata are copied only when they changed.
    fn snapshot(&mut self) -> TickSnapshot {
        let schema = self.sampler.schema();
        if schema.generation() != self.schema.generation() || schema.len() != self.schema.len() {
            self.schema = Arc::new(schema.clone());
        }
        if self.metrics.len() != self.sampler.metrics().len() {
            self.metrics = self.sampler.metrics().into();
        }
        TickSnapshot {
            schema: Arc::clone(&self.schema),
            metrics: Arc::clone(&self.metrics),
            tick: self.sampler.tick().clone(),
        }
    }

    fn report_faults(&mut self) {
        if self.sampler.faults() == self.faults.as_slice() {
            return;
        }
        self.faults.clear();
        self.faults.extend_from_slice(self.sampler.faults());
        for fault in &self.faults {
            tracing::debug!(collector = fault.collector, error = ?fault.error, "cannot read");
        }
    }
}

/// Reads the machine every second, for ever.
pub(super) async fn read_for_ever(
    clock: Clock,
    keeper: Keeper,
    make: impl Fn() -> Machine + Send,
    statuses: Arc<Publisher<Status>>,
    ticks: Arc<Publisher<TickSnapshot>>,
) {
    let mut machine = make();
    let mut beat = Beat::new(clock.now());
    loop {
        let late = beat.late(clock.now());
        let read = task::blocking("read the machine", move || (machine.read(late), machine)).await;
        machine = match read {
            Ok((read, machine)) => {
                let Read { status, snapshot, events, memory } = read;
                statuses.post(status);
                let tick = ticks.post(snapshot);
                let left = keeper.second(Second { tick, events, memory });
                let mut machine = machine;
                machine.put_back(left);
                machine
            }
            Err(_panicked) => make(),
        };
        clock.sleep_until(beat.next(clock.now(), PERIOD)).await;
    }
}
