use watchfire_model::Labels;

use super::fallback::{seat_from_wire, seat_to_wire};
use super::{at_most, bounded_unix_ms, cut, sane_unix_ms, short};
use crate::limits::{
    MAX_LABELS, MAX_NAME_BYTES, MAX_PATH_BYTES, MAX_SERVER_BYTES, MAX_TEXT_BYTES, MAX_UPTIME_NS,
};
use crate::{Hello, RingState, WireError, proto};

/// The longest uptime, in milliseconds.
const MAX_UPTIME_MS: u64 = MAX_UPTIME_NS / 1_000_000;

pub(crate) fn to_wire(hello: &Hello) -> proto::Hello {
    proto::Hello {
        major: hello.major,
        minor: hello.minor,
        server: cut(&hello.server, MAX_SERVER_BYTES),
        boot_id: cut(&hello.boot_id, MAX_NAME_BYTES),
        agent_id: cut(&hello.agent_id, MAX_NAME_BYTES),
        agent_version: cut(&hello.agent_version, MAX_NAME_BYTES),
        labels: labels_to_wire(&hello.labels),
        unix_ms: bounded_unix_ms(hello.unix_ms),
        ring: hello.ring.map(ring_to_wire),
        pulse: hello.pulse,
        uptime_ms: hello.uptime_ms.map(|uptime| uptime.min(MAX_UPTIME_MS)),
        reboot_reason: cut(&hello.reboot_reason, MAX_TEXT_BYTES),
        wants_ticks: hello.wants_ticks,
        fallback: hello.fallback.map(seat_to_wire),
    }
}

fn ring_to_wire(ring: RingState) -> proto::Ring {
    let oldest = ring.oldest.min(ring.newest);
    proto::Ring { ring: ring.ring.to_vec(), oldest, newest: ring.newest }
}

fn ring_from_wire(ring: &proto::Ring) -> Result<RingState, WireError> {
    Ok(RingState {
        ring: ring.ring[..].try_into().map_err(|_| WireError::BadValue { what: "ring id" })?,
        oldest: at_most(ring.oldest, ring.newest, "oldest record of a ring")?,
        newest: ring.newest,
    })
}

/// A label with a name too long is left out: cut, it would be another label.
fn labels_to_wire(labels: &Labels) -> Vec<proto::Label> {
    labels
        .iter()
        .filter(|(name, _)| name.len() <= MAX_NAME_BYTES)
        .take(MAX_LABELS)
        .map(|(name, value)| proto::Label {
            name: name.to_owned(),
            value: cut(value, MAX_PATH_BYTES),
        })
        .collect()
}

pub(crate) fn from_wire(hello: proto::Hello) -> Result<Hello, WireError> {
    let uptime_ms = hello.uptime_ms.map(|uptime| at_most(uptime, MAX_UPTIME_MS, "uptime"));
    Ok(Hello {
        major: hello.major,
        minor: hello.minor,
        server: short(hello.server, "server name", MAX_SERVER_BYTES)?,
        boot_id: short(hello.boot_id, "boot id", MAX_NAME_BYTES)?,
        agent_id: short(hello.agent_id, "agent id", MAX_NAME_BYTES)?,
        agent_version: short(hello.agent_version, "agent version", MAX_NAME_BYTES)?,
        labels: labels_from_wire(hello.labels)?,
        unix_ms: sane_unix_ms(hello.unix_ms, "wall clock")?,
        ring: hello.ring.as_ref().map(ring_from_wire).transpose()?,
        pulse: hello.pulse,
        uptime_ms: uptime_ms.transpose()?,
        reboot_reason: short(hello.reboot_reason, "reason of a reboot", MAX_TEXT_BYTES)?,
        wants_ticks: hello.wants_ticks,
        fallback: hello.fallback.as_ref().map(seat_from_wire).transpose()?,
    })
}

fn labels_from_wire(wire: Vec<proto::Label>) -> Result<Labels, WireError> {
    let mut labels = Labels::new();
    for label in wire {
        let name = short(label.name, "label name", MAX_NAME_BYTES)?;
        let value = short(label.value, "label value", MAX_PATH_BYTES)?;
        labels.insert(&name, &value).map_err(|_| WireError::BadValue { what: "label name" })?;
    }
    Ok(labels)
}
