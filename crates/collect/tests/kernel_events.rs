//! A machine that runs out of memory in a container and loses its disk.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

#[allow(dead_code, reason = "each test crate uses its own part")]
mod common;

use std::time::Duration;

use common::{Frames, moment};
use watchfire_collect::{
    BOOT_REASON, EventSampler, LastBoot, OwnSample, RebootReason, Root, ThisBoot, TickSampler,
    identify_container, reboot_reason,
};
use watchfire_model::{Event, EventKind};

const CASE: &str = "hard/kernel-events";

fn sampler(root: Root) -> TickSampler {
    TickSampler::new(root, &[], Box::new(|| Duration::ZERO))
}

/// The values of the series that begin with `start`, sorted.
fn values(sampler: &TickSampler, start: &str) -> Vec<String> {
    let keys = sampler.schema().keys().iter().enumerate();
    let mut lines: Vec<String> = keys
        .filter_map(|(number, key)| {
            let key = key.to_string();
            let value = sampler.tick().value(number)?;
            key.strip_prefix(start).map(|rest| format!("{rest} {value}"))
        })
        .collect();
    lines.sort();
    lines
}

fn kinds(events: &[Event]) -> Vec<EventKind> {
    events.iter().map(|event| event.kind).collect()
}

#[test]
fn events_come_with_their_victim_and_their_time() {
    let frames = Frames::new(CASE);
    let mut events = EventSampler::new(frames.root());
    assert_eq!(kinds(events.drain(moment(60_000))), [EventKind::LinkUp]);
    frames.show(1);
    let told = events.drain(moment(75_000)).to_vec();
    assert_eq!(
        kinds(&told),
        [EventKind::OomKill, EventKind::DiskError, EventKind::FilesystemError, EventKind::ReadOnly]
    );
    let victim = told[0].victim.as_ref().unwrap();
    let cgroup = victim.cgroup.as_deref().unwrap();
    let container = identify_container(cgroup.as_bytes()).unwrap();
    assert_eq!((victim.pid, &*victim.name, container.runtime), (4711, "stress", "docker"));
    assert_eq!(told[0].at.unix_ms, 1_700_000_061_001);
    assert!(told[1].text.contains("dev sda"), "{}", told[1].text);
}

#[test]
fn the_counters_are_part_of_a_tick() {
    let frames = Frames::new(CASE);
    frames.show(1);
    let mut events = EventSampler::new(frames.root());
    events.drain(moment(75_000));
    let mut own = Vec::new();
    events.put_samples(&mut own);
    own.push(OwnSample { family: &BOOT_REASON, label: Some("kernel_panic"), value: 1.0 });
    let mut ticks = sampler(frames.root());
    ticks.put_own(&own);
    ticks.sample(moment(75_000));
    let counted = values(&ticks, "watchfire_kernel_events_total");
    // A unit that failed is told by the agent, not by the kernel.
    assert_eq!(counted.len(), EventKind::ALL.len() - 1);
    assert!(counted.contains(&r#"{kind="oom_kill"} 1"#.to_owned()), "{counted:?}");
    // Eight records are missing between those of the recording: they were never read.
    assert!(values(&ticks, "watchfire_kernel_log_lost_total")[0].ends_with(|c: char| c != '0'));
    assert_eq!(values(&ticks, "watchfire_boot_reason_info"), [r#"{reason="kernel_panic"} 1"#]);
}

#[test]
fn containers_and_units_follow() {
    let frames = Frames::new(CASE);
    let mut ticks = sampler(frames.root());
    ticks.sample(moment(60_000));
    assert_eq!(values(&ticks, "node_systemd_system_running"), [" 1"]);
    frames.show(1);
    ticks.sample(moment(90_000));
    assert_eq!(values(&ticks, "node_systemd_system_running"), [" 0"]);
    let failed = r#"{name="shop.service",state="failed",type="simple"} 1"#.to_owned();
    assert!(values(&ticks, "node_systemd_unit_state").contains(&failed));
    assert_eq!(
        values(&ticks, "node_systemd_service_restart_total"),
        [r#"{name="docker.service"} 0"#, r#"{name="shop.service"} 5"#]
    );
    let name = r#"{name="shop-db",runtime="docker"}"#;
    assert_eq!(values(&ticks, "watchfire_container_oom_kills_total"), [format!("{name} 1")]);
    assert_eq!(values(&ticks, "watchfire_container_memory_limit_bytes").len(), 1);
    assert_eq!(
        values(&ticks, "watchfire_unit_cpu_seconds_total"),
        [r#"{name="docker.service"} 5"#]
    );
    assert_eq!(values(&ticks, "watchfire_pstore_records"), [r#"{kind="dmesg"} 1"#]);
}

#[test]
fn the_last_boot_ended_in_a_panic() {
    let frames = Frames::new(CASE);
    let this = ThisBoot::read(&frames.root());
    let line = "Kernel panic - not syncing: hung_task: blocked tasks";
    assert_eq!(this.panic.as_ref().unwrap().line, line);
    assert_eq!(this.booted_ms, Some(1_700_000_000_000));
    let before =
        LastBoot { boot_id: "another".to_owned(), last_seen_ms: 1_699_999_990_000, goodbye: false };
    assert_eq!(reboot_reason(&before, &this), RebootReason::KernelPanic);
}
