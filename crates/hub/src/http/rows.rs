use watchfire_api::agent::StatsReply;
use watchfire_api::hub::{KernelEventRow, ServerDetail, ServerRow};
use watchfire_model::{Event, Moment};

use crate::fleet::{Fleet, LinkSnapshot, Snapshot};
use crate::reader::Reader;

/// The difference of two clocks that is worth a word.
const SHOWN_SKEW_MS: i64 = 2000;

/// The row of the server at `index`, as `reader` may read it.
pub(super) fn row(fleet: &Fleet, reader: &Reader<'_>, index: usize) -> ServerRow {
    row_of(fleet, reader, index, &fleet.snapshot(index))
}

/// The row and the whole last status.
pub(super) fn detail(
    fleet: &Fleet,
    reader: &Reader<'_>,
    index: usize,
    now: Moment,
) -> ServerDetail {
    let snapshot = fleet.snapshot(index);
    let age = snapshot.status.as_ref().map(|(at, _)| now.since(*at).as_secs_f64());
    ServerDetail {
        row: row_of(fleet, reader, index, &snapshot),
        events: snapshot.link.events.iter().map(event).collect(),
        status: snapshot.status.map(|(_, status)| StatsReply::from(&*status)),
        status_age_seconds: age,
    }
}

fn row_of(fleet: &Fleet, reader: &Reader<'_>, index: usize, snapshot: &Snapshot) -> ServerRow {
    let config = fleet.config(index);
    let link = &snapshot.link;
    let pulses = link.quality.as_ref().map(|quality| quality.shown(fleet.now()));
    let pulses = pulses.unwrap_or_default();
    let own = |name: &str| matches!(name, "name" | "instance");
    let labels = config.server.labels.iter().filter(|(name, _)| !own(name));
    let status = snapshot.status.as_ref().map(|(_, status)| status.as_ref());
    let fullest = status.and_then(|status| status.fullest_filesystem());
    ServerRow {
        name: config.server.name.to_string(),
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        address: config.address.clone().unwrap_or_default(),
        presence: snapshot.presence.to_string(),
        since_unix_ms: snapshot.since.unix_ms,
        last_sign_unix_ms: snapshot.last_sign.map(|at| at.unix_ms),
        cause: snapshot.incident.as_ref().map(|(_, cause)| reader.words(cause)),
        incident: snapshot.incident.as_ref().map(|(id, _)| id.0),
        cpu_percent: status.and_then(watchfire_model::Status::cpu_percent),
        memory_percent: status.map(|status| status.memory.used_percent()),
        disk_percent: fullest.map(watchfire_model::Filesystem::used_percent),
        disk_mount: fullest.map(|filesystem| filesystem.mount_point.clone()),
        load1: status.map(|status| status.load.one),
        uptime_seconds: status.map(|status| status.uptime.as_secs()),
        pulse: way(link, pulses.fresh).map(str::to_owned),
        stream_missing_since_unix_ms: link.stream_missing.map(|since| since.unix_ms),
        loss_percent: pulses.loss_percent,
        rtt_ms: pulses.rtt_ms,
        clock_skew_seconds: link.skew_ms.filter(|skew| skew.abs() > SHOWN_SKEW_MS).map(seconds),
        two_agents: link.twins,
        over_quota: link.over_quota,
    }
}

/// How its signs of life come.
fn way(link: &LinkSnapshot, fresh: bool) -> Option<&'static str> {
    let datagrams = link.stream_missing.is_some() || link.connected && fresh;
    datagrams.then_some("datagrams").or(link.connected.then_some("stream"))
}

#[expect(clippy::cast_precision_loss, reason = "it is shown")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

fn event(event: &Event) -> KernelEventRow {
    KernelEventRow {
        at_unix_ms: event.at.unix_ms,
        kind: event.kind.name().to_owned(),
        text: event.text.clone(),
    }
}
