//! What agents told, on its way to the disk.
//!
//! One writer takes what came in the last 200 ms and stores it as a group; only
//! then the sessions are told that it is durable. Nobody waits for the disk: when
//! it is full or slow, the queue fills, what has no room is refused and counted,
//! and its session asks its agent for it later.

mod care;
mod chunks;
mod quota;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_store::{Appended, Chunk, History, HistoryError};

use care::Care;
use chunks::owner;
pub(crate) use chunks::{Gather, records_of, schema_chunk, schema_key, starts_chain};
use quota::Quotas;
pub(crate) use quota::{ASKED_AT_ONCE, MAX_SERIES};

/// How long a group waits for more.
const GROUP_TIME: Duration = Duration::from_millis(200);
/// A group that is this large waits no longer, in bytes.
const GROUP_BYTES: usize = 4 << 20;
/// What may wait for the disk, in bytes. Ten thousand servers fill it in half a
/// minute.
const MAX_QUEUE_BYTES: usize = 64 << 20;
/// How many chunks may wait for the disk.
const MAX_QUEUE_CHUNKS: usize = 65_536;
/// The pause before the disk is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How often a group is tried that fails for no passing reason.
const MAX_TRIES: u32 = 3;

/// The way to the history. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Historian(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// `None` when the file cannot be used: then nothing is stored.
    history: Option<History>,
    clock: Clock,
    queue: Mutex<Queue>,
    quotas: Mutex<Quotas>,
    arrived: Notify,
    failing: AtomicBool,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    chunk: Chunk,
    /// True for a live chunk, which is acknowledged.
    live: bool,
    receipts: Arc<Receipts>,
}

#[derive(Debug, Default)]
struct Counters {
    refused: AtomicU64,
    over_quota: AtomicU64,
    given_up: AtomicU64,
    failures: AtomicU64,
}

/// What was counted since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct HistorianCounts {
    /// Chunks for which there was no room in the queue.
    pub(crate) refused: u64,
    /// Chunks of servers of which enough was stored of late.
    pub(crate) over_quota: u64,
    /// Chunks that could not be stored in several tries.
    pub(crate) given_up: u64,
    /// Groups that could not be stored at once.
    pub(crate) failures: u64,
}

/// What became of a chunk that was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    /// It is on its way to the disk.
    Taken,
    /// Too much waits for the disk.
    NoRoom,
    /// Enough was stored of its server of late.
    OverQuota,
}

/// What a session is told of its chunks.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    /// Every live record of the session up to here is durable.
    up_to: AtomicU64,
    /// Chunks that are on their way.
    waiting: AtomicUsize,
    /// Some could not be stored.
    lost: AtomicBool,
    /// Some were not fit to be stored.
    bad: AtomicBool,
}

