//! A cgroup for each command, where the runner has one of its own to divide: the kernel then
//! counts processes and memory of the whole command, and kills all of it at once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::plan::Plan;

/// Where the runner itself is, because a group with processes cannot limit groups below it.
const OWN: &str = "runner";

/// The group that the runner may divide.
#[derive(Debug, Clone)]
pub(super) struct Cgroups {
    folder: PathBuf,
}

impl Cgroups {
    /// Takes the group that this process is in; `None` where that is not possible.
    pub(super) fn take() -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let path = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
        let folder = Path::new("/sys/fs/cgroup").join(path.trim_end_matches('/'));
        match Self::divide(folder) {
            Ok(groups) => Some(groups),
            Err(error) => {
                tracing::warn!(%error, "commands get no cgroups of their own");
                None
            }
        }
    }

    fn divide(folder: PathBuf) -> io::Result<Self> {
        let own = folder.join(OWN);
        match fs::create_dir(&own) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        fs::write(own.join("cgroup.procs"), "0")?;
        // Without a controller its limit is left to setrlimit(2).
        for controller in ["+pids", "+memory"] {
            let _ = fs::write(folder.join("cgroup.subtree_control"), controller);
        }
        Ok(Self { folder })
    }

    /// A group for this command.
    pub(super) fn make(&self, plan: &Plan) -> io::Result<PathBuf> {
        let group = self.folder.join(format!("run-{}", plan.id));
        fs::create_dir(&group)?;
        let _ = fs::write(group.join("pids.max"), (plan.processes + 1).to_string());
        if let Some(memory) = plan.memory {
            let _ = fs::write(group.join("memory.max"), memory.to_string());
        }
        Ok(group)
    }
}

/// Ends all that is in a command's group, and removes it.
pub(super) fn end(group: &Path) {
    let _ = fs::write(group.join("cgroup.kill"), "1");
    if let Err(error) = fs::remove_dir(group) {
        tracing::debug!(%error, "a cgroup is not removed yet");
    }
}
