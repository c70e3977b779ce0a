use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, RawDir, openat, statat};
use rustix::io::{Errno, read, retry_on_intr};

use super::stat::Stat;
use super::units::Units;
use crate::Root;
use crate::recorded::Facts;
use crate::root::open_file_below;
use crate::text::{lines, number, words};

/// More than the files that are read whole here can be.
const FILE_BYTES: usize = 4096;
/// Room for the names of some hundred open files in one call.
const LISTING_BYTES: usize = 16 * 1024;

/// Answers questions about one process that cost too much to ask of all.
///
/// A process is named by pid and start time. Its folder is opened once and
/// everything is read through it, and the start time is compared before and
/// after, so a process that was given the same pid never answers.
#[derive(Debug, Clone)]
pub struct ProcessDetail {
    root: Root,
    boot_time_ms: i64,
    units: Units,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DetailError {
    /// It ended, or another process has its pid.
    #[error("process {pid} that started then is gone")]
    Gone {
        /// The pid that was asked for.
        pid: u32,
    },
    /// The agent may not see it: it needs to run as the process' owner with
    /// the same rights, or as root.
    #[error("process {pid} may not be looked into: run the agent as root or with CAP_SYS_PTRACE")]
    Forbidden {
        /// The pid that was asked for.
        pid: u32,
    },
    /// The kernel or the recorded root does not have it.
    #[error("process {pid}: {what} is not known here")]
    Unknown {
        /// The pid that was asked for.
        pid: u32,
        /// What was asked for.
        what: &'static str,
    },
}

impl ProcessDetail {
    pub(super) fn new(root: Root, boot_time_ms: Option<i64>, units: Option<Units>) -> Self {
        let units = units.unwrap_or_else(|| Units::from(&Facts::default()));
        Self { root, boot_time_ms: boot_time_ms.unwrap_or(0), units }
    }

    /// The process' proportional share of memory in bytes: pages that it shares
    /// with others count in part (`/proc/PID/smaps_rollup`, `Pss`). The kernel
    /// walks all its pages for it. Kernel threads have 0.
    ///
    /// # Errors
    ///
    /// When the process is gone or may not be seen.
    pub fn pss_bytes(&self, pid: u32, start_time_ms: i64) -> Result<u64, DetailError> {
        let folder = self.open(pid, start_time_ms)?;
        let pss = folder.pss_bytes();
        folder.finish(self, start_time_ms, pss, "PSS")
    }

    /// How many files the process has open.
    ///
    /// # Errors
    ///
    /// When the process is gone or may not be seen.
    pub fn open_files(&self, pid: u32, start_time_ms: i64) -> Result<u64, DetailError> {
        let folder = self.open(pid, start_time_ms)?;
        let files = folder.open_files();
        folder.finish(self, start_time_ms, files, "the number of open files")
    }

    fn open(&self, pid: u32, start_time_ms: i64) -> Result<Folder, DetailError> {
        let relative = format!("proc/{pid}");
        let folder = self.root.open_folder_at(&self.root.join(&relative), Path::new(&relative));
        let folder = folder.map_err(|_| DetailError::Gone { pid })?;
        let folder = Folder { pid, folder, live: self.root.is_live() };
        if folder.start_time_ms(self) == Some(start_time_ms) {
            Ok(folder)
        } else {
            Err(DetailError::Gone { pid })
        }
    }

    fn start_time_ms(&self, stat: &Stat<'_>) -> i64 {
        self.boot_time_ms.saturating_add(self.units.milliseconds(stat.start_ticks))
    }
}

/// The folder of one process. The kernel ties it to the process: when that is
/// gone, nothing is found in it.
#[derive(Debug)]
struct Folder {
    pid: u32,
    folder: OwnedFd,
    live: bool,
}

impl Folder {
    fn read<'b>(&self, file: &str, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = if self.live {
            retry_on_intr(|| openat(&self.folder, file, flags, Mode::empty()))?
        } else {
            open_file_below(&self.folder, file)
                .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::INVAL))?
        };
        let length = retry_on_intr(|| read(&file, &mut *buffer))?;
        Ok(&buffer[..length])
    }

    fn start_time_ms(&self, detail: &ProcessDetail) -> Option<i64> {
        let mut buffer = [0; FILE_BYTES];
        let stat = Stat::parse(self.read("stat", &mut buffer).ok()?)?;
        Some(detail.start_time_ms(&stat))
    }

    fn pss_bytes(&self) -> Result<Option<u64>, Errno> {
        let mut buffer = [0; FILE_BYTES];
        // Kernel threads have no memory of their own, which the kernel says so.
        match self.read("smaps_rollup", &mut buffer) {
            Err(Errno::SRCH) => Ok(Some(0)),
            text => Ok(pss(text?)),
        }
    }

    fn open_files(&self) -> Result<Option<u64>, Errno> {
        // Since Linux 6.2 the size of the folder is their number.
        let size = statat(&self.folder, "fd", AtFlags::SYMLINK_NOFOLLOW)?.st_size;
        if let Some(size) = u64::try_from(size).ok().filter(|size| *size > 0) {
            return Ok(Some(size));
        }
        // No link: what is opened is what was asked for its size.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = retry_on_intr(|| openat(&self.folder, "fd", flags, Mode::empty()))?;
        let mut room = vec![std::mem::MaybeUninit::uninit(); LISTING_BYTES];
        let mut entries = RawDir::new(folder.as_fd(), &mut room);
        let mut files = 0;
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry) => files += u64::from(number(entry.file_name().to_bytes()).is_some()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Some(files))
    }

    /// Gives the answer when it is still the same process.
    fn finish(
        &self,
        detail: &ProcessDetail,
        start_time_ms: i64,
        answer: Result<Option<u64>, Errno>,
        what: &'static str,
    ) -> Result<u64, DetailError> {
        let pid = self.pid;
        if self.start_time_ms(detail) != Some(start_time_ms) {
            return Err(DetailError::Gone { pid });
        }
        match answer {
            Ok(Some(value)) => Ok(value),
            Err(Errno::ACCESS | Errno::PERM) => Err(DetailError::Forbidden { pid }),
            Ok(None) | Err(_) => Err(DetailError::Unknown { pid, what }),
        }
    }
}

/// `Pss:` in bytes; the kernel writes kibibytes.
fn pss(text: &[u8]) -> Option<u64> {
    let value = lines(text).find_map(|line| line.strip_prefix(b"Pss:"))?;
    number(words(value).next()?)?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_memory_is_in_bytes() {
        let text = b"00400000-7ffff000 ---p 00000000 00:00 0 [rollup]\nRss: 9 kB\nPss:    1200 kB\nPss_Dirty: 5 kB\n";
        assert_eq!(pss(text), Some(1_228_800));
        assert_eq!(pss(b"Rss: 9 kB\n"), None);
        assert_eq!(pss(b"Pss: 18446744073709551615 kB\n"), None);
    }
}
