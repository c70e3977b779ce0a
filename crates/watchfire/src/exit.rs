//! Exit codes, which scripts rely on.

use watchfire_runtime::config::Problems;

/// Something went wrong while it ran.
pub(crate) const FAILED: u8 = 1;
/// The command line is wrong; `clap` uses the same.
pub(crate) const USAGE: u8 = 2;
/// The config is wrong: `EX_CONFIG` of `sysexits.h`.
pub(crate) const CONFIG: u8 = 78;

/// The exit code for an error.
pub(crate) fn code(error: &anyhow::Error) -> u8 {
    let is_config = error.chain().any(|cause| cause.is::<Problems>());
    if is_config { CONFIG } else { FAILED }
}
