//! Ends everything that was started, whatever ends this program: its end, an
//! error, Ctrl-C, even SIGKILL. A second process waits for the end of a pipe
//! that only this program holds, and then kills by control group.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long processes that were killed have to be gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// The process that cleans up.
#[derive(Debug)]
pub(crate) struct Guard(Child);

impl Guard {
    /// A guard of the control groups below `cages` and of the folders.
    pub(crate) fn start(cages: &Path, folders: &[&Path]) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("guard").arg(cages).args(folders);
        // In a group of its own, so that Ctrl-C does not reach it.
        let child = command.stdin(Stdio::piped()).process_group(0).spawn()?;
        Ok(Self(child))
    }
}

impl Drop for Guard {
    /// Lets go of the pipe and waits until all is gone.
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// What the guard does.
pub(crate) fn run(arguments: Vec<OsString>) -> anyhow::Result<()> {
    let mut nothing = Vec::new();
    std::io::stdin().read_to_end(&mut nothing)?;
    let mut paths = arguments.into_iter().map(PathBuf::from);
    if let Some(cages) = paths.next() {
        end_all(&cages);
    }
    paths.try_for_each(fs::remove_dir_all)?;
    Ok(())
}

/// Kills all processes of the group and of those below it, and removes them.
pub(crate) fn end_all(cages: &Path) {
    let until = Instant::now() + PATIENCE;
    while cages.exists() && Instant::now() < until {
        let below = fs::read_dir(cages).into_iter().flatten().flatten();
        for below in below.filter(|entry| entry.path().is_dir()) {
            let _ = fs::write(below.path().join("cgroup.kill"), "1");
            let _ = fs::remove_dir(below.path());
        }
        let _ = fs::write(cages.join("cgroup.kill"), "1");
        let _ = fs::remove_dir(cages);
        std::thread::sleep(Duration::from_millis(20));
    }
}