impl Receipts {
    pub(crate) fn up_to(&self) -> u64 {
        self.up_to.load(Ordering::Acquire)
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// True when some were lost since this was asked last.
    pub(crate) fn take_lost(&self) -> bool {
        self.lost.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn has_bad(&self) -> bool {
        self.bad.load(Ordering::Acquire)
    }
}

impl Historian {
    pub(crate) fn new(history: Option<History>, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            history,
            clock,
            queue: Mutex::default(),
            quotas: Mutex::default(),
            arrived: Notify::new(),
            failing: AtomicBool::new(false),
            counters: Counters::default(),
        }))
    }

    /// What is stored, for those who read.
    pub(crate) fn history(&self) -> Option<&History> {
        self.0.history.as_ref()
    }

    /// Hands a chunk over. One that is not taken is not stored, and never acknowledged.
    pub(crate) fn put(&self, chunk: Chunk, live: bool, receipts: &Arc<Receipts>) -> Put {
        let (bytes, now) = (chunk.bytes.len(), self.0.clock.now());
        let mut queue = self.queue();
        let has_room = self.0.history.is_some()
            && queue.bytes + bytes <= MAX_QUEUE_BYTES
            && queue.entries.len() < MAX_QUEUE_CHUNKS;
        if !has_room {
            drop(queue);
            self.0.counters.refused.fetch_add(1, Ordering::Relaxed);
            return Put::NoRoom;
        }
        if !self.quotas().take(owner(&chunk.server), bytes, live, now) {
            drop(queue);
            self.0.counters.over_quota.fetch_add(1, Ordering::Relaxed);
            return Put::OverQuota;
        }
        receipts.waiting.fetch_add(1, Ordering::AcqRel);
        queue.entries.push_back(Entry { chunk, live, receipts: receipts.clone() });
        queue.bytes += bytes;
        drop(queue);
        self.0.arrived.notify_one();
        Put::Taken
    }

    /// True when the agent of that server may be asked for more.
    pub(crate) fn has_time_for(&self, server: &str) -> bool {
        self.has_time() && self.quotas().has_room(server, self.0.clock.now())
    }

    /// False while the disk takes nothing, or much waits for it: no time to ask
    /// agents for more.
    pub(crate) fn has_time(&self) -> bool {
        self.0.history.is_some()
            && !self.0.failing.load(Ordering::Relaxed)
            && self.queue().bytes < MAX_QUEUE_BYTES / 4
    }

    /// What was counted since the start.
    pub(crate) fn counts(&self) -> HistorianCounts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.0.counters;
        HistorianCounts {
            refused: of(&counters.refused),
            over_quota: of(&counters.over_quota),
            given_up: of(&counters.given_up),
            failures: of(&counters.failures),
        }
    }

    /// Stores until the end is asked for, and what is there then.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        let Some(history) = self.0.history.clone() else { return };
        // Beside the storing: looking through a large history takes long, and what comes
        // meanwhile has to be durable as soon as ever. It ends with this.
        let _caring = task::spawn("history care", self.clone().care(history.clone()));
        loop {
            let ends = tokio::select! {
                biased;
                () = shutdown.requested() => true,
                () = self.group() => false,
            };
            self.store(&history, ends).await;
            if ends && self.queue().entries.is_empty() {
                return;
            }
            if ends && self.0.failing.load(Ordering::Relaxed) {
                tracing::warn!("the history cannot be stored; agents keep it and hand it in again");
                return;
            }
            self.quotas().settle(self.0.clock.now());
        }
    }

    async fn care(self, history: History) {
        let mut care = Care::new(self.0.clock.now());
        loop {
            self.0.clock.sleep_until(care.due()).await;
            care.work(&history, self.0.clock.now(), self.has_time()).await;
        }
    }

    /// Waits until there is a group to be stored.
    async fn group(&self) {
        while self.queue().entries.is_empty() {
            self.0.arrived.notified().await;
        }
        let full = async {
            while self.queue().bytes < GROUP_BYTES {
                self.0.arrived.notified().await;
            }
        };
        let _ = self.0.clock.within(GROUP_TIME, full).await;
    }

    /// Stores one group. While that fails for a passing reason, it is tried again
    /// for ever; what comes meanwhile waits in the queue as long as there is room.
    async fn store(&self, history: &History, ends: bool) {
        let group = self.take();
        if group.is_empty() {
            return;
        }
        let (chunks, entries): (Vec<_>, Vec<_>) =
            group.into_iter().map(|one| (one.chunk, (one.live, one.receipts))).unzip();
        let chunks = Arc::new(chunks);
        let mut tries = 0;
        loop {
            let (history, work) = (history.clone(), chunks.clone());
            let stored = task::blocking("historian", move || history.append(&work)).await;
            let error = match stored {
                Ok(Ok(appended)) => {
                    self.set_failing(None);
                    return tell(&chunks, entries, &appended);
                }
                Ok(Err(error)) => error,
                Err(panicked) => HistoryError::Refused { why: panicked.to_string() },
            };
            self.set_failing(Some(&error));
            tries += 1;
            if ends || (!error.is_temporary() && tries >= MAX_TRIES) {
                return self.give_up(entries);
            }
            self.0.clock.sleep(RETRY).await;
        }
    }

    fn take(&self) -> Vec<Entry> {
        let mut queue = self.queue();
        let mut bytes = 0;
        let mut group = Vec::new();
        while let Some(entry) = queue.entries.pop_front() {
            bytes += entry.chunk.bytes.len();
            group.push(entry);
            if bytes >= GROUP_BYTES {
                break;
            }
        }
        queue.bytes -= bytes;
        group
    }

    fn set_failing(&self, error: Option<&HistoryError>) {
        if let Some(error) = error {
            self.0.counters.failures.fetch_add(1, Ordering::Relaxed);
            if !self.0.failing.swap(true, Ordering::Relaxed) {
                tracing::error!(
                    %error,
                    "what agents tell cannot be stored; they keep it, and the hub goes on"
                );
            }
        } else if self.0.failing.swap(false, Ordering::Relaxed) {
            tracing::info!("what agents tell is stored again");
        }
    }

    fn give_up(&self, entries: Vec<(bool, Arc<Receipts>)>) {
        for (_, receipts) in entries {
            self.0.counters.given_up.fetch_add(1, Ordering::Relaxed);
            receipts.lost.store(true, Ordering::Release);
            receipts.waiting.fetch_sub(1, Ordering::AcqRel);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn quotas(&self) -> MutexGuard<'_, Quotas> {
        self.0.quotas.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the sessions what is durable now.
fn tell(chunks: &[Chunk], entries: Vec<(bool, Arc<Receipts>)>, appended: &Appended) {
    for (place, (chunk, (live, receipts))) in chunks.iter().zip(entries).enumerate() {
        let refused = appended.refused.iter().any(|(refused, _)| *refused == place);
        if refused {
            receipts.bad.store(true, Ordering::Release);
        } else if live && !receipts.lost.load(Ordering::Acquire) {
            receipts.up_to.fetch_max(chunk.last, Ordering::AcqRel);
        }
        receipts.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
