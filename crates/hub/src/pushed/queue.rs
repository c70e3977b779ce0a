//! What senders push, on its way to the disk.
//!
//! One writer stores all that came while it stored what was before, in one transaction, and only
//! then says so. What has no room is refused, and its sender comes again. Agents' chunks come
//! first: while much of them waits, this waits a moment too.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_store::{History, HistoryError, Push, Pushed};

use crate::dial::Rarely;
use crate::historian::Historian;

/// What may wait for the disk, in bytes of memory.
const MAX_QUEUE_BYTES: usize = 64 << 20;
/// How many pushes may wait.
pub(super) const MAX_QUEUE_PUSHES: usize = 4096;
/// What is stored at once, in bytes of memory, unless one push is larger. Meanwhile nothing else
/// is written to the file.
const GROUP_BYTES: usize = 4 << 20;
/// How many pushes are stored at once. Few, because where something of a group is refused each
/// of it is stored alone, and the others wait so long.
const GROUP_PUSHES: usize = 64;
/// How long it gives way to agents' chunks, at most, and how often it looks.
const GIVE_WAY: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(50);

/// The way to the history. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Pushes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    historian: Historian,
    clock: Clock,
    queue: Mutex<Queue>,
    arrived: Notify,
    failing: AtomicBool,
    /// Pushes that can never be stored.
    refused: Rarely,
}

#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// Nobody will store what comes now.
    closed: bool,
}

#[derive(Debug)]
struct Entry {
    push: Push,
    bytes: usize,
    told: oneshot::Sender<Outcome>,
}

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is durable, but for what of it was refused.
    Stored(Pushed),
    /// It is not stored now, and may be later.
    Later,
    /// It is not stored and never will be, and why.
    Never(String),
}

/// There is no room in the queue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

impl Pushes {
    pub(crate) fn new(historian: Historian, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            historian,
            clock,
            queue: Mutex::default(),
            arrived: Notify::new(),
            failing: AtomicBool::new(false),
            refused: Rarely::default(),
        }))
    }

    /// Hands a push over. What became of it comes once it is known; nothing comes when the hub
    /// ends before.
    pub(crate) fn put(&self, push: Push) -> Result<oneshot::Receiver<Outcome>, NoRoom> {
        let bytes = size(&push);
        let (told, outcome) = oneshot::channel();
        let mut queue = self.queue();
        let has_room = self.0.historian.history().is_some()
            && !queue.closed
            // One that is larger than the queue has its turn too.
            && (queue.entries.is_empty() || queue.bytes + bytes <= MAX_QUEUE_BYTES)
            && queue.entries.len() < MAX_QUEUE_PUSHES;
        if !has_room {
            return Err(NoRoom);
        }
        queue.bytes += bytes;
        queue.entries.push_back(Entry { push, bytes, told });
        drop(queue);
        self.0.arrived.notify_one();
        Ok(outcome)
    }

    /// Stores until the end is asked for, and what is there then.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        let Some(history) = self.0.historian.history().cloned() else { return };
        loop {
            let ends = tokio::select! {
                biased;
                () = shutdown.requested() => true,
                () = self.arrival() => false,
            };
            if ends {
                self.queue().closed = true;
            } else {
                self.give_way().await;
            }
            let group = self.take();
            if group.is_empty() {
                if ends {
                    return;
                }
                continue;
            }
            self.store(&history, group).await;
        }
    }

    async fn arrival(&self) {
        while self.queue().entries.is_empty() {
            self.0.arrived.notified().await;
        }
    }

    async fn give_way(&self) {
        let until = self.0.clock.now().after(GIVE_WAY).monotonic;
        while !self.0.historian.has_time() && self.0.clock.now().monotonic < until {
            self.0.clock.sleep(LOOK).await;
        }
    }

    fn take(&self) -> Vec<Entry> {
        let mut queue = self.queue();
        let (mut group, mut bytes) = (Vec::new(), 0);
        while let Some(next) = queue.entries.front() {
            let is_full = group.len() == GROUP_PUSHES || bytes + next.bytes > GROUP_BYTES;
            if !group.is_empty() && is_full {
                break;
            }
            bytes += next.bytes;
            group.extend(queue.entries.pop_front());
        }
        queue.bytes -= bytes;
        group
    }

    /// Stores a group, or, where something of it is refused, each of it alone: then each is told
    /// what is its own. To store something twice does no harm.
    async fn store(&self, history: &History, group: Vec<Entry>) {
        let (pushes, told): (Vec<Push>, Vec<_>) =
            group.into_iter().map(|entry| (entry.push, entry.told)).unzip();
        let pushes = Arc::new(pushes);
        let all = self.stored(history, &pushes, 0..pushes.len()).await;
        let is_whole = pushes.len() == 1 || all.is_whole();
        for (at, told) in told.into_iter().enumerate() {
            let outcome = match is_whole {
                true => all.share_of(&pushes[at], pushes.len()),
                false => self.stored(history, &pushes, at..at + 1).await,
            };
            // Whoever asked may have gone meanwhile.
            let _ = told.send(outcome);
        }
    }

    async fn stored(
        &self,
        history: &History,
        pushes: &Arc<Vec<Push>>,
        which: std::ops::Range<usize>,
    ) -> Outcome {
        let (history, pushes) = (history.clone(), pushes.clone());
        let storing = task::blocking("store what was pushed", move || history.push(&pushes[which]));
        let error = match storing.await {
            Ok(Ok(pushed)) => {
                self.set_failing(None);
                return Outcome::Stored(pushed);
            }
            Ok(Err(error)) => error,
            Err(panicked) => HistoryError::Refused { why: panicked.to_string() },
        };
        if let HistoryError::Refused { why } = error {
            if let Some(refused) = self.0.refused.note(self.0.clock.now()) {
                tracing::warn!(refused, why, "pushes are refused by the history");
            }
            return Outcome::Never(why);
        }
        self.set_failing(Some(&error));
        Outcome::Later
    }

    fn set_failing(&self, error: Option<&HistoryError>) {
        let was = self.0.failing.swap(error.is_some(), Ordering::Relaxed);
        match error {
            Some(error) if !was => {
                tracing::error!(%error, "what senders push cannot be stored; they are told");
            }
            None if was => tracing::info!("what senders push is stored again"),
            _ => {}
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outcome {
    /// True when it is the same for each of a group.
    fn is_whole(&self) -> bool {
        match self {
            Self::Stored(pushed) => pushed.refused_series == 0 && pushed.refused_samples == 0,
            Self::Later => true,
            Self::Never(_) => false,
        }
    }

    /// What is told to one of `count` for which this is the outcome.
    fn share_of(&self, push: &Push, count: usize) -> Self {
        match self {
            Self::Stored(_) if count > 1 => {
                let samples = push.series.iter().map(|series| series.samples.len()).sum();
                Self::Stored(Pushed { samples, ..Pushed::default() })
            }
            other => other.clone(),
        }
    }
}

/// About what a push takes in memory. Texts are shared, and count once a series all the same.
fn size(push: &Push) -> usize {
    let series = push.series.iter().map(|series| {
        let labels = series.labels.iter().map(|(name, value)| 32 + name.len() + value.len());
        64 + 16 * series.samples.len() + labels.sum::<usize>()
    });
    let facts = push.facts.iter().map(|facts| 96 + facts.name.len() + facts.help.len());
    64 + series.sum::<usize>() + facts.sum::<usize>()
}
