//! The reading of the processes: every 5 s, every second while somebody
//! watches, and less often on a machine that is starved.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use watchfire_collect::{ProcessDetail, ProcessSampler};
use watchfire_model::ProcessTable;
use watchfire_runtime::Clock;
use watchfire_runtime::task::{self, TaskFailed};

use super::beat::Beat;
use super::demand::Demand;
use super::keeper::Keeper;
use super::latest::Publisher;
use super::machine::Shared;

/// How often the processes are read.
const PERIOD: Duration = Duration::from_secs(5);
/// How often while somebody watches. The second reading comes as early too, so
/// that cpu per cents are known soon after the start.
const WATCHED_PERIOD: Duration = Duration::from_secs(1);
/// The first readings that follow each other closely.
const EARLY_READINGS: u32 = 1;

/// What the loop needs beside the sampler.
#[derive(Debug, Clone)]
pub(super) struct Tables {
    pub(super) clock: Clock,
    pub(super) keeper: Keeper,
    pub(super) shared: Arc<Shared>,
    pub(super) demand: Demand,
    pub(super) detail: Arc<OnceLock<ProcessDetail>>,
    pub(super) publish: Arc<Publisher<ProcessTable>>,
}

/// Reads the processes for ever.
pub(super) async fn read_for_ever(tables: Tables, make: impl Fn() -> ProcessSampler + Send) {
    let Tables { clock, keeper, shared, demand, detail, publish } = tables;
    let mut sampler = make();
    let mut beat = Beat::new(clock.now());
    let mut readings = 0;
    loop {
        let work = {
            let (clock, shared) = (clock.clone(), Arc::clone(&shared));
            move || {
                let table = shared.measure(&clock, || {
                    let table = sampler.sample(clock.now());
                    let summary = Some(*sampler.summary());
                    *shared.processes.lock().unwrap_or_else(PoisonError::into_inner) = summary;
                    table
                });
                (table, sampler)
            }
        };
        sampler = match task::blocking("read the processes", work).await {
            Ok((table, sampler)) => {
                detail.get_or_init(|| sampler.detail());
                match table {
                    Ok(table) => keeper.table(publish.post(table)),
                    Err(error) => tracing::warn!(%error, "the processes cannot be read"),
                }
                sampler
            }
            Err(TaskFailed { .. }) => make(),
        };
        let period = period(readings, demand.is_watched(clock.now()), &shared);
        readings = readings.saturating_add(1);
        clock.sleep_until(beat.next(clock.now(), period)).await;
    }
}

fn period(readings: u32, watched: bool, shared: &Shared) -> Duration {
    let ease = shared.ease.load(Ordering::Relaxed).max(1);
    // Who watches a starved machine wants to see it, but not to sink it.
    if (watched && ease == 1) || readings < EARLY_READINGS {
        return WATCHED_PERIOD;
    }
    PERIOD * ease
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_watches_gets_more_and_a_starved_machine_gives_less() {
        let shared = Shared::default();
        let seconds = |readings, watched| period(readings, watched, &shared).as_secs();
        assert_eq!([seconds(0, false), seconds(1, false), seconds(9, true)], [1, 5, 1]);
        shared.ease.store(4, Ordering::Relaxed);
        assert_eq!([seconds(9, false), seconds(9, true)], [20, 20]);
    }
}
