//! One reading of this machine, without an agent.

use std::time::Duration;

use watchfire_collect::{
    CollectError, ProcessDetail, ProcessOptions, ProcessSampler, Root, TickSampler,
};
use watchfire_model::{ProcessTable, Status, StatusView};
use watchfire_runtime::Clock;

/// Rates and shares are over this long.
const INTERVAL: Duration = Duration::from_secs(1);

/// The status of this machine, with rates over one second.
pub async fn status_now(clock: &Clock) -> Status {
    let stopwatch = clock.clone();
    let stopwatch = Box::new(move || stopwatch.now().monotonic);
    let (mut sampler, mut view) =
        (TickSampler::new(Root::live(), &[], stopwatch), StatusView::new());
    sampler.sample(clock.now());
    view.read(sampler.schema(), sampler.tick());
    clock.sleep(INTERVAL).await;
    sampler.sample(clock.now());
    view.read(sampler.schema(), sampler.tick())
}

/// The processes of this machine, with rates over one second, and who answers
/// what costs too much to ask of all. Command lines are read with `arguments`
/// only, as the agent's config says.
///
/// # Errors
///
/// When `/proc` cannot be listed.
pub async fn processes_now(
    clock: &Clock,
    arguments: bool,
) -> Result<(ProcessTable, ProcessDetail), CollectError> {
    let options = ProcessOptions { arguments, ..ProcessOptions::default() };
    let mut sampler = ProcessSampler::with_options(Root::live(), options);
    sampler.sample(clock.now())?;
    clock.sleep(INTERVAL).await;
    let table = sampler.sample(clock.now())?;
    Ok((table, sampler.detail()))
}
