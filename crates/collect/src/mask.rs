//! Command lines without their secrets.
//!
//! What looks like a secret is replaced by [`MASK`] before anything else sees
//! the command line. The words are those that monitoring agents have masked
//! for long, with more of the kind; short options are known by tool. Where it
//! is unclear how far a secret reaches, too much is masked rather than too
//! little. A secret that nothing announces (`tool hunter2`) cannot be seen.

mod keys;
mod options;
mod scan;
#[cfg(test)]
mod tests;

use scan::Scanner;

use crate::text::without_controls;

/// What stands where a secret stood.
pub const MASK: &str = "***";

/// The content of `/proc/PID/cmdline` (arguments, a NUL byte after each) with
/// its secrets masked, in the same format. Bytes that are not UTF-8 become
/// replacement characters.
#[must_use]
pub fn mask_arguments(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    for argument in masked(raw) {
        out.extend_from_slice(argument.as_bytes());
        out.push(0);
    }
    out
}

/// The same as one line: arguments joined by spaces, a `?` for each control
/// character. Empty for kernel threads.
pub(crate) fn command_line(raw: &[u8]) -> String {
    let arguments: Vec<String> =
        masked(raw).into_iter().filter(|argument| !argument.is_empty()).collect();
    let mut line = without_controls(arguments.join(" "));
    // Replacement characters can make the line longer than what was read.
    line.truncate(line.floor_char_boundary(crate::MAX_COMMAND_BYTES));
    line
}

fn masked(raw: &[u8]) -> Vec<String> {
    // Programs that rename themselves leave a tail of NUL bytes.
    let end = raw.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    if end == 0 {
        return Vec::new();
    }
    let mut scanner = Scanner::default();
    raw[..end]
        .split(|&byte| byte == 0)
        .map(|argument| scanner.argument(&String::from_utf8_lossy(argument)))
        .collect()
}
