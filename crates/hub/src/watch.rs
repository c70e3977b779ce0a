//! The timers of presence: looks at each server when its machine asks to be
//! looked at, and measures how late it is itself.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use watchfire_model::Moment;
use watchfire_runtime::{Clock, Shutdown};

use crate::fleet::Fleet;

/// The longest sleep. Short sleeps measure a stall of the hub well.
const STEP: Duration = Duration::from_millis(200);
/// When a server is looked at again at the latest: what arrives meanwhile, a
/// sign of life from a server that had said goodbye for example, may have
/// given it a nearer deadline.
const LOOK: Duration = Duration::from_millis(500);

/// Judges every server on time until the end is asked for.
pub(crate) async fn watch(fleet: Arc<Fleet>, clock: Clock, shutdown: Shutdown) {
    let mut timers: BinaryHeap<Reverse<(Moment, usize)>> = BinaryHeap::new();
    let mut known = 0;
    loop {
        let now = clock.now();
        // Servers come while the hub runs.
        let places = fleet.places();
        timers.extend((known..places).map(|index| Reverse((now, index))));
        known = places;
        fleet.doubt_itself(now);
        let round = fleet.round();
        while let Some(Reverse((due, index))) = timers.peek().copied() {
            if due.monotonic > now.monotonic {
                break;
            }
            timers.pop();
            if !fleet.is_in(index) {
                continue;
            }
            let look = now.after(LOOK);
            let next = fleet.check(index, now).map_or(look, |next| next.min(look));
            // A machine that asks for the past would keep this loop busy for ever.
            let earliest = now.after(Duration::from_millis(1));
            timers.push(Reverse((next.max(earliest), index)));
        }
        drop(round);
        // Counted from `now`, so that a freeze since then shows as lateness too.
        let wake = timers.peek().map_or(now.after(STEP), |Reverse((due, _))| *due);
        let wake = wake.min(now.after(STEP));
        tokio::select! {
            biased;
            () = shutdown.requested() => return,
            () = clock.sleep_until(wake) => {}
        }
        fleet.stall().timer_was_late(clock.now().since(wake));
    }
}

#[cfg(test)]
mod tests;
