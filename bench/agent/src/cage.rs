//! Control groups (cgroup v2) in which programs run, so that what they and
//! all their children use is counted, also of children that have ended.

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::guard::end_all;

/// A control group of its own.
#[derive(Debug)]
pub(crate) struct Cage(PathBuf);

/// The folder of this run's control groups.
pub(crate) fn make_root() -> anyhow::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let mount = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let mount = mount.into_iter().find(|fields| fields.get(2) == Some(&"cgroup2"));
    let mount = mount.context("CPU time is read from cgroup v2, which is not mounted here")?;
    let root = Path::new(mount[1]).join(format!("watchfire-bench-{}", std::process::id()));
    fs::create_dir(&root)
        .with_context(|| format!("cannot make {}: this must run as root", root.display()))?;
    Ok(root)
}

impl Cage {
    pub(crate) fn new(root: &Path, name: &str) -> anyhow::Result<Self> {
        let path = root.join(name);
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    /// A command that runs `program` in here, in a process group of its own so
    /// that Ctrl-C is for the guard to answer.
    pub(crate) fn command(&self, program: &Path) -> anyhow::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("into").arg(self.0.join("cgroup.procs")).arg(program);
        command.stdin(Stdio::null()).process_group(0);
        Ok(command)
    }

    /// The CPU time that all processes in here have used so far, those that
    /// have ended included.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = fs::read_to_string(self.0.join("cpu.stat"))?;
        let usage = stat.lines().find_map(|line| line.strip_prefix("usage_usec "));
        let usage = usage.context("cpu.stat has no usage_usec")?;
        Ok(Duration::from_micros(usage.trim().parse()?))
    }

    /// The processes in here.
    pub(crate) fn pids(&self) -> anyhow::Result<Vec<u32>> {
        let pids = fs::read_to_string(self.0.join("cgroup.procs"))?;
        Ok(pids.lines().filter_map(|pid| pid.parse().ok()).collect())
    }

    /// The memory of the processes in here, in KiB: what is shared counts by
    /// its share (PSS).
    pub(crate) fn pss_kib(&self) -> anyhow::Result<u64> {
        let mut sum = 0;
        for pid in self.pids()? {
            // One that has just ended has none.
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"));
            let rollup = rollup.unwrap_or_default();
            let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
            let kib = pss.and_then(|pss| pss.split_whitespace().next());
            sum += kib.map_or(Ok(0), str::parse::<u64>)?;
        }
        ensure!(sum > 0, "nothing runs in {}", self.0.display());
        Ok(sum)
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        end_all(&self.0);
    }
}

/// Moves this process into the control group whose `cgroup.procs` is the first
/// argument, and becomes the program that is the second.
pub(crate) fn enter(arguments: Vec<OsString>) -> anyhow::Result<()> {
    let [procs, program, rest @ ..] = arguments.as_slice() else {
        bail!("into CGROUP_PROCS PROGRAM [ARGUMENTS]")
    };
    fs::write(procs, "0").with_context(|| format!("cannot enter {}", procs.display()))?;
    let error = Command::new(program).args(rest).exec();
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}
