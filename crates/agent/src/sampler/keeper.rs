//! Readings become bytes once, here: the recorder keeps them, and the same
//! bytes go to the hub.
//!
//! Recording has a task of its own behind a short queue, so that a disk that
//! hangs keeps nobody from reading the machine. What the queue has no room for
//! is not recorded, and is counted.
//!
//! A record goes to the disk's buffer first, which gives it its sequence, and
//! then to the [`Feed`]. Where the recorder does not take it, or hangs for
//! longer than some seconds, it goes to the feed alone: see there.

mod work;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use watchfire_model::{Event, Moment, ProcessTable};
use watchfire_runtime::task::{self, Task};
use watchfire_runtime::{Clock, task::TaskFailed};

use self::work::{Inner, Loose};
use super::latest::Sample;
use super::machine::TickSnapshot;
use crate::agent::RECORD_FOLDER;
use crate::boot::{Boot, Memory};
use crate::recorder::{
    RecordReader, Recorder, RecorderCounters, RecorderError, RecorderOptions, Sequence, SyncJob,
};
use crate::uplink::feed::Feed;

/// Readings that wait for the disk: some seconds of them.
const MAX_WAITING: usize = 8;
/// How long the last records may take to get to the disk at the end.
const FAREWELL_TIME: Duration = Duration::from_secs(2);
/// A disk hangs when one record takes so many of these waits. They are several,
/// so that a freeze of the whole agent, after which one of them is over at once,
/// is not taken for a disk that hangs.
const HANG_WAITS: u32 = 6;
const HANG_WAIT: Duration = Duration::from_millis(500);

/// Takes readings to be recorded. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keeper {
    queue: Option<mpsc::Sender<Job>>,
    told: Arc<Told>,
    feed: Feed,
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
    feed: Feed,
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
        let folder = data.join(RECORD_FOLDER);
        let recorder = cap_bytes.map(|cap| {
            let options = RecorderOptions::with_cap(cap)?;
            Recorder::open(&folder, options, boot_id, now)
        });
        let recorder = recorder.transpose()?;
        let ring = recorder
            .as_ref()
            .filter(|recorder| recorder.is_recording())
            .map(|recorder| (recorder.ring_id(), newest(&folder, recorder)));
        let feed = Feed::new(ring);
        let (sender, queue) = mpsc::channel(MAX_WAITING);
        let told = Arc::new(Told { records: recorder.is_some(), ..Told::default() });
        let inner = Arc::new(Mutex::new(Inner::new(data, recorder, feed.clone())));
        let keeper = Self { queue: Some(sender), told: Arc::clone(&told), feed: feed.clone() };
        Ok((keeper, Recording { queue, inner, told, feed }))
    }

    /// Where streams get what is recorded.
    pub(crate) fn feed(&self) -> &Feed {
        &self.feed
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

/// The last sequence of a ring that was just opened; 0 when there is none. It is
/// what comes before the first new record.
fn newest(folder: &Path, recorder: &Recorder) -> u64 {
    let reader = RecordReader::open(folder);
    match reader.and_then(|reader| reader.newest(recorder.ring_id())) {
        Ok(newest) => newest.map_or(0, Sequence::as_u64),
        Err(error) => {
            tracing::debug!(%error, "the end of the recorder's ring is not known");
            0
        }
    }
}

impl Recording {
    /// Starts to record. It goes on until it is [closed](RecordingTask::close).
    pub(crate) fn start(self, clock: &Clock) -> RecordingTask {
        let Self { queue, inner, told, feed } = self;
        let work = Arc::clone(&inner);
        let desk = Desk { inner: work, told, feed, clock: clock.clone(), authors: 0 };
        let task = task::spawn("recorder", desk.record(queue));
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

/// What the recording task works with.
struct Desk {
    inner: Arc<Mutex<Inner>>,
    told: Arc<Told>,
    feed: Feed,
    clock: Clock,
    /// How many authors there were beside the first.
    authors: u32,
}

impl Desk {
    async fn record(mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(job) = queue.recv().await {
            let live = Arc::new(AtomicBool::new(true));
            let kept = task::blocking("record", self.work(job, Arc::clone(&live)));
            let mut kept = std::pin::pin!(kept);
            let sync = match self.patiently(kept.as_mut()).await {
                Some(done) => done,
                None => {
                    live.store(false, Ordering::Relaxed);
                    tracing::warn!("the recorder's disk hangs; live data goes on without it");
                    match self.go_on_without(kept, &mut queue).await {
                        Some(done) => done,
                        None => return,
                    }
                }
            };
            if let Ok(Some(job)) = sync {
                // The recorder hands out one at a time, so they never pile up.
                let sync = sync_disk(job, Arc::clone(&self.inner), self.clock.clone());
                task::spawn("recorder sync", sync).detach();
            }
        }
    }

    /// The keeping of one job, on a thread that may hang.
    fn work(&self, job: Job, live: Arc<AtomicBool>) -> impl FnOnce() -> Option<SyncJob> + use<> {
        let (inner, told) = (Arc::clone(&self.inner), Arc::clone(&self.told));
        move || {
            let mut inner = lock(&inner);
            let sync = inner.keep(&job, &live);
            if let Some(counters) = inner.counters() {
                *lock(&told.counters) = counters;
            }
            sync
        }
    }

    /// What `kept` gives, unless it hangs.
    async fn patiently<F: Future + Unpin>(&self, mut kept: F) -> Option<F::Output> {
        for _ in 0..HANG_WAITS {
            if let Some(done) = self.clock.within(HANG_WAIT, &mut kept).await {
                return Some(done);
            }
        }
        None
    }

    /// Feeds what comes to the streams alone, until `kept` is done and gives
    /// what it gives; `None` when the agent ends before. What has begun to be
    /// fed is fed to its end first: late, it would take the streams out of the
    /// recorder's ring again.
    async fn go_on_without<F: Future + Unpin>(
        &mut self,
        mut kept: F,
        queue: &mut mpsc::Receiver<Job>,
    ) -> Option<F::Output> {
        self.authors += 1;
        let loose = Arc::new(Mutex::new(Loose::new(self.authors, self.feed.clone())));
        loop {
            let job = tokio::select! {
                biased;
                done = &mut kept => return Some(done),
                job = queue.recv() => job?,
            };
            self.told.skipped.fetch_add(1, Ordering::Relaxed);
            let loose = Arc::clone(&loose);
            // A panic was told already, and the next reading begins anew.
            let _fed = task::blocking("feed", move || lock(&loose).feed(&job)).await;
        }
    }
}

/// Puts what was written on the disk, on a thread of its own.
async fn sync_disk(job: SyncJob, inner: Arc<Mutex<Inner>>, clock: Clock) {
    let synced = task::blocking("sync the recorder", move || {
        let done = job.run();
        // The lock waits for a write that hangs, so it is taken on this thread.
        lock(&inner).synced(done, clock.now());
    });
    // A panic was told already.
    let _ended = synced.await;
}

/// A reading that panicked leaves bytes that the next one clears.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
