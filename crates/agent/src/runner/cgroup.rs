//! A cgroup for each command, where the runner has one of its own to divide: the kernel then
//! counts processes and memory of the whole command, and kills all of it at once.

use std::fs;
use std::io::{self, Write};
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
        // Who is in the root of all groups has none of its own.
        let path = Some(path.trim_end_matches('/')).filter(|path| !path.is_empty())?;
        match Self::divide(mounted()?.join(path)) {
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
        // It is not made where it is not there: that would be no group.
        let joined = fs::OpenOptions::new().write(true).open(own.join("cgroup.procs"));
        if let Err(error) = joined.and_then(|mut file| file.write_all(b"0")) {
            let _ = fs::remove_dir(&own);
            return Err(error);
        }
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

/// Where the kernel shows the groups of version 2: `/sys/fs/cgroup`, or a folder in it where those
/// of version 1 are shown beside them.
fn mounted() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let point = mounts.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let point = words.next()?;
        (words.next() == Some("cgroup2")).then_some(point)
    });
    point.map(PathBuf::from)
}

/// Ends all that is in a command's group, and removes it.
pub(super) fn end(group: &Path) {
    let _ = fs::write(group.join("cgroup.kill"), "1");
    if let Err(error) = fs::remove_dir(group) {
        tracing::debug!(%error, "a cgroup is not removed yet");
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_folder_that_is_no_group_is_not_divided() {
        let folder = tempfile::tempdir().expect("a folder");
        // The kernel makes the files of a group, and nobody else.
        assert!(Cgroups::divide(folder.path().to_owned()).is_err());
    }

    #[test]
    fn all_that_is_in_a_group_ends_with_it() {
        let Some(root) = mounted() else { return eprintln!("left out: there are no groups here") };
        let group = root.join(format!("watchfire-test-{}", std::process::id()));
        if let Err(error) = fs::create_dir(&group) {
            return eprintln!("left out: no group may be made here: {error}");
        }
        let mut child = Command::new("sleep").arg("600").spawn().expect("it starts");
        fs::write(group.join("cgroup.procs"), child.id().to_string()).expect("it is ours");
        let has_kill = group.join("cgroup.kill").exists();
        if !has_kill {
            eprintln!("left out: this kernel ends no groups");
            child.kill().expect("it is ours");
        }
        end(&group);
        let ended = child.wait().expect("it ends");
        assert_eq!(ended.signal(), Some(9));
        // While it ended it was still in there.
        end(&group);
        assert!(!group.exists());
    }
}
