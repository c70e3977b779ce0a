//! Whether the machine is about to end.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::Root;
use crate::collectors::systemd_is_stopping;

/// Where utmp may be.
const UTMP: [&str; 2] = ["run/utmp", "var/run/utmp"];
/// One entry of utmp: `struct utmp` of utmp(5), on 64-bit Linux.
const ENTRY_BYTES: usize = 384;
/// The type of the entry that holds the runlevel, `RUN_LVL`.
const RUN_LVL: [u8; 2] = 1_i16.to_le_bytes();
/// What is behind this of a utmp is not looked at, in bytes.
const MAX_UTMP_BYTES: u64 = 1 << 20;

/// True when the machine shuts down or reboots right now: its systemd is
/// `stopping` (org.freedesktop.systemd1(5)), or its runlevel is 0 or 6, as
/// sysvinit and OpenRC write it. It may wait 0.3 s for systemd.
///
/// `/run/nologin` and a scheduled shutdown do not count: both may be there for
/// hours on a machine that goes on.
#[must_use]
pub fn machine_is_ending(root: &Root) -> bool {
    systemd_is_stopping(root) || UTMP.iter().any(|path| runlevel_ends(&root.join(path)))
}

/// The runlevel is in the low byte of the process id, as a character.
fn runlevel_ends(path: &Path) -> bool {
    let mut entries = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(MAX_UTMP_BYTES).read_to_end(&mut entries));
    let is_runlevel = |entry: &&[u8]| entry[..2] == RUN_LVL;
    let last = entries.chunks_exact(ENTRY_BYTES).rfind(is_runlevel);
    read.is_ok() && last.is_some_and(|entry| matches!(entry[4], b'0' | b'6'))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn entry(kind: i16, pid: i32) -> Vec<u8> {
        let mut entry = vec![0; ENTRY_BYTES];
        entry[..2].copy_from_slice(&kind.to_le_bytes());
        entry[4..8].copy_from_slice(&pid.to_le_bytes());
        entry
    }

    #[test]
    fn the_runlevel_tells_of_a_machine_that_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("run")).expect("a folder");
        let root = Root::recorded(folder.path());
        let utmp = folder.path().join("run/utmp");
        assert!(!machine_is_ending(&root));
        // runlevel(8): the level before is in the next byte.
        let level = |level: u8, before: u8| entry(1, i32::from(before) << 8 | i32::from(level));
        for (now, ends) in [(b'5', false), (b'6', true), (b'0', true), (b'1', false)] {
            let entries = [entry(2, 0), level(now, b'6'), entry(7, i32::from(b'6'))].concat();
            fs::write(&utmp, entries).expect("written");
            assert_eq!(machine_is_ending(&root), ends, "{}", char::from(now));
        }
        fs::write(&utmp, &level(b'6', b'5')[..100]).expect("written");
        assert!(!machine_is_ending(&root), "a torn entry tells nothing");
    }
}
