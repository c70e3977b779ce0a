//! What the kernel tells of the loopback.

use std::fs;

use anyhow::Context;

/// The bytes that went over loopback since the machine's start.
pub(crate) fn loopback_bytes() -> anyhow::Result<u64> {
    let text = fs::read_to_string("/proc/net/dev").context("/proc/net/dev cannot be read")?;
    let line = text.lines().find_map(|line| line.trim().strip_prefix("lo:"));
    let bytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    bytes.context("/proc/net/dev has no lo")
}
