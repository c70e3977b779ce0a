//! The machine that runs the tests can be read.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

#[allow(dead_code, reason = "each test crate uses its own part")]
mod common;

use common::{StatusSampler, moment};
use watchfire_collect::{ProcessSampler, Root};

#[test]
fn this_machine_has_memory_and_cores() {
    let mut sampler = StatusSampler::new(Root::live());
    sampler.sample(moment(0));
    let status = sampler.sample(moment(1000));
    assert!(status.memory.total_bytes > 0);
    assert!(status.memory.available_bytes <= status.memory.total_bytes);
    assert!(status.uptime.as_secs() > 0);
    assert!(status.host.cores > 0 && !status.host.hostname.is_empty());
    assert_eq!(status.cpu.cores.len(), status.host.cores as usize);
    assert!(!status.host.architecture.is_empty() && !status.host.kernel.is_empty());
}

#[test]
fn this_test_sees_itself() {
    let mut sampler = ProcessSampler::new(Root::live());
    sampler.sample(moment(0)).unwrap();
    let table = sampler.sample(moment(1000)).unwrap();
    let own = table.processes.iter().find(|row| row.pid == std::process::id());
    let own = own.expect("this process is listed");
    assert!(own.command.contains("live-"), "{own:?}");
    assert!(own.rss_bytes > 0 && own.threads > 0 && own.start_time_ms > 0, "{own:?}");
    assert!(own.cpu_percent.is_some(), "{own:?}");
}

/// Samplers move into a task of the runtime.
#[test]
fn samplers_can_be_sent() {
    fn sendable<T: Send>() {}
    sendable::<watchfire_collect::TickSampler>();
    sendable::<ProcessSampler>();
}
