//! Exit codes, which scripts rely on.

use watchfire_agent::AgentError;
use watchfire_runtime::config::Problems;

/// Something went wrong while it ran.
pub(crate) const FAILED: u8 = 1;
/// The command line is wrong; `clap` uses the same.
pub(crate) const USAGE: u8 = 2;
/// The config is wrong, or a secret can be read by others: `EX_CONFIG` of `sysexits.h`.
pub(crate) const CONFIG: u8 = 78;

/// The exit code for an error.
pub(crate) fn code(error: &anyhow::Error) -> u8 {
    let is_config = error.chain().any(|cause| {
        cause.is::<Problems>()
            || cause.downcast_ref::<AgentError>().is_some_and(AgentError::is_about_trust)
    });
    if is_config { CONFIG } else { FAILED }
}
