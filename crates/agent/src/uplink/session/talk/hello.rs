use std::time::Duration;

use watchfire_runtime::task;
use watchfire_wire::{Hello, PROTOCOL};

use super::Begun;
use crate::uplink::Uplink;
use crate::uplink::backfill::ring_state;

/// How long finding the recorder's begin may take.
const DISK_TIME: Duration = Duration::from_millis(500);

/// What this agent says first. `pulse` is the session of pulses that it answers.
pub(super) async fn hello(up: &Uplink, pulse: Option<u64>, begun: &Begun) -> Hello {
    let is_local = match begun {
        Begun::Dialed { hub, .. } => hub.ip().to_canonical().is_loopback(),
        // The hub itself reached this agent where it listens.
        Begun::Taken { .. } => true,
        Begun::Token { .. } => false,
    };
    let is_hub = !matches!(begun, Begun::Token { .. });
    let (about, now) = (&up.about, up.clock.now());
    let (feed, folder) = (up.feed.clone(), up.record_folder.clone());
    let ring = task::blocking("find the recorder's begin", move || ring_state(&feed, &folder));
    // A disk that hangs must not keep the stream from beginning.
    let ring = up.clock.within(DISK_TIME, ring).await.and_then(Result::ok);
    Hello {
        major: PROTOCOL.major,
        minor: PROTOCOL.minor,
        server: about.server.clone(),
        boot_id: about.boot_id.clone(),
        agent_id: about.agent_id.clone(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        labels: about.labels.clone(),
        unix_ms: now.unix_ms,
        ring: Some(ring.unwrap_or_else(|| up.feed.ring())),
        pulse,
        uptime_ms: u64::try_from(now.monotonic.as_millis()).ok(),
        reboot_reason: up.reboot_reason.clone(),
        wants_ticks: false,
        fallback: up.fallback.as_ref().filter(|_| is_hub).map(|desk| desk.seat(is_local)),
    }
}
