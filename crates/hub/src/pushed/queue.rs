//! What senders push, on its way to the disk.
//!
//! One writer stores all that came while it stored what was before, in one transaction, and only
//! then says so. What has no room is refused, and its sender comes again. Agents' chunks come
//! first: while much of them waits, this waits a moment too.

use std::collections::VecDeque;
use std::ops::Range;
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
/// How many pushes are stored at once.
const GROUP_PUSHES: usize = 256;
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

    /// Stores a group, and tells each what became of it.
    async fn store(&self, history: &History, group: Vec<Entry>) {
        let (pushes, told): (Vec<Push>, Vec<_>) =
            group.into_iter().map(|entry| (entry.push, entry.told)).unzip();
        let pushes = Arc::new(pushes);
        let outcomes = match self.stored(history, &pushes, 0..pushes.len()).await {
            Err(Outcome::Never(_)) if pushes.len() > 1 => self.each_alone(history, &pushes).await,
            Err(all) => vec![all; pushes.len()],
            Ok(pushed) => pushed.into_iter().map(Outcome::Stored).collect(),
        };
        for (told, outcome) in told.into_iter().zip(outcomes) {
            // Whoever asked may have gone meanwhile.
            let _ = told.send(outcome);
        }
    }

    /// Stores one push after another, where the history took nothing of all together: that
    /// should not come up, and whose fault it is must not be the others' loss.
    async fn each_alone(&self, history: &History, pushes: &Arc<Vec<Push>>) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(pushes.len());
        for at in 0..pushes.len() {
            let stored = self.stored(history, pushes, at..at + 1).await;
            outcomes.push(match stored {
                Ok(pushed) => Outcome::Stored(pushed.into_iter().next().unwrap_or_default()),
                Err(outcome) => outcome,
            });
        }
        outcomes
    }

    /// What came of each, or of all of them.
    async fn stored(
        &self,
        history: &History,
        pushes: &Arc<Vec<Push>>,
        which: Range<usize>,
    ) -> Result<Vec<Pushed>, Outcome> {
        let (history, pushes) = (history.clone(), pushes.clone());
        let storing = task::blocking("store what was pushed", move || history.push(&pushes[which]));
        let error = match storing.await {
            Ok(Ok(pushed)) => {
                self.set_failing(None);
                return Ok(pushed);
            }
            Ok(Err(error)) => error,
            Err(panicked) => HistoryError::Refused { why: panicked.to_string() },
        };
        if let HistoryError::Refused { why } = error {
            if let Some(refused) = self.0.refused.note(self.0.clock.now()) {
                tracing::warn!(refused, why, "pushes are refused by the history");
            }
            return Err(Outcome::Never(why));
        }
        self.set_failing(Some(&error));
        Err(Outcome::Later)
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

/// About what a push takes in memory. Texts are shared, and count once a series all the same.
fn size(push: &Push) -> usize {
    let series = push.series.iter().map(|series| {
        let labels = series.labels.iter().map(|(name, value)| 32 + name.len() + value.len());
        64 + 16 * series.samples.len() + labels.sum::<usize>()
    });
    let facts = push.facts.iter().map(|facts| 96 + facts.name.len() + facts.help.len());
    64 + series.sum::<usize>() + facts.sum::<usize>()
}
