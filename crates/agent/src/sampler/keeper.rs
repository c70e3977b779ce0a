//! Readings become bytes once, here: the recorder keeps them, and the same
//! bytes will go to the hub.
//!
//! Recording has a task of its own behind a short queue, so that a disk that
//! hangs keeps nobody from reading the machine. What the queue has no room for
//! is not recorded, and is counted.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use watchfire_codec::{ProcessEncoder, TickEncoder};
use watchfire_model::{Event, Moment, ProcessTable};
use watchfire_runtime::task::{self, Task};
use watchfire_runtime::{Clock, task::TaskFailed};

use super::latest::Sample;
use super::machine::TickSnapshot;
use crate::agent::RECORD_FOLDER;
use crate::boot::{Boot, Memory};
use crate::recorder::{
    Kind, Recorder, RecorderCounters, RecorderError, RecorderOptions, SyncJob, starts_chain,
};

/// Readings that wait for the disk: some seconds of them.
const MAX_WAITING: usize = 8;
/// How long the last records may take to get to the disk at the end.
const FAREWELL_TIME: Duration = Duration::from_secs(2);

/// Takes readings to be recorded. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keeper {
    queue: Option<mpsc::Sender<Job>>,
    told: Arc<Told>,
}

/// What is told of recording.
#[derive(Debug, Default)]
struct Told {
    records: bool,
    skipped: AtomicU64,
    counters: Mutex<RecorderCounters>,
}

/// The recording end of a [`Keeper`].
#[derive(Debug)]
pub(crate) struct Recording {
    queue: mpsc::Receiver<Job>,
    inner: Arc<Mutex<Inner>>,
    told: Arc<Told>,
}

#[derive(Debug)]
enum Job {
    Second(Second),
    Table(Arc<Sample<ProcessTable>>),
}

/// What one second gave. It is kept or left out as a whole: a place in the
/// kernel's log is not remembered without what was read up to there.
#[derive(Debug)]
pub(super) struct Second {
    pub(super) tick: Arc<Sample<TickSnapshot>>,
    pub(super) events: Vec<Event>,
    pub(super) memory: Option<Memory>,
}

#[derive(Debug)]
struct Inner {
    data: PathBuf,
    recorder: Option<Recorder>,
    memory: Option<Memory>,
    ticks: TickEncoder,
    tables: ProcessEncoder,
    bytes: Vec<u8>,
}

impl Keeper {
    /// A keeper for the data folder, and its recording end. Without a cap there
    /// is no recorder, and only memories are kept.
    ///
    /// # Errors
    ///
    /// What an operator must see to; a disk that fails is none.
    pub(crate) fn open(
        data: &Path,
        cap_bytes: Option<u64>,
        boot_id: &str,
        now: Moment,
    ) -> Result<(Self, Recording), RecorderError> {
        let recorder = cap_bytes.map(|cap| {
            let options = RecorderOptions::with_cap(cap)?;
            Recorder::open(&data.join(RECORD_FOLDER), options, boot_id, now)
        });
        let recorder = recorder.transpose()?;
        let (sender, queue) = mpsc::channel(MAX_WAITING);
        let told = Arc::new(Told { records: recorder.is_some(), ..Told::default() });
        let inner = Arc::new(Mutex::new(Inner::new(data, recorder)));
        let keeper = Self { queue: Some(sender), told: Arc::clone(&told) };
        Ok((keeper, Recording { queue, inner, told }))
    }

    /// Has recorded what one second gave, or gives its events back when there
    /// was no room for it.
    pub(super) fn second(&self, second: Second) -> Vec<Event> {
        match self.keep(Job::Second(second)) {
            Some(Job::Second(second)) => second.events,
            _ => Vec::new(),
        }
    }

    /// Has one process table recorded.
    pub(super) fn table(&self, table: Arc<Sample<ProcessTable>>) {
        let _left_out = self.keep(Job::Table(table));
    }

    /// What the recorder has done, where there is one.
    pub(super) fn counters(&self) -> Option<RecorderCounters> {
        if !self.told.records {
            return None;
        }
        let mut counters = *lock(&self.told.counters);
        counters.lost_records += self.told.skipped.load(Ordering::Relaxed);
        Some(counters)
    }

    /// Gives the job back when there was no room for it.
    fn keep(&self, job: Job) -> Option<Job> {
        let error = self.queue.as_ref()?.try_send(job).err()?;
        self.told.skipped.fetch_add(1, Ordering::Relaxed);
        Some(error.into_inner())
    }
}

impl Recording {
    /// Starts to record. It goes on until it is [closed](RecordingTask::close).
    pub(crate) fn start(self, clock: &Clock) -> RecordingTask {
        let Self { queue, inner, told } = self;
        let work = Arc::clone(&inner);
        let task = task::spawn("recorder", record(queue, work, told, clock.clone()));
        RecordingTask { task, inner }
    }
}

