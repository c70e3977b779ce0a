//! The targets, and how the handing over to each stands.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use watchfire_model::ServerName;
use watchfire_notify::{ChannelError, Timeouts};
use watchfire_runtime::net::Resolver;
use watchfire_runtime::task::TaskFailed;
use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_store::{History, HistoryError};

use super::send::Sender;
use super::{TELL_EVERY, WHOLE};
use crate::archive::Archive;
use crate::config::RemoteWrite;
use crate::dial::Rarely;

/// One target, as its lanes know it.
pub(super) struct Destination {
    pub(super) target: RemoteWrite,
    pub(super) archive: Archive,
    pub(super) history: History,
    pub(super) clock: Clock,
    pub(super) sender: Sender,
    pub(super) counts: Counts,
    /// Held by the lane that reads.
    pub(super) reading: Mutex<()>,
    failures: Rarely,
}

/// What is counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) sent: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) retries: AtomicU64,
    taken_ms: AtomicU64,
}

/// What was counted since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counted {
    /// Samples that the target took.
    pub(crate) sent: u64,
    /// Samples that it will never take.
    pub(crate) refused: u64,
    /// Requests that were sent again.
    pub(crate) retries: u64,
    /// How much of the time of servers the cap took before it was handed over, in milliseconds.
    pub(crate) taken_ms: u64,
}

/// How the handing over to one target stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Where the target is.
    pub(crate) url: String,
    /// From the oldest moment of a server that waits to its newest one, in milliseconds: of the
    /// server of which that is the most.
    pub(crate) lag_ms: i64,
    /// Servers of which something waits.
    pub(crate) servers: usize,
    pub(crate) counted: Counted,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoFigures {
    #[error("{0}")]
    History(#[from] HistoryError),
    #[error("{0}")]
    Task(#[from] TaskFailed),
}

/// Every target. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct HandOvers(Arc<Mutex<Vec<Arc<Destination>>>>);

impl Counts {
    pub(super) fn add(counter: &AtomicU64, how_many: u64) {
        counter.fetch_add(how_many, Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> Counted {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counted {
            sent: of(&self.sent),
            refused: of(&self.refused),
            retries: of(&self.retries),
            taken_ms: of(&self.taken_ms),
        }
    }
}

impl Destination {
    pub(super) fn new(
        target: RemoteWrite,
        archive: Archive,
        history: History,
        clock: Clock,
    ) -> Result<Self, ChannelError> {
        let timeouts = Timeouts { whole: WHOLE, ..Timeouts::default() };
        let resolver = Resolver::system(Duration::ZERO, clock.clone());
        let sender = Sender::new(&target.service, timeouts, resolver)?;
        let (counts, reading, failures) = Default::default();
        Ok(Self { target, archive, history, clock, sender, counts, reading, failures })
    }

    pub(super) fn url(&self) -> &str {
        &self.target.service.url
    }

    pub(super) fn failed(&self, error: &str) {
        if let Some(times) = self.failures.note(self.clock.now()) {
            let target = self.url();
            tracing::warn!(error, times, target, "the history cannot be handed over now");
        }
    }

    /// It reads the disk. What is of servers that the target is not to get counts nowhere.
    fn figures(&self) -> Result<Figures, HistoryError> {
        let names = self.archive.names(&self.target.scope);
        let mut waiting = self.history.waiting(self.url())?;
        waiting.retain(|one| names.contains_key(&one.server));
        self.count_taken(&names);
        Ok(Figures {
            url: self.url().to_owned(),
            lag_ms: waiting.iter().map(|one| one.lag_ms).max().unwrap_or(0),
            servers: waiting.len(),
            counted: self.counts.now(),
        })
    }

    fn count_taken(&self, names: &HashMap<String, ServerName>) {
        let taken = self.history.taken_unsent(self.url());
        let of_it = taken.iter().filter(|(server, _)| names.contains_key(server));
        Counts::add(&self.counts.taken_ms, of_it.map(|(_, ms)| ms).sum());
    }
}

impl HandOvers {
    pub(super) fn new(destinations: Vec<Arc<Destination>>) -> Self {
        Self(Arc::new(Mutex::new(destinations)))
    }

    /// How each stands, in the order of the config. Whoever asks waits for those who asked
    /// before.
    pub(crate) async fn figures(&self) -> Result<Vec<Figures>, NoFigures> {
        // The lock is held by the work itself: it goes on when who asked goes away.
        let all = self.0.clone().lock_owned().await;
        let work = move || all.iter().map(|one| one.figures()).collect::<Result<_, _>>();
        Ok(task::blocking("figures", work).await??)
    }

    /// Tells the log how they stand, as often as something changed, until the end is asked for.
    pub(super) async fn tell(self, clock: Clock, shutdown: Shutdown) {
        let mut told: HashMap<String, Counted> = HashMap::new();
        loop {
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = clock.sleep(TELL_EVERY) => {}
            }
            match self.figures().await {
                Ok(all) => all.iter().for_each(|one| tell_of(one, &mut told)),
                Err(error) => tracing::warn!(%error, "what waits to be handed over is not known"),
            }
        }
    }
}

fn tell_of(figures: &Figures, told: &mut HashMap<String, Counted>) {
    let Figures { url, lag_ms, servers, counted } = figures;
    let before = told.insert(url.clone(), *counted).unwrap_or_default();
    if *counted == before {
        return;
    }
    tracing::info!(target = url, ?counted, lag_ms, servers, "samples handed over since the start");
    if counted.taken_ms > before.taken_ms {
        let seconds = (counted.taken_ms - before.taken_ms) / 1000;
        let what = "the disk's cap took ticks before they were handed over: let the history take \
                    more of the disk, or see to the target";
        tracing::warn!(target = url, seconds, lag_ms, "{what}");
    }
}
