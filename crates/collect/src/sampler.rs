use std::time::Duration;

use watchfire_model::{Metric, Moment, Schema, Tick};

use crate::collectors::{self, Collector, FailedUnit, Outcome, Pace, Reading};
use crate::series::{Family, Ledger};
use crate::{Fault, Root};

/// How often a collector of [`Pace::EveryTick`] reads, as its caller keeps it.
const FAST_PERIOD: Duration = Duration::from_secs(1);
/// How often a collector of [`Pace::Slow`] reads.
const SLOW_PERIOD: Duration = Duration::from_secs(15);

/// A collector waits this many times as long as its last reading took, so no
/// collector takes more than a fiftieth of the time, whatever the machine
/// suffers from.
const REST: u32 = 50;

/// Readings in a row that took too long before a collector that reads at every
/// tick rests: one alone was held up by others.
const LONG_IN_A_ROW: u32 = 3;

/// Tells the time that went by, for measuring how long a collector takes.
pub type Stopwatch = Box<dyn FnMut() -> Duration + Send>;

static DURATION: Family = Family::gauge(
    "node_scrape_collector_duration_seconds",
    "node_exporter: Duration of a collector scrape.",
    &["collector"],
);
static SUCCESS: Family = Family::gauge(
    "node_scrape_collector_success",
    "node_exporter: Whether a collector succeeded.",
    &["collector"],
);
static LEFT_OUT: Family = Family::counter(
    "watchfire_agent_series_left_out_total",
    "Samples there was no room for, because a server has a most of series.",
    &[],
);
static FAULTS: Family = Family::gauge(
    "watchfire_agent_collector_faults",
    "What could not be read at the last reading of a collector.",
    &["collector"],
);

/// Reads a server once per call, with all collectors.
pub struct TickSampler {
    root: Root,
    stopwatch: Stopwatch,
    runs: Vec<Run>,
    ledger: Ledger,
    faults: Vec<Fault>,
    ease: u32,
}

/// One collector and how it went.
#[derive(Debug)]
struct Run {
    collector: Box<dyn Collector>,
    due: Option<Duration>,
    took: Duration,
    /// Readings in a row that took more than their share.
    long: u32,
    success: bool,
    faults: Vec<Fault>,
}

impl TickSampler {
    /// A sampler that has read nothing yet. It leaves out the collectors that
    /// are named in `without`.
    #[must_use]
    pub fn new(root: Root, without: &[String], stopwatch: Stopwatch) -> Self {
        let wanted = |run: &Run| !without.iter().any(|name| name == run.collector.name());
        let runs: Vec<Run> = collectors::all().into_iter().map(Run::new).filter(wanted).collect();
        // One page for each collector, one for the runner, one for the agent.
        let ledger = Ledger::new(runs.len() + 2, 1);
        Self { root, stopwatch, runs, ledger, faults: Vec::new(), ease: 1 }
    }

    /// The same with another first generation of the schema, for a sampler that
    /// takes the place of another: its keys come in an order of their own.
    #[must_use]
    pub fn with_generation(mut self, generation: u64) -> Self {
        self.ledger = Ledger::new(self.runs.len() + 2, generation);
        self
    }

    /// The names of all collectors there are.
    #[must_use]
    pub fn collector_names() -> Vec<&'static str> {
        collectors::all().iter().map(|collector| collector.name()).collect()
    }

    /// Makes slow collectors wait `ease` times as long between readings, for a
    /// machine that has no time to spare. 1 is the usual rhythm.
    pub fn set_ease(&mut self, ease: u32) {
        self.ease = ease.max(1);
    }

    /// Takes over what others measured, to be part of the ticks from now on:
    /// each family has no labels, or one whose value comes with it. What was
    /// given before and is not given now is gone.
    pub fn put_own(&mut self, samples: &[OwnSample]) {
        let page = self.runs.len() + 1;
        self.ledger.open(page);
        for sample in samples {
            let label = sample.label.map(str::as_bytes);
            self.ledger.put(page, sample.family, label.as_slice(), sample.value);
        }
        self.ledger.close(page);
    }

    /// Reads what is due. Collectors that are not due keep their values.
    pub fn sample(&mut self, now: Moment) -> &Tick {
        self.ledger.begin(now);
        for (page, run) in self.runs.iter_mut().enumerate() {
            if run.is_due(now.monotonic) {
                run.read(&self.root, now, page, &mut self.ledger, &mut self.stopwatch);
                run.plan(now.monotonic, page, self.ease);
            } else if run.collector.pace() == Pace::EveryTick {
                // What stands still while time goes on would make wrong rates.
                self.ledger.clear(page);
            }
        }
        self.tell();
        self.ledger.end();
        self.ledger.tick()
    }

    /// A unit that was seen to have failed and was not given by an earlier call.
    pub fn failed_unit(&mut self) -> Option<String> {
        self.runs.iter_mut().find_map(|run| run.collector.failed_unit())
    }

    /// The failures of units that were given and go on, by name: what to
    /// [resume](TickSampler::resume_failures) with after a start of the agent.
    #[must_use]
    pub fn told_failures(&self) -> Vec<FailedUnit> {
        self.runs.iter().flat_map(|run| run.collector.told_failures()).collect()
    }

    /// Takes these failures as given: an earlier run of the agent did.
    pub fn resume_failures(&mut self, told: &[FailedUnit]) {
        self.runs.iter_mut().for_each(|run| run.collector.resume_failures(told));
    }

    /// The tick of the last call of [`TickSampler::sample`].
    #[must_use]
    pub fn tick(&self) -> &Tick {
        self.ledger.tick()
    }

    /// The series of the tick.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        self.ledger.schema()
    }

    /// What is told of each metric, in the order in which they were met.
    #[must_use]
    pub fn metrics(&self) -> &[Metric] {
        self.ledger.metrics()
    }

    /// What could not be read at the last reading of each collector. Empty
    /// when all is well.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    fn tell(&mut self) {
        let page = self.runs.len();
        self.faults.clear();
        self.ledger.open(page);
        for run in &self.runs {
            let name = [run.collector.name().as_bytes()];
            self.ledger.put(page, &DURATION, &name, in_microseconds(run.took));
            self.ledger.put(page, &SUCCESS, &name, f64::from(u8::from(run.success)));
            if !run.faults.is_empty() {
                let faults = u32::try_from(run.faults.len()).unwrap_or(u32::MAX);
                self.ledger.put(page, &FAULTS, &name, f64::from(faults));
                self.faults.extend_from_slice(&run.faults);
            }
        }
        let left_out = crate::rate::as_f64(self.ledger.left_out());
        self.ledger.put(page, &LEFT_OUT, &[], left_out);
        self.ledger.close(page);
    }
}

