//! The least that a process table can cost when every process is asked.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Longer than any line of `/proc/PID/stat`.
const LINE_BYTES: usize = 2048;
/// `4194304/stat` and some more.
const NAME_BYTES: usize = 24;
/// Descriptors for all but the kept files.
const SPARE_DESCRIPTORS: u64 = 64;

/// The CPU seconds of this thread for `work`.
pub(crate) fn spent<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<f64> {
    let before = thread_cpu()?;
    work()?;
    Ok((thread_cpu()? - before).as_secs_f64())
}

fn thread_cpu() -> anyhow::Result<Duration> {
    Ok(Duration::try_from(clock_gettime(ClockId::ThreadCPUTime))?)
}

/// Opens, reads and closes the `stat` of each process, and does nothing else.
pub(crate) fn open_read_close(pids: &[u32]) -> anyhow::Result<()> {
    let mut buffer = [0; LINE_BYTES];
    let folder = proc_folder()?;
    for pid in pids {
        let file = open_stat(&folder, *pid)?;
        ensure!(rustix::io::read(&file, &mut buffer)? > 0, "the stat of {pid} is empty");
    }
    Ok(())
}

/// The `stat` of each process, open.
pub(crate) struct Kept(Vec<File>);

impl Kept {
    /// Opens them, for which this process may need more descriptors.
    pub(crate) fn open(pids: &[u32]) -> anyhow::Result<Self> {
        let wanted = u64::try_from(pids.len())? + SPARE_DESCRIPTORS;
        let now = getrlimit(Resource::Nofile);
        if now.current.is_some_and(|current| current < wanted) {
            let limit = Rlimit { current: Some(wanted), maximum: now.maximum };
            setrlimit(Resource::Nofile, limit)
                .with_context(|| format!("{wanted} open files are needed: raise ulimit -n"))?;
        }
        let folder = proc_folder()?;
        let files = pids.iter().map(|pid| Ok(File::from(open_stat(&folder, *pid)?)));
        Ok(Self(files.collect::<anyhow::Result<_>>()?))
    }

    /// Reads each again.
    pub(crate) fn read(&self) -> anyhow::Result<()> {
        let mut buffer = [0; LINE_BYTES];
        for file in &self.0 {
            ensure!(file.read_at(&mut buffer, 0)? > 0, "a stat is empty");
        }
        Ok(())
    }
}

fn proc_folder() -> anyhow::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY;
    Ok(openat(CWD, "/proc", flags, Mode::empty())?)
}

fn open_stat(folder: &OwnedFd, pid: u32) -> anyhow::Result<OwnedFd> {
    let mut name = [0; NAME_BYTES];
    let mut rest = &mut name[..];
    write!(rest, "{pid}/stat")?;
    let length = NAME_BYTES - rest.len();
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    openat(folder, &name[..length], flags, Mode::empty())
        .with_context(|| format!("process {pid} is gone"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_stat_and_one_that_is_gone_is_named() {
        let own = std::process::id();
        assert!(spent(|| open_read_close(&[own])).unwrap() > 0.0);
        Kept::open(&[own]).unwrap().read().unwrap();
        let gone = u32::MAX;
        let error = open_read_close(&[gone]).unwrap_err();
        assert_eq!(error.to_string(), format!("process {gone} is gone"));
    }
}
