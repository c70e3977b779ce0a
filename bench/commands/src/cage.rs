//! Control groups (cgroup v2) in which programs run, so that what they and all their children use
//! is counted, also of children that have ended.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use watchfire_testkit::process::Program;

const PATIENCE: Duration = Duration::from_secs(10);
/// Goes into the group whose folder is the first word, and becomes the program of the others.
const ENTER: &str = "echo $$ > \"$0/cgroup.procs\" && exec \"$@\"";

/// A control group of its own. What still runs in it is killed when it is dropped.
pub(crate) struct Cage(PathBuf);

impl Cage {
    pub(crate) fn new(name: &str) -> anyhow::Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        let mut mounts = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let mount = mounts.find(|fields| fields.get(2) == Some(&"cgroup2"));
        let mount = mount.context("CPU time is read from cgroup v2, which is not mounted here")?;
        let folder = format!("watchfire-bench-{}-{name}", std::process::id());
        let path = Path::new(mount[1]).join(folder);
        fs::create_dir(&path)
            .with_context(|| format!("cannot make {}: this must run as root", path.display()))?;
        Ok(Self(path))
    }

    /// `program`, to run in here.
    pub(crate) fn program(&self, program: impl AsRef<Path>) -> Program {
        let program = program.as_ref();
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Program::new("/bin/sh").args(["-c", ENTER]).arg(&self.0).arg(program).called(&name)
    }

    /// The CPU time of all that ran in here so far, in seconds.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        let stat = fs::read_to_string(self.0.join("cpu.stat"))?;
        let usage = stat.lines().find_map(|line| line.strip_prefix("usage_usec "));
        let usage: u64 = usage.context("cpu.stat has no usage_usec")?.trim().parse()?;
        Ok(Duration::from_micros(usage).as_secs_f64())
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        let until = Instant::now() + PATIENCE;
        while self.0.exists() && Instant::now() < until {
            let below = fs::read_dir(&self.0).into_iter().flatten().flatten();
            for below in below.filter(|entry| entry.path().is_dir()) {
                let _ = fs::write(below.path().join("cgroup.kill"), "1");
                let _ = fs::remove_dir(below.path());
            }
            let _ = fs::write(self.0.join("cgroup.kill"), "1");
            let _ = fs::remove_dir(&self.0);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