/// Recording that goes on.
#[derive(Debug)]
pub(crate) struct RecordingTask {
    task: Task<()>,
    inner: Arc<Mutex<Inner>>,
}

impl RecordingTask {
    /// Ends recording with a last memory. What was kept is on the disk
    /// afterwards, when the disk answers in time. Drop all keepers first: the
    /// queue is emptied.
    pub(crate) async fn close(self, boot: &Boot, clock: &Clock) {
        let now = clock.now();
        let end = async {
            let _ended = self.task.join().await;
            let boot = boot.clone();
            let close = move || lock(&self.inner).close(&boot, now);
            task::blocking("close the recorder", close).await
        };
        match clock.within(FAREWELL_TIME, end).await {
            Some(Ok(())) => {}
            Some(Err(TaskFailed { .. })) | None => {
                tracing::warn!(
                    "the recorder did not end in time; it mends itself at the next start"
                );
            }
        }
    }
}

async fn record(
    mut queue: mpsc::Receiver<Job>,
    inner: Arc<Mutex<Inner>>,
    told: Arc<Told>,
    clock: Clock,
) {
    while let Some(job) = queue.recv().await {
        let (work, told) = (Arc::clone(&inner), Arc::clone(&told));
        let kept = task::blocking("record", move || {
            let mut inner = lock(&work);
            let sync = inner.keep(&job);
            if let Some(recorder) = &inner.recorder {
                *lock(&told.counters) = recorder.counters();
            }
            sync
        });
        if let Ok(Some(job)) = kept.await {
            // The recorder hands out one at a time, so they never pile up.
            task::spawn("recorder sync", sync(job, Arc::clone(&inner), clock.clone())).detach();
        }
    }
}

/// Puts what was written on the disk, on a thread of its own.
async fn sync(job: SyncJob, inner: Arc<Mutex<Inner>>, clock: Clock) {
    let synced = task::blocking("sync the recorder", move || {
        let done = job.run();
        // The lock waits for a write that hangs, so it is taken on this thread.
        if let Some(recorder) = &mut lock(&inner).recorder {
            // The recorder says so itself, and goes on by itself.
            let _told = recorder.synced(done, clock.now());
        }
    });
    // A panic was told already.
    let _ended = synced.await;
}

impl Inner {
    fn new(data: &Path, recorder: Option<Recorder>) -> Self {
        let (ticks, tables) = (TickEncoder::new(), ProcessEncoder::new());
        let (data, bytes) = (data.to_owned(), Vec::new());
        Self { data, recorder, memory: None, ticks, tables, bytes }
    }

    /// Keeps one reading. With a tick, what was kept so far is written, and a
    /// sync that is due is handed out, because the disk may take long over it.
    fn keep(&mut self, job: &Job) -> Option<SyncJob> {
        match job {
            Job::Second(second) => {
                second.events.iter().for_each(|event| self.event(event));
                let sync = self.tick(&second.tick.value);
                if let Some(memory) = &second.memory {
                    self.memory = Some(memory.clone());
                    self.remember(memory);
                }
                sync
            }
            Job::Table(sample) => {
                self.table(&sample.value);
                None
            }
        }
    }

    fn tick(&mut self, snapshot: &TickSnapshot) -> Option<SyncJob> {
        let Self { recorder, ticks, bytes, .. } = self;
        let (recorder, tick) = (recorder.as_mut()?, &snapshot.tick);
        if recorder.needs_restart(Kind::Tick, tick.at) {
            ticks.restart();
        }
        append(recorder, Kind::Tick, tick.at, bytes, |whole, bytes| {
            if whole {
                ticks.restart();
            }
            ticks.encode(&snapshot.schema, tick, bytes);
        });
        recorder.flush(tick.at).ok().flatten()
    }

    fn table(&mut self, table: &ProcessTable) {
        let Self { recorder, tables, bytes, .. } = self;
        let Some(recorder) = recorder.as_mut() else { return };
        if recorder.needs_restart(Kind::Processes, table.at) {
            tables.restart();
        }
        append(recorder, Kind::Processes, table.at, bytes, |whole, bytes| {
            if whole {
                tables.restart();
            }
            tables.encode(table, bytes);
        });
    }

    fn event(&mut self, event: &Event) {
        let Some(recorder) = self.recorder.as_mut() else { return };
        append(recorder, Kind::Event, event.at, &mut self.bytes, |_, bytes| {
            bytes.extend_from_slice(&recorded_event(event));
        });
    }

    fn remember(&self, memory: &Memory) {
        if let Err(error) = memory.store(&self.data) {
            tracing::debug!(%error, "the agent cannot remember this boot");
        }
    }

