//! Seals what agents told: chunks become blocks, tiers and process tables.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use watchfire_model::{Moment, Presence, Scope};
use watchfire_runtime::{Shutdown, task};
use watchfire_store::{History, HistoryError, Sealable};

use super::places::Place;
use super::progress::Progress;
use super::work::{Outcome, Work};
use super::{Archive, ArchiveCounts, add};
use crate::dial::Rarely;

/// How often it is looked whether there is something to seal.
const LOOK: Duration = Duration::from_secs(3);
/// The pause between two steps: others have their turn.
const GAP: Duration = Duration::from_millis(10);
/// A server is sealed when its oldest chunk is of this age.
const DUE_MS: i64 = 11 * 60_000;
/// Servers that are taken at a time.
const MAX_QUEUED: usize = 64;
/// A server is sealed once it was up for so long: what it told of its silence is looked
/// through first, chunk by chunk.
const SETTLED: Duration = Duration::from_secs(300);
/// What is younger stays in chunks: holes in it are being filled.
const YOUNG_MS: i64 = 60_000;
/// How often the log is told what was counted, if anything was.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// Each such look takes in servers whose clocks are ahead.
const LOOK_AHEAD: u64 = 200;

impl Archive {
    /// Seals and tends until the end is asked for.
    pub(crate) async fn seal_loop(self, shutdown: Shutdown) {
        if self.history().is_none() {
            return;
        }
        let mut sealer = Sealer::default();
        let mut pause = LOOK;
        let mut told = (self.0.clock.now(), ArchiveCounts::default());
        loop {
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = self.0.clock.sleep(pause) => {}
            }
            pause = LOOK;
            self.tell(&mut told);
            if !self.0.historian.has_time() {
                continue;
            }
            let (archive, end) = (self.clone(), shutdown.clone());
            let step = task::blocking("seal", move || {
                let more = sealer.step(&archive, &end);
                (sealer, more)
            });
            // A step is short, and breaks off when the end is asked for: what it does is whole
            // or not done at all.
            let done = step.await;
            let more;
            // A panic was told already.
            (sealer, more) = done.unwrap_or_default();
            if more {
                pause = GAP;
            }
        }
    }
}

impl Archive {
    /// Tells the log what was counted, once a minute if that changed.
    fn tell(&self, (at, told): &mut (Moment, ArchiveCounts)) {
        let (now, counts) = (self.0.clock.now(), self.counts());
        // What questions cost is no news.
        let is_news = counts != ArchiveCounts { decoded_ticks: counts.decoded_ticks, ..*told };
        if now.since(*at) >= TELL_EVERY && is_news {
            tracing::info!(?counts, "what was sealed, and not read, since the start");
            (*at, *told) = (now, counts);
        }
    }
}

/// What is to be sealed, and what waits.
#[derive(Debug, Default)]
pub(super) struct Sealer {
    queue: VecDeque<Sealable>,
    progress: Progress,
    looked: Option<Moment>,
    looks: u64,
    failures: Rarely,
}

impl Sealer {
    /// One step. True when there is more to do at once.
    pub(super) fn step(&mut self, archive: &Archive, end: &Shutdown) -> bool {
        let Some(history) = archive.history() else { return false };
        let now = archive.0.clock.now();
        let failures = self.failures.clone();
        let failed = |error: HistoryError| {
            add(&archive.0.counters.seal_failures, 1);
            if let Some(times) = failures.note(now) {
                tracing::warn!(%error, times, "what agents told cannot be sealed now");
            }
        };
        if let Err(error) = self.look(archive, history, now) {
            failed(error);
            return false;
        }
        let sealed = self.queue.pop_front();
        if let Some(sealable) = &sealed
            && let Err(error) = self.seal(archive, history, sealable, end)
        {
            self.progress.nothing(&sealable.server, now);
            failed(error);
        }
        if end.is_requested() {
            return false;
        }
        match history.tend(now.unix_ms) {
            Ok(more) => more || !self.queue.is_empty(),
            Err(error) => {
                failed(error);
                false
            }
        }
    }

    /// Looks for servers to seal, when it is time.
    fn look(
        &mut self,
        archive: &Archive,
        history: &History,
        now: Moment,
    ) -> Result<(), HistoryError> {
        let is_time = self.looked.is_none_or(|at| now.since(at) >= LOOK);
        if !self.queue.is_empty() || !is_time {
            return Ok(());
        }
        self.looked = Some(now);
        self.looks += 1;
        self.progress.settle(now);
        let before_ms = match self.looks % LOOK_AHEAD {
            0 => i64::MAX,
            _ => now.unix_ms.saturating_sub(DUE_MS),
        };
        // Those that wait may be the first of all.
        let unsettled = unsettled(archive, now);
        let most = MAX_QUEUED + self.progress.len() + unsettled.len();
        let found = history.sealable(before_ms, most)?;
        let is_due = |sealable: &Sealable| {
            let from_ms = self.progress.goes_on(&sealable.server, sealable.from_ms, now);
            let Some(from_ms) = from_ms else { return false };
            let newest = now.unix_ms.max(sealable.to_ms);
            newest.saturating_sub(from_ms) >= DUE_MS && !unsettled.contains(&sealable.server)
        };
        self.queue = found.into_iter().filter(is_due).take(MAX_QUEUED).collect();
        Ok(())
    }

    fn seal(
        &mut self,
        archive: &Archive,
        history: &History,
        sealable: &Sealable,
        end: &Shutdown,
    ) -> Result<(), HistoryError> {
        let now = archive.0.clock.now();
        let server = sealable.server.as_str();
        let Some(from_ms) = self.progress.goes_on(server, sealable.from_ms, now) else {
            return Ok(());
        };
        let until_ms = now.unix_ms.max(sealable.to_ms).saturating_sub(YOUNG_MS);
        let work = Work { archive, history, server, now, until_ms, end };
        match work.seal(from_ms)? {
            Outcome::Nothing => {
                add(&archive.0.counters.unsealable, 1);
                self.progress.nothing(server, now);
            }
            Outcome::Sealed(next_ms, left) => {
                if left || from_ms > sealable.from_ms {
                    self.progress.passed_over(server, next_ms, now);
                } else {
                    self.progress.whole(server);
                }
                // More of it is due, after the others had their turn.
                if until_ms.saturating_sub(next_ms) >= DUE_MS {
                    self.queue.push_back(Sealable { from_ms: next_ms, ..sealable.clone() });
                }
            }
            Outcome::Ended => {}
        }
        Ok(())
    }
}

/// The servers of the fleet that are not sealed yet: those that are not up, or not for long.
fn unsettled(archive: &Archive, now: Moment) -> HashSet<String> {
    let inner = &archive.0;
    let places = inner.places.of(&inner.fleet, &Scope::everything());
    let unsettled = |place: &Arc<Place>| {
        let (presence, since) = inner.fleet.presence_since(place.index);
        let settled = presence == Presence::Up && now.since(since) >= SETTLED;
        (!settled).then(|| place.key.clone())
    };
    places.iter().filter_map(unsettled).collect()
}

impl Archive {
    /// Since when the server with that key is up or not; `None` for one that is not watched.
    pub(super) fn up_since(&self, key: &str) -> Option<Moment> {
        let places = self.0.places.of(&self.0.fleet, &Scope::everything());
        let place = places.iter().find(|place| place.key == key)?;
        Some(self.0.fleet.presence_since(place.index).1)
    }
}
