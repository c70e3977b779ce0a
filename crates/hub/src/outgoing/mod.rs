//! Hands the history over to other stores by Prometheus' remote write, as it comes.
//!
//! ```text
//! History::append notes stretches --> lane: read them --> requests --> target
//!          ^                                                             |
//!          +------------ handed over: what is left of them <-------------+
//! ```
//!
//! The history is the queue: a target that is away costs no copy of anything, and gets all that
//! the history still has when it is back, the oldest first. A sample may come twice there, and
//! none is left out; but what a target refuses for good is counted and dropped, as the
//! specification says ("Prometheus Remote-Write 1.0", section "Retries & Backoff"), and what the
//! cap took before it was handed over is counted.
//!
//! No target waits for another: each has tasks of its own. Those are its *lanes*, between which
//! servers are divided for good; a lane sends one request at a time, so what is of one server
//! comes in order, and a request that is not taken holds up the servers of its lane alone.

mod destination;
mod lane;
mod piece;
mod request;
mod send;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use watchfire_runtime::{Clock, Shutdown, task};

use crate::archive::Archive;
use crate::config::RemoteWrite;
#[cfg(test)]
pub(crate) use destination::Counted;
use destination::Destination;
pub(crate) use destination::{Figures, HandOvers};
use lane::Lane;

/// Requests that are under way to one target at the most.
const LANES: usize = 4;
/// How often it is looked whether there is something to hand over.
const ROUND: Duration = Duration::from_secs(5);
/// What is younger waits, so that a request has many ticks of a server.
const YOUNG_MS: i64 = 5_000;
/// Servers that are looked at in a round of a lane.
const MAX_STRETCHES: usize = 256;
/// A round reads no more once it has so many samples, so its memory has a bound.
const ROUND_SAMPLES: usize = 50_000;
/// How often the log is told what was counted, if anything was.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// One try may take this long.
const WHOLE: Duration = Duration::from_secs(30);

/// Hands over, from now on, what comes: to these, and to nobody else.
pub(crate) fn start(
    targets: Vec<RemoteWrite>,
    archive: &Archive,
    clock: &Clock,
    shutdown: &Shutdown,
) -> (HandOvers, Vec<task::Task<()>>) {
    let Some(history) = archive.history() else { return Default::default() };
    let urls: Vec<String> = targets.iter().map(|one| one.service.url.clone()).collect();
    if let Err(error) = history.hand_over_to(&urls) {
        tracing::error!(%error, "what is to be handed over cannot be noted, and is not");
        return Default::default();
    }
    let made = targets.into_iter().filter_map(|target| {
        let url = target.service.url.clone();
        let made = Destination::new(target, archive.clone(), history.clone(), clock.clone());
        made.map(Arc::new)
            .inspect_err(|error| {
                tracing::error!(%error, url, "nothing is handed over until the next start");
            })
            .ok()
    });
    let destinations: Vec<Arc<Destination>> = made.collect();
    let mut tasks = Vec::new();
    for destination in &destinations {
        tasks.extend((0..LANES).map(|number| {
            let lane = Lane { of: destination.clone(), number };
            task::spawn("hand over", lane.run(shutdown.clone()))
        }));
    }
    let all = HandOvers::new(destinations);
    if !tasks.is_empty() {
        let telling = all.clone().tell(clock.clone(), shutdown.clone());
        tasks.push(task::spawn("tell of handing over", telling));
    }
    (all, tasks)
}
