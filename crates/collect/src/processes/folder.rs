use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, RawDir, SeekFrom, openat, seek, statat};
use rustix::io::{Errno, pread, read, retry_on_intr};

use crate::root::open_file_below;
use crate::text::{lines, number, words};
use crate::{CollectError, Root};

/// Room for the names of some hundred processes in one call.
const LISTING_BYTES: usize = 32 * 1024;

/// The folder `/proc`. Files are opened relative to it and read into buffers
/// that the walk brings, so a process that is known costs no allocation. On a
/// live root the folder stays open between walks; a recorded one is opened for
/// each, because tests replace it.
#[derive(Debug)]
pub(super) struct ProcFolder {
    folder: OwnedFd,
    path: PathBuf,
    live: bool,
}

/// Why a file of a process gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// The process is gone, or it is hidden from us, which looks the same.
    Gone,
    /// We may not read this file.
    Forbidden,
    /// We have no descriptor or memory left to open it. It says nothing about
    /// the process.
    Starved,
}

impl ProcFolder {
    pub(super) fn open(root: &Root) -> Result<Self, CollectError> {
        let path = root.join("proc");
        let folder = root
            .open_folder_at(&path, Path::new("proc"))
            .map_err(|error| CollectError::unreadable(&path, error))?;
        Ok(Self { folder, path, live: root.is_live() })
    }

    /// The processes there are now, ascending. `room` is used for it.
    pub(super) fn list(&self, pids: &mut Vec<u32>, room: &mut Room) -> Result<(), CollectError> {
        pids.clear();
        let unreadable = |error| CollectError::unreadable(&self.path, error);
        seek(&self.folder, SeekFrom::Start(0)).map_err(unreadable)?;
        let mut entries = RawDir::new(self.folder.as_fd(), &mut room.0);
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry) => pids.extend(pid(entry.file_name().to_bytes())),
                Err(Errno::INTR) => {}
                Err(error) => return Err(unreadable(error)),
            }
        }
        pids.sort_unstable();
        Ok(())
    }

    /// Reads `PID/file` up to the length of `buffer`.
    pub(super) fn read<'b>(
        &self,
        pid: u32,
        file: &str,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], Absent> {
        let file = self.open_file(pid, file)?;
        // These files come whole in one call when there is room for them.
        let length = retry_on_intr(|| read(&file, &mut *buffer)).map_err(Absent::from)?;
        Ok(&buffer[..length])
    }

    /// Opens `PID/file`. The kernel ties an open file of `/proc` to its
    /// process: when that is gone the file answers nothing, even when the pid
    /// is used again.
    pub(super) fn open_file(&self, pid: u32, file: &str) -> Result<OwnedFd, Absent> {
        let name = Name::of(pid, file);
        if !self.live {
            return open_file_below(&self.folder, name.as_bytes()).map_err(Absent::from);
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        retry_on_intr(|| openat(&self.folder, name.as_bytes(), flags, Mode::empty()))
            .map_err(Absent::from)
    }

    /// The number of the effective owner. The folder's owner tells it on a
    /// live root, in one call; files of a recorded root belong to whoever
    /// checked them out, so `status` tells it there.
    pub(super) fn owner(&self, pid: u32, buffer: &mut [u8]) -> Result<u32, Absent> {
        if self.live {
            let name = Name::of(pid, "");
            let stat = statat(&self.folder, name.as_bytes(), AtFlags::empty())?;
            return Ok(stat.st_uid);
        }
        effective_uid(self.read(pid, "status", buffer)?).ok_or(Absent::Gone)
    }

    /// True when the numbers in this folder are those that system calls of
    /// this process take. They are not when the folder was mounted from
    /// outside of a container. `NSpid:` of `/proc/self/status` has one number
    /// for each pid namespace from the folder's down to the reader's.
    pub(super) fn has_our_pids(&self) -> bool {
        let mut buffer = [0; 4096];
        if !self.live {
            return false;
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let status = openat(&self.folder, "self/status", flags, Mode::empty());
        let Ok(length) = status.and_then(|file| read(&file, &mut buffer)) else { return false };
        let own = u64::try_from(rustix::process::getpid().as_raw_nonzero().get()).ok();
        let mut numbers = lines(&buffer[..length])
            .find_map(|line| line.strip_prefix(b"NSpid:"))
            .into_iter()
            .flat_map(words);
        numbers.next().and_then(number) == own && numbers.next().is_none()
    }
}

/// Reads an open file of a process again from its begin.
pub(super) fn read_again<'b>(file: &OwnedFd, buffer: &'b mut [u8]) -> Result<&'b [u8], Absent> {
    let length = retry_on_intr(|| pread(file, &mut *buffer, 0)).map_err(Absent::from)?;
    // A process that is gone answers with an error or with nothing.
    if length == 0 { Err(Absent::Gone) } else { Ok(&buffer[..length]) }
}

