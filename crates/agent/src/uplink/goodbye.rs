//! Why the agent leaves, as it tells the hub with its last words.
//!
//! | reason | how it is known |
//! |---|---|
//! | `reboot` | systemd says that the machine is `stopping`, or the runlevel in utmp is 0 or 6 (sysvinit, OpenRC) |
//! | `upgrade` | the executable that runs was replaced by another at the same path, or the data folder holds a file `upgrade` that is younger than ten minutes |
//! | `stop` | otherwise |
//!
//! Whoever replaces the agent without touching its executable (a container, a
//! machine image) makes the file: `touch DATA/upgrade`. The agent removes it
//! when it starts.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use watchfire_collect::{Root, machine_is_ending};
use watchfire_model::Moment;
use watchfire_wire::GoodbyeReason;

/// The file in the data folder that announces an upgrade.
pub(crate) const UPGRADE_FILE: &str = "upgrade";
/// An older file was forgotten there.
const UPGRADE_VALID: Duration = Duration::from_secs(600);
/// What the kernel puts behind the path of an executable that was replaced.
const REPLACED: &str = " (deleted)";
/// Where to look for the reason.
#[derive(Debug, Clone)]
pub(crate) struct Goodbye {
    data: PathBuf,
    root: Root,
    /// A link to the executable that runs.
    executable: PathBuf,
}

impl Goodbye {
    /// For the agent with this data folder, on the machine below `root`.
    pub(crate) fn new(data: &Path, root: &Root) -> Self {
        let (data, root) = (data.to_owned(), root.clone());
        Self { data, root, executable: PathBuf::from("/proc/self/exe") }
    }

    /// Forgets an upgrade that is done: this is the new agent.
    pub(crate) fn begin(&self) {
        match fs::remove_file(self.data.join(UPGRADE_FILE)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%error, "the file that announced an upgrade cannot be removed");
            }
            _ => {}
        }
    }

    /// Why the agent ends now. It asks systemd, which takes a moment: not on a
    /// thread that others need.
    pub(crate) fn reason(&self, now: Moment) -> GoodbyeReason {
        if machine_is_ending(&self.root) {
            GoodbyeReason::Reboot
        } else if self.is_replaced() || self.is_announced(now) {
            GoodbyeReason::Upgrade
        } else {
            GoodbyeReason::Stop
        }
    }

    fn is_replaced(&self) -> bool {
        let Ok(path) = fs::read_link(&self.executable) else { return false };
        let path = path.to_string_lossy();
        // One that was removed and not replaced is no upgrade.
        path.strip_suffix(REPLACED).is_some_and(|path| Path::new(path).is_file())
    }

    fn is_announced(&self, now: Moment) -> bool {
        let made = fs::metadata(self.data.join(UPGRADE_FILE)).and_then(|found| found.modified());
        let Ok(made) = made else { return false };
        let made = made.duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Duration::from_millis(u64::try_from(now.unix_ms).unwrap_or(0));
        now.abs_diff(made) < UPGRADE_VALID
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Machine {
        folder: tempfile::TempDir,
        goodbye: Goodbye,
    }

    fn machine() -> Machine {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("run")).expect("a folder");
        let root = Root::recorded(folder.path());
        let executable = folder.path().join("exe");
        let goodbye = Goodbye { executable, ..Goodbye::new(folder.path(), &root) };
        Machine { folder, goodbye }
    }

    fn now() -> Moment {
        let unix = fs::metadata("/proc/self").and_then(|found| found.modified());
        let unix = unix.expect("a time").duration_since(UNIX_EPOCH).expect("after 1970");
        Moment { unix_ms: i64::try_from(unix.as_millis()).expect("small"), ..Moment::default() }
    }

    #[test]
    fn a_machine_that_ends_reboots() {
        let Machine { folder, goodbye } = machine();
        assert_eq!(goodbye.reason(now()), GoodbyeReason::Stop);
        let mut runlevel = vec![0; 384];
        (runlevel[0], runlevel[4]) = (1, b'6');
        fs::write(folder.path().join("run/utmp"), runlevel).expect("written");
        fs::write(folder.path().join(UPGRADE_FILE), "").expect("written");
        assert_eq!(goodbye.reason(now()), GoodbyeReason::Reboot, "whatever else is there");
    }

    #[test]
    fn an_upgrade_is_announced_or_seen() {
        let Machine { folder, goodbye } = machine();
        let flag = folder.path().join(UPGRADE_FILE);
        fs::write(&flag, "").expect("written");
        assert_eq!(goodbye.reason(now()), GoodbyeReason::Upgrade);
        let later = now().after(Duration::from_secs(3600));
        assert_eq!(goodbye.reason(later), GoodbyeReason::Stop, "it was forgotten there");
        goodbye.begin();
        assert_eq!(goodbye.reason(now()), GoodbyeReason::Stop);
        goodbye.begin();

        let new = folder.path().join("watchfire");
        let old = format!("{}{REPLACED}", new.display());
        symlink(old, folder.path().join("exe")).expect("a link");
        assert_eq!(goodbye.reason(now()), GoodbyeReason::Stop, "it was removed");
        fs::write(&new, "").expect("written");
        assert_eq!(goodbye.reason(now()), GoodbyeReason::Upgrade);
    }
}
