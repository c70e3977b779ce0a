//! Waiting for a run, and what servers said.

use std::time::Duration;

use watchfire_api::runs::{OutputRow, RunOutput, RunRow};
use watchfire_runtime::Clock;

use crate::hub_client::{Hub, encoded};

/// How long the hub is to wait for a change, in milliseconds.
const WAIT_MS: u64 = 5000;
/// How often it is told how far it is.
const TELL: Duration = Duration::from_secs(2);
/// Between two questions: a large run changes all the time.
const PAUSE: Duration = Duration::from_millis(100);

/// Waits until a run is over, and reads what the servers said.
pub(in crate::command) async fn to_the_end(
    hub: &Hub,
    clock: &Clock,
    run: &RunRow,
    quiet: bool,
) -> anyhow::Result<(RunRow, Vec<OutputRow>)> {
    let id = encoded(&run.id);
    let (mut since, mut told) = (run.changes, clock.now());
    let mut is_over = run.ended_unix_ms.is_some();
    while !is_over {
        let path = format!("/api/runs/{id}?since={since}&wait_ms={WAIT_MS}&targets=false");
        let now: RunRow = hub.get(&path).await?;
        (since, is_over) = (now.changes, now.ended_unix_ms.is_some());
        let at = clock.now();
        if !quiet && !is_over && at.since(told) >= TELL {
            told = at;
            eprintln!("{}", progress(&now));
        }
        if !is_over {
            clock.sleep(PAUSE).await;
        }
    }
    read(hub, &run.id).await
}

/// A run and what its servers said, as far as it is stored.
pub(in crate::command) async fn read(
    hub: &Hub,
    id: &str,
) -> anyhow::Result<(RunRow, Vec<OutputRow>)> {
    let id = encoded(id);
    let run: RunRow = hub.get(&format!("/api/runs/{id}")).await?;
    let (mut outputs, mut after) = (Vec::new(), Some(0));
    while let Some(place) = after {
        let part: RunOutput = hub.get(&format!("/api/runs/{id}/output?after={place}")).await?;
        outputs.extend(part.outputs);
        // One that does not go on would be asked for ever.
        after = part.next.filter(|next| *next > place);
    }
    Ok((run, outputs))
}

fn progress(run: &RunRow) -> String {
    let counts = &run.counts;
    let failed = counts.failed + counts.refused + counts.not_reached + counts.other;
    format!(
        "{} well, {failed} not, {} running, {} waiting",
        counts.ok, counts.running, counts.waiting
    )
}