impl From<std::io::Error> for Absent {
    fn from(error: std::io::Error) -> Self {
        Errno::from_io_error(&error).map_or(Self::Gone, Self::from)
    }
}

impl From<Errno> for Absent {
    fn from(error: Errno) -> Self {
        match error {
            Errno::ACCESS | Errno::PERM => Self::Forbidden,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM => Self::Starved,
            _ => Self::Gone,
        }
    }
}

/// Memory for a listing.
#[derive(Debug)]
pub(super) struct Room(Vec<MaybeUninit<u8>>);

impl Room {
    pub(super) fn new() -> Self {
        Self(vec![MaybeUninit::uninit(); LISTING_BYTES])
    }
}

/// Where a process' folder or a file in it is, relative to `/proc`. It is
/// written into a small array, because it is needed several times for each
/// process of each walk.
#[derive(Debug)]
struct Name {
    bytes: [u8; Self::ROOM],
    length: usize,
}

impl Name {
    /// Ten digits, a slash, and the longest file name that is asked for.
    const ROOM: usize = 24;

    fn of(pid: u32, file: &str) -> Self {
        use std::io::Write;
        let mut name = Self { bytes: [0; Self::ROOM], length: 0 };
        let mut rest = &mut name.bytes[..];
        let separator = if file.is_empty() { "" } else { "/" };
        let written = write!(rest, "{pid}{separator}{file}");
        debug_assert!(written.is_ok(), "the name of a file in /proc/PID is too long");
        name.length = Self::ROOM - rest.len();
        name
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// `007` is no process: the kernel writes no zeros in front.
fn pid(name: &[u8]) -> Option<u32> {
    let plain = matches!(name.first(), Some(b'1'..=b'9'));
    plain.then(|| number(name)).flatten().and_then(|pid| u32::try_from(pid).ok())
}

/// The second number of `Uid:`: real, effective, saved, of the filesystem.
fn effective_uid(status: &[u8]) -> Option<u32> {
    let numbers = lines(status).find_map(|line| line.strip_prefix(b"Uid:"))?;
    words(numbers).nth(1).and_then(number).and_then(|uid| u32::try_from(uid).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_processes_are_listed() {
        for (name, expected) in [("1", Some(1)), ("self", None), ("007", None), ("1a", None)] {
            assert_eq!(pid(name.as_bytes()), expected);
        }
        assert_eq!(pid(b"99999999999"), None);
    }

    #[test]
    fn the_effective_owner_counts() {
        assert_eq!(effective_uid(b"Name:\tx\nUid:\t1000\t33\t0\t0\n"), Some(33));
        assert_eq!(effective_uid(b"Uid:\t1000\n"), None);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = ProcFolder::open(&Root::recorded("/nowhere")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read /nowhere/proc: "), "{error}");
    }

    #[test]
    fn a_recorded_folder_has_not_our_pids() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("proc/self")).unwrap();
        std::fs::write(dir.path().join("proc/self/status"), "Name:\tx\nNSpid:\t700\t1\n").unwrap();
        assert!(!ProcFolder::open(&Root::recorded(dir.path())).unwrap().has_our_pids());
        assert!(ProcFolder::open(&Root::live()).unwrap().has_our_pids());
    }

    #[test]
    fn a_kept_file_never_answers_for_another_process() {
        let folder = ProcFolder::open(&Root::live()).unwrap();
        let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        let file = folder.open_file(child.id(), "stat").unwrap();
        let mut buffer = [0; 2048];
        assert!(read_again(&file, &mut buffer).is_ok());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(read_again(&file, &mut buffer), Err(Absent::Gone));
        assert_eq!(folder.read(child.id(), "stat", &mut buffer), Err(Absent::Gone));
    }
}
