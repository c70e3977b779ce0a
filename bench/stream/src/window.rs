//! The calm part: what hub and fleet use while everything streams.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use watchfire_testkit::figures;

use crate::facts;
use crate::field::Field;
use crate::told::Counts;

/// The figures of the calm part.
pub(crate) struct Window {
    pub(crate) seconds: f64,
    pub(crate) hub_cpu: f64,
    pub(crate) fleet_cpu: f64,
    /// The hub's memory, before and with the fleet, in bytes.
    pub(crate) hub_memory: (u64, u64),
    pub(crate) fleet_memory: u64,
    /// All bytes over loopback, IP headers and acknowledgements included.
    pub(crate) loopback_bytes: u64,
    pub(crate) before: Counts,
    pub(crate) after: Counts,
    /// What the fleet's own figures span, in seconds: they come every ten.
    pub(crate) counted: f64,
}

/// Measures for so long.
pub(crate) fn measure(field: &Field, time: Duration) -> anyhow::Result<Window> {
    eprintln!("measuring for {} s", time.as_secs());
    let hub = || figures::cpu_seconds(field.hub.id()).context("the hub ended");
    let fleet = || figures::cpu_seconds(field.fleet.id()).context("the fleet ended");
    let (first, before) = last_counts(field)?;
    let (began, hub_before, fleet_before) = (Instant::now(), hub()?, fleet()?);
    let bytes_before = facts::loopback_bytes()?;
    std::thread::sleep(time);
    let loopback_bytes = facts::loopback_bytes()? - bytes_before;
    let (hub_cpu, fleet_cpu) = (hub()? - hub_before, fleet()? - fleet_before);
    let seconds = began.elapsed().as_secs_f64();
    let hub_memory = (field.empty_hub, figures::memory(field.hub.id()).context("the hub ended")?);
    let fleet_memory = figures::memory(field.fleet.id()).context("the fleet ended")?;
    let (last, after) = last_counts(field)?;
    ensure!(last > first, "the time is too short: the fleet tells of itself every ten seconds");
    let counted = (last - first) as f64 * 10.0;
    Ok(Window {
        seconds,
        hub_cpu,
        fleet_cpu,
        hub_memory,
        fleet_memory,
        loopback_bytes,
        before,
        after,
        counted,
    })
}

/// How often the fleet told of itself so far, and what it said last.
fn last_counts(field: &Field) -> anyhow::Result<(usize, Counts)> {
    let counts = field.counts();
    let last = counts.last().copied().context("the fleet tells nothing")?;
    Ok((counts.len(), last))
}