    fn close(&mut self, boot: &Boot, now: Moment) {
        let last = self.memory.take().unwrap_or_else(|| boot.memory(now.unix_ms, None));
        self.remember(&last.with_goodbye(now.unix_ms));
        if let Some(Err(error)) = self.recorder.take().map(|recorder| recorder.close(now)) {
            tracing::warn!(%error, "the recorder could not end well; it mends itself at the next start");
        }
    }
}

/// An event as the ring holds it: JSON with `kind`, `text` and, for a killed
/// process, `pid` and `name`.
fn recorded_event(event: &Event) -> Vec<u8> {
    let victim = event.victim.as_ref();
    let fields = serde_json::json!({
        "kind": event.kind.name(),
        "text": event.text,
        "pid": victim.map(|victim| victim.pid),
        "name": victim.map(|victim| victim.name.as_str()),
    });
    fields.to_string().into_bytes()
}

/// Encodes and appends one record, and once more, whole, when a new segment
/// began in between. The recorder counts and logs its other failures itself,
/// and asks for a whole record when it goes on.
fn append(
    recorder: &mut Recorder,
    kind: Kind,
    at: Moment,
    bytes: &mut Vec<u8>,
    mut encode: impl FnMut(bool, &mut Vec<u8>),
) {
    for whole in [false, true] {
        bytes.clear();
        encode(whole, bytes);
        match recorder.append(kind, at, starts_chain(kind, bytes), bytes) {
            Err(RecorderError::NeedsRestart { .. }) => {}
            _ => return,
        }
    }
}

/// A reading that panicked leaves bytes that the next one clears.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use watchfire_model::{Schema, SeriesKey, Tick};

    use watchfire_collect::Root;

    use super::*;
    use crate::history::History;

    fn tick(second: u64) -> Second {
        let mut schema = Schema::new(1);
        schema.push(SeriesKey::new("node_load1", []).expect("a key"));
        let at = Moment { monotonic: Duration::from_secs(second), unix_ms: 1000 * second as i64 };
        let tick = Tick { at, generation: 1, values: vec![second as f64] };
        let snapshot = TickSnapshot { schema: Arc::new(schema), metrics: Arc::default(), tick };
        let tick = Arc::new(Sample { number: second, value: snapshot });
        Second { tick, events: Vec::new(), memory: None }
    }

    fn event() -> Event {
        let text = "Out of memory: Killed process 7 (web)".to_owned();
        let kind = watchfire_model::EventKind::OomKill;
        Event { at: Moment::default(), kind, text, victim: None }
    }

    fn table(second: u64) -> Arc<Sample<ProcessTable>> {
        let at = Moment { monotonic: Duration::from_secs(second), unix_ms: 1000 * second as i64 };
        Arc::new(Sample {
            number: second,
            value: ProcessTable { at, processes: Vec::new(), total: second as u32 },
        })
    }

    #[tokio::test]
    async fn what_was_kept_can_be_read_back() {
        let data = tempfile::tempdir().expect("a folder");
        let clock = Clock::system();
        let opened = Keeper::open(data.path(), Some(1 << 20), "boot", Moment::default());
        let (keeper, recording) = opened.expect("a ring");
        let recording = recording.start(&clock);
        assert_eq!(keeper.second(tick(1)), []);
        keeper.table(table(2));
        assert_eq!(keeper.second(tick(3)), []);
        drop(keeper);
        let boot = Boot::read(data.path(), &Root::recorded("/nowhere"));
        recording.close(&boot, &clock).await;
        let history = History::open(data.path()).expect("a ring");
        let load =
            |ms| history.status_at(ms).expect("readable").value.map(|status| status.load.one);
        assert_eq!([load(999), load(2999), load(3000)], [None, Some(1.0), Some(3.0)]);
        let table = history.processes_at(9000).expect("readable").value.expect("a table");
        assert_eq!(table.total, 2);
        assert_eq!(history.began().expect("readable"), Some(1000));
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let data = tempfile::tempdir().expect("a folder");
        let opened = Keeper::open(data.path(), Some(1 << 20), "boot", Moment::default());
        // Nobody records, as when the disk hangs.
        let (keeper, _recording) = opened.expect("a ring");
        (0..MAX_WAITING as u64 + 3).for_each(|second| {
            let events = vec![event()];
            let given_back = keeper.second(Second { events, ..tick(second) });
            assert_eq!(given_back.is_empty(), second < MAX_WAITING as u64);
        });
        assert_eq!(keeper.counters().map(|counters| counters.lost_records), Some(3));
        assert!(
            Keeper::default().counters().is_none(),
            "without a recorder there is nothing to tell"
        );
    }
}
