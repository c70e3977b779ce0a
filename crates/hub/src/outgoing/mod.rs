//! Hands the history over to other stores by Prometheus' remote write, as it comes.
//!
//! ```text
//! History::append notes stretches --> round: read them --> requests --> target
//!          ^                                                               |
//!          +------------ handed over: what is left of them <---------------+
//! ```
//!
//! The history is the queue: a target that is away costs no copy of anything, and gets all that
//! the history still has when it is back, the oldest first. A sample may come twice there, and
//! none is left out; but what a target refuses for good is counted and dropped, as the
//! specification says ("Prometheus Remote-Write 1.0", section "Retries & Backoff").

mod piece;
mod request;
mod send;
#[cfg(test)]
mod tests;

use std::time::Duration;

use watchfire_model::Moment;
use watchfire_notify::{ChannelError, Timeouts};
use watchfire_runtime::net::Resolver;
use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_store::{History, HistoryError, Outgoing};

use crate::archive::Archive;
use crate::config::RemoteWrite;
use crate::dial::Rarely;
use piece::{Piece, read};
use request::requests;
use send::Sender;

/// How often it is looked whether there is something to hand over.
const ROUND: Duration = Duration::from_secs(5);
/// What is younger waits, so that a request has many ticks of a server.
const YOUNG_MS: i64 = 5_000;
/// Servers that are looked at in a round.
const MAX_STRETCHES: usize = 256;
/// A round reads no more once it has so many samples, so its memory has a bound.
const ROUND_SAMPLES: usize = 200_000;
/// How often the log is told what was counted, if anything was.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// One try may take this long.
const WHOLE: Duration = Duration::from_secs(30);

/// Hands over to one target.
pub(crate) struct HandOver {
    target: RemoteWrite,
    archive: Archive,
    history: History,
    clock: Clock,
    sender: Sender,
    failures: Rarely,
    told: (Moment, Counts),
    counts: Counts,
}

/// What was counted since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// Samples that the target took.
    pub(crate) sent: u64,
    /// Samples that it will never take.
    pub(crate) refused: u64,
    /// Requests that were sent again.
    pub(crate) retries: u64,
}

/// Hands over, from now on, what comes: to these, and to nobody else.
pub(crate) fn start(
    targets: Vec<RemoteWrite>,
    archive: &Archive,
    clock: &Clock,
    shutdown: &Shutdown,
) -> Vec<task::Task<()>> {
    let Some(history) = archive.history() else { return Vec::new() };
    let urls: Vec<String> = targets.iter().map(|one| one.service.url.clone()).collect();
    if let Err(error) = history.hand_over_to(&urls) {
        tracing::error!(%error, "what is to be handed over cannot be noted, and is not");
        return Vec::new();
    }
    let begin = |target: RemoteWrite| {
        let url = target.service.url.clone();
        match HandOver::new(target, archive.clone(), history.clone(), clock.clone()) {
            Ok(one) => Some(task::spawn("hand over", one.run(shutdown.clone()))),
            Err(error) => {
                tracing::error!(%error, target = url, "nothing is handed over until the next start");
                None
            }
        }
    };
    targets.into_iter().filter_map(begin).collect()
}

impl HandOver {
    pub(crate) fn new(
        target: RemoteWrite,
        archive: Archive,
        history: History,
        clock: Clock,
    ) -> Result<Self, ChannelError> {
        let timeouts = Timeouts { whole: WHOLE, ..Timeouts::default() };
        let resolver = Resolver::system(Duration::ZERO, clock.clone());
        let sender = Sender::new(&target.service, timeouts, resolver)?;
        let (told, counts) = ((clock.now(), Counts::default()), Counts::default());
        let failures = Rarely::default();
        Ok(Self { target, archive, history, clock, sender, failures, told, counts })
    }

    /// Hands over until the end is asked for.
    pub(crate) async fn run(mut self, shutdown: Shutdown) {
        let mut pause = Duration::ZERO;
        loop {
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = self.clock.sleep(pause) => {}
            }
            // What was not handed over when the end comes waits on the disk.
            let more = tokio::select! {
                biased;
                () = shutdown.requested() => return,
                more = self.round() => more,
            };
            pause = if more { Duration::ZERO } else { ROUND };
            self.tell();
        }
    }

    /// Hands over what waits, as much as fits a round. True when there is more.
    pub(crate) async fn round(&mut self) -> bool {
        let (history, now) = (self.history.clone(), self.clock.now());
        let url = self.target.service.url.clone();
        let (archive, scope) = (self.archive.clone(), self.target.scope.clone());
        let work = move || {
            let waiting = history.outgoing(&url, MAX_STRETCHES)?;
            let due: Vec<Outgoing> = waiting.into_iter().filter(|one| is_due(one, now)).collect();
            let mut error = None;
            let pieces = read(&archive, &scope, due, |one| error = Some(one));
            Ok::<_, HistoryError>((pieces, error))
        };
        let pieces = match task::blocking("hand over", work).await {
            Ok(Ok((pieces, error))) => {
                error.into_iter().for_each(|error| _ = self.failed(&error.to_string()));
                pieces
            }
            Ok(Err(error)) => return self.failed(&error.to_string()),
            Err(panicked) => return self.failed(&panicked.to_string()),
        };
        if pieces.is_empty() {
            return false;
        }
        for request in requests(&pieces) {
            self.sender.send(&request, &self.clock, &mut self.counts).await;
        }
        self.note(pieces).await
    }

    async fn note(&mut self, pieces: Vec<Piece>) -> bool {
        let history = self.history.clone();
        let done: Vec<_> = pieces.into_iter().map(|piece| (piece.of, piece.to_ms)).collect();
        let work = move || history.handed_over(&done);
        match task::blocking("hand over", work).await {
            // Where all of it came in anew meanwhile, others have their turn first.
            Ok(Ok(moved)) => moved > 0,
            Ok(Err(error)) => self.failed(&error.to_string()),
            Err(panicked) => self.failed(&panicked.to_string()),
        }
    }

    fn failed(&self, error: &str) -> bool {
        if let Some(times) = self.failures.note(self.clock.now()) {
            let target = &self.target.service.url;
            tracing::warn!(error, times, target, "the history cannot be handed over now");
        }
        false
    }

    fn tell(&mut self) {
        let now = self.clock.now();
        if now.since(self.told.0) >= TELL_EVERY && self.told.1 != self.counts {
            let target = &self.target.service.url;
            tracing::info!(counts = ?self.counts, target, "samples handed over since the start");
            self.told = (now, self.counts);
        }
    }
}

/// A stretch that began just now waits for more. One of a server whose clock is ahead does not:
/// it would wait for ever.
fn is_due(one: &Outgoing, now: Moment) -> bool {
    let age = now.unix_ms.saturating_sub(one.from_ms);
    !(0..YOUNG_MS).contains(&age)
}
