//! A share of the servers, handed over to one target.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use watchfire_model::Moment;
use watchfire_runtime::{Shutdown, task};
use watchfire_store::{HistoryError, Outgoing};

use super::destination::Destination;
use super::piece::{Piece, read};
use super::request::requests;
use super::{LANES, MAX_STRETCHES, ROUND, YOUNG_MS};

/// Hands over what is of the servers of one lane, in the order of time.
pub(super) struct Lane {
    pub(super) of: Arc<Destination>,
    pub(super) number: usize,
}

impl Lane {
    /// Hands over until the end is asked for.
    pub(super) async fn run(self, shutdown: Shutdown) {
        let mut pause = Duration::ZERO;
        loop {
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = self.of.clock.sleep(pause) => {}
            }
            // What was not handed over when the end comes waits on the disk.
            let more = tokio::select! {
                biased;
                () = shutdown.requested() => return,
                more = self.round() => more,
            };
            pause = if more { Duration::ZERO } else { ROUND };
        }
    }

    /// Hands over what waits, as much as fits a round. True when there is more.
    async fn round(&self) -> bool {
        let Some(pieces) = self.read().await else { return false };
        for request in requests(&pieces) {
            self.of.sender.send(&request, &self.of.clock, &self.of.counts).await;
        }
        self.note(pieces).await
    }

    /// What is sent next, if anything is.
    async fn read(&self) -> Option<Vec<Piece>> {
        // One lane reads at a time: the cores are others' too.
        let _turn = self.of.reading.lock().await;
        let (of, number, now) = (self.of.clone(), self.number, self.of.clock.now());
        let work = move || {
            let is_ours = |server: &str| lane_of(server) == number;
            let waiting = of.history.outgoing(of.url(), MAX_STRETCHES, is_ours)?;
            let due: Vec<Outgoing> = waiting.into_iter().filter(|one| is_due(one, now)).collect();
            let mut error = None;
            let pieces = read(&of.archive, &of.target.scope, due, |one| error = Some(one));
            Ok::<_, HistoryError>((pieces, error))
        };
        let (pieces, error) = match task::blocking("hand over", work).await {
            Ok(Ok((pieces, error))) => (pieces, error.map(|error| error.to_string())),
            Ok(Err(error)) => (Vec::new(), Some(error.to_string())),
            Err(panicked) => (Vec::new(), Some(panicked.to_string())),
        };
        error.into_iter().for_each(|error| self.of.failed(&error));
        (!pieces.is_empty()).then_some(pieces)
    }

    /// Notes what was handed over.
    async fn note(&self, pieces: Vec<Piece>) -> bool {
        let history = self.of.history.clone();
        let done: Vec<_> = pieces.into_iter().map(|piece| (piece.of, piece.to_ms)).collect();
        let work = move || history.handed_over(&done);
        let error = match task::blocking("hand over", work).await {
            // Where all of it came in anew meanwhile, others have their turn first.
            Ok(Ok(moved)) => return moved > 0,
            Ok(Err(error)) => error.to_string(),
            Err(panicked) => panicked.to_string(),
        };
        self.of.failed(&error);
        false
    }
}

/// The lane of a server: always the same one, or its samples could overtake one another.
pub(super) fn lane_of(server: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    server.hash(&mut hasher);
    usize::try_from(hasher.finish() % LANES as u64).unwrap_or(0)
}

/// A stretch that began just now waits for more. One of a server whose clock is ahead does not:
/// it would wait for ever.
pub(super) fn is_due(one: &Outgoing, now: Moment) -> bool {
    let age = now.unix_ms.saturating_sub(one.from_ms);
    !(0..YOUNG_MS).contains(&age)
}