impl std::fmt::Debug for TickSampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TickSampler").field("root", &self.root).finish_non_exhaustive()
    }
}

/// A value that the agent measured itself.
#[derive(Debug, Clone, Copy)]
pub struct OwnSample {
    /// What it is. A family without labels, or with one.
    pub family: &'static Family,
    /// The value of the family's label, where it has one.
    pub label: Option<&'static str>,
    /// The value now.
    pub value: f64,
}

impl Run {
    fn new(collector: Box<dyn Collector>) -> Self {
        let (took, faults) = (Duration::ZERO, Vec::new());
        Self { collector, due: None, took, long: 0, success: false, faults }
    }

    fn is_due(&self, now: Duration) -> bool {
        self.due.is_none_or(|due| now >= due)
    }

    fn read(
        &mut self,
        root: &Root,
        now: Moment,
        page: usize,
        ledger: &mut Ledger,
        stopwatch: &mut Stopwatch,
    ) {
        self.faults.clear();
        let (began, left_out) = (stopwatch(), ledger.left_out());
        ledger.open(page);
        let name = self.collector.name();
        let mut reading = Reading::new(root, now, name, page, ledger, &mut self.faults);
        let outcome = self.collector.collect(&mut reading);
        if let Err(error) = &outcome {
            reading.note(error);
        }
        ledger.close(page);
        if ledger.left_out() > left_out {
            let error = format!("{} series were left out", ledger.left_out() - left_out);
            self.faults.push(Fault { collector: name, error });
        }
        self.success = matches!(outcome, Ok(Outcome::Read));
        self.took = stopwatch().saturating_sub(began);
    }

    /// Slow collectors begin together at the start, and then each keeps to a
    /// second of its own.
    fn plan(&mut self, now: Duration, page: usize, ease: u32) {
        let rest = self.took.saturating_mul(REST);
        let wait = match self.collector.pace() {
            Pace::EveryTick => {
                self.long = if rest > FAST_PERIOD { self.long + 1 } else { 0 };
                if self.long >= LONG_IN_A_ROW { rest } else { Duration::ZERO }
            }
            Pace::Slow if self.due.is_none() => rest.max(turn(page)),
            Pace::Slow => rest.max(SLOW_PERIOD.saturating_mul(ease)),
        };
        self.due = Some(now + wait);
    }
}

/// When a slow collector reads for the second time: 1 to 15 s after the start.
fn turn(page: usize) -> Duration {
    let place = u64::try_from(page).unwrap_or(0) % SLOW_PERIOD.as_secs();
    Duration::from_secs(1 + place)
}

/// In seconds, without the digits that no clock of ours has.
fn in_microseconds(took: Duration) -> f64 {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    crate::rate::as_f64(micros) / 1e6
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A machine whose readings of `/proc/loadavg` take as long as `took` says.
    fn sampler(took: &Arc<AtomicU64>) -> (tempfile::TempDir, TickSampler) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("proc")).unwrap();
        std::fs::write(dir.path().join("proc/loadavg"), "0.5 0.5 0.5 1/2 3\n").unwrap();
        let all = TickSampler::collector_names();
        let others = all.into_iter().filter(|name| *name != "loadavg");
        let without: Vec<String> = others.map(str::to_owned).collect();
        let (took, mut time) = (Arc::clone(took), 0);
        let stopwatch = Box::new(move || {
            time += took.load(Ordering::Relaxed);
            Duration::from_millis(time)
        });
        let sampler = TickSampler::new(Root::recorded(dir.path()), &without, stopwatch);
        (dir, sampler)
    }

    fn load(sampler: &mut TickSampler, second: u64) -> Option<f64> {
        let now = Moment { monotonic: Duration::from_secs(second), unix_ms: 0 };
        sampler.sample(now);
        let keys = sampler.schema().keys();
        let series = keys.iter().position(|key| key.name() == "node_load1").unwrap();
        sampler.tick().value(series)
    }

    #[test]
    fn one_long_reading_is_no_reason_to_rest() {
        let took = Arc::new(AtomicU64::new(1));
        let (_dir, mut sampler) = sampler(&took);
        assert_eq!(load(&mut sampler, 0), Some(0.5));
        took.store(30, Ordering::Relaxed);
        assert_eq!(load(&mut sampler, 1), Some(0.5));
        took.store(1, Ordering::Relaxed);
        assert_eq!(load(&mut sampler, 2), Some(0.5));
    }

    #[test]
    fn a_collector_that_rests_tells_nothing_old() {
        let took = Arc::new(AtomicU64::new(100));
        let (_dir, mut sampler) = sampler(&took);
        let seen: Vec<_> = (0..9).map(|second| load(&mut sampler, second)).collect();
        let there = Some(0.5);
        assert_eq!(seen, [there, there, there, None, None, None, None, there, None]);
    }
}
