//! Exit codes, which scripts rely on.

use watchfire_agent::AgentError;
use watchfire_runtime::config::Problems;

use crate::command::{BadFiles, NotWell, Untold};

/// Something went wrong while it ran.
pub(crate) const FAILED: u8 = 1;
/// The command line is wrong; `clap` uses the same.
pub(crate) const USAGE: u8 = 2;
/// A channel's URL is not understood, or leads where it may not.
pub(crate) const BAD_URL: u8 = 3;
/// A provider refuses the message for good.
pub(crate) const REFUSED: u8 = 4;
/// A provider did not take the message, or did not answer; later it may.
pub(crate) const NOT_NOW: u8 = 5;
/// The config or a file of rules is wrong, or a secret can be read by others: `EX_CONFIG` of
/// `sysexits.h`.
pub(crate) const CONFIG: u8 = 78;

/// The exit code for an error.
pub(crate) fn code(error: &anyhow::Error) -> u8 {
    if let Some(untold) = error.downcast_ref::<Untold>() {
        return untold.code();
    }
    if let Some(not_well) = error.downcast_ref::<NotWell>() {
        return not_well.code();
    }
    let is_config = error.chain().any(|cause| {
        cause.is::<Problems>()
            || cause.is::<BadFiles>()
            || cause.downcast_ref::<AgentError>().is_some_and(AgentError::is_about_trust)
    });
    if is_config { CONFIG } else { FAILED }
}
