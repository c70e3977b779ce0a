//! The two samplers: one reads the status, one the processes. Everybody who
//! asks gets the latest sample, and nobody keeps a queue of older ones.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use watchfire_collect::{ProcessSampler, Root, StatusSampler};
use watchfire_model::{Moment, ProcessTable, Status};
use watchfire_runtime::Clock;
use watchfire_runtime::task::{self, Task, TaskFailed};

/// How often the status is read.
const STATUS_PERIOD: Duration = Duration::from_secs(1);
/// How often the processes are read.
const PROCESS_PERIOD: Duration = Duration::from_secs(5);
/// The second reading of the processes comes this early, so that their cpu
/// per cents are known soon after the start.
const SECOND_PROCESS_READING: Duration = Duration::from_secs(1);
/// Rates need two readings.
const READINGS_FOR_RATES: u64 = 2;

/// One reading, with its number since the start.
#[derive(Debug)]
pub(crate) struct Sample<T> {
    pub(crate) number: u64,
    pub(crate) value: T,
}

/// The latest reading; `None` before the first.
pub(crate) type Latest<T> = watch::Receiver<Option<Arc<Sample<T>>>>;

/// Where to get the latest readings.
#[derive(Debug, Clone)]
pub(crate) struct Samples {
    pub(crate) status: Latest<Status>,
    pub(crate) processes: Latest<ProcessTable>,
}

/// Reads the machine.
pub(crate) struct Samplers {
    clock: Clock,
    root: Root,
    status: watch::Sender<Option<Arc<Sample<Status>>>>,
    processes: watch::Sender<Option<Arc<Sample<ProcessTable>>>>,
}

impl Samplers {
    pub(crate) fn new(clock: Clock, root: Root) -> (Self, Samples) {
        let (status, latest_status) = watch::channel(None);
        let (processes, latest_processes) = watch::channel(None);
        let samples = Samples { status: latest_status, processes: latest_processes };
        (Self { clock, root, status, processes }, samples)
    }

    /// Starts reading. It ends when the tasks are dropped.
    pub(crate) fn start(self) -> [Task<()>; 2] {
        let Self { clock, root, status, processes } = self;
        let (for_status, for_processes) = (Reader::new(&clock, &root), Reader::new(&clock, &root));
        let status = Arc::new(status);
        let processes = Arc::new(processes);
        [
            task::spawn_restarting("status sampler", clock.clone(), move || {
                read_statuses(for_status.clone(), Arc::clone(&status))
            }),
            task::spawn_restarting("process sampler", clock, move || {
                read_processes(for_processes.clone(), Arc::clone(&processes))
            }),
        ]
    }
}

/// The latest reading, once there is one from which rates are known, or
/// whatever there is after `patience`.
pub(crate) async fn with_rates<T>(
    latest: &Latest<T>,
    clock: &Clock,
    patience: Duration,
) -> Option<Arc<Sample<T>>> {
    let mut latest = latest.clone();
    let known = |sample: &Option<Arc<Sample<T>>>| {
        sample.as_ref().is_some_and(|sample| sample.number >= READINGS_FOR_RATES)
    };
    // When the samplers are gone there is only the last sample, which is taken below.
    let _ = clock.within(patience, latest.wait_for(known)).await;
    latest.borrow().clone()
}

#[derive(Clone)]
struct Reader {
    clock: Clock,
    root: Root,
}

impl Reader {
    fn new(clock: &Clock, root: &Root) -> Self {
        Self { clock: clock.clone(), root: root.clone() }
    }
}

async fn read_statuses(reader: Reader, publish: Arc<watch::Sender<Option<Arc<Sample<Status>>>>>) {
    let mut sampler = StatusSampler::new(reader.root.clone());
    let mut beat = Beat::new(reader.clock.now());
    let mut faults = Vec::new();
    loop {
        let now = reader.clock.now();
        let read = task::blocking("read the status", move || (sampler.sample(now), sampler)).await;
        match read {
            Ok((status, back)) => {
                if back.faults() != faults.as_slice() {
                    faults = back.faults().to_vec();
                    for fault in &faults {
                        tracing::debug!(collector = fault.collector, error = ?fault.error, "cannot read");
                    }
                }
                sampler = back;
                post(&publish, status);
            }
            Err(TaskFailed { .. }) => sampler = StatusSampler::new(reader.root.clone()),
        }
        reader.clock.sleep_until(beat.next(reader.clock.now(), STATUS_PERIOD)).await;
    }
}

async fn read_processes(
    reader: Reader,
    publish: Arc<watch::Sender<Option<Arc<Sample<ProcessTable>>>>>,
) {
    let mut sampler = ProcessSampler::new(reader.root.clone());
    let mut beat = Beat::new(reader.clock.now());
    let mut period = SECOND_PROCESS_READING;
    loop {
        let now = reader.clock.now();
        let read =
            task::blocking("read the processes", move || (sampler.sample(now), sampler)).await;
        match read {
            Ok((table, back)) => {
                sampler = back;
                match table {
                    Ok(table) => post(&publish, table),
                    Err(error) => tracing::warn!(%error, "the processes cannot be read"),
                }
            }
            Err(TaskFailed { .. }) => sampler = ProcessSampler::new(reader.root.clone()),
        }
        reader.clock.sleep_until(beat.next(reader.clock.now(), period)).await;
        period = PROCESS_PERIOD;
    }
}

fn post<T>(publish: &watch::Sender<Option<Arc<Sample<T>>>>, value: T) {
    publish.send_modify(|latest| {
        let number = latest.as_ref().map_or(0, |sample| sample.number) + 1;
        *latest = Some(Arc::new(Sample { number, value }));
    });
}

/// A beat that keeps its rhythm, and that skips beats instead of making them
/// up when it was held up.
#[derive(Debug)]
pub(crate) struct Beat(Moment);

impl Beat {
    pub(crate) fn new(now: Moment) -> Self {
        Self(now)
    }

    /// The moment of the next beat, `period` after the last one.
    pub(crate) fn next(&mut self, now: Moment, period: Duration) -> Moment {
        let on_time = self.0.after(period);
        self.0 = if now.monotonic > on_time.monotonic { now.after(period) } else { on_time };
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_keeps_its_rhythm_and_makes_nothing_up() {
        let start = Moment::default();
        let after = |millis| start.after(Duration::from_millis(millis));
        let mut beat = Beat::new(start);
        let second = Duration::from_secs(1);
        assert_eq!(beat.next(after(40), second), after(1000));
        assert_eq!(beat.next(after(1030), second), after(2000));
        assert_eq!(beat.next(after(5500), second), after(6500));
        assert_eq!(beat.next(after(6510), second), after(7500));
    }

    #[test]
    fn samples_are_numbered() {
        let (publish, latest) = watch::channel(None);
        post(&publish, 'a');
        post(&publish, 'b');
        let sample = latest.borrow().clone().expect("was posted");
        assert_eq!((sample.number, sample.value), (2, 'b'));
    }

    #[tokio::test]
    async fn the_first_reading_is_given_when_patience_ends() {
        let (clock, hand) = Clock::manual(Moment::default());
        let (publish, latest) = watch::channel(None);
        post(&publish, 'a');
        let second = Duration::from_secs(1);
        let (sample, ()) =
            tokio::join!(with_rates(&latest, &clock, second), async { hand.advance(second) });
        assert_eq!(sample.map(|sample| sample.value), Some('a'));
        let (sample, ()) =
            tokio::join!(with_rates(&latest, &clock, second), async { post(&publish, 'b') });
        assert_eq!(sample.map(|sample| sample.value), Some('b'));
    }
}
