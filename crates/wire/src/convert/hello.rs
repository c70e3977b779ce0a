use watchfire_model::Labels;

use super::{bounded_unix_ms, cut, sane_unix_ms, short};
use crate::limits::{MAX_LABELS, MAX_NAME_BYTES, MAX_PATH_BYTES, MAX_SERVER_BYTES};
use crate::{Hello, WireError, proto};

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
    }
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
    Ok(Hello {
        major: hello.major,
        minor: hello.minor,
        server: short(hello.server, "server name", MAX_SERVER_BYTES)?,
        boot_id: short(hello.boot_id, "boot id", MAX_NAME_BYTES)?,
        agent_id: short(hello.agent_id, "agent id", MAX_NAME_BYTES)?,
        agent_version: short(hello.agent_version, "agent version", MAX_NAME_BYTES)?,
        labels: labels_from_wire(hello.labels)?,
        unix_ms: sane_unix_ms(hello.unix_ms, "wall clock")?,
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
