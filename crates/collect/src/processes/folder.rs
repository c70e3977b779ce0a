use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawDir, openat, statat};
use rustix::io::{Errno, read, retry_on_intr};

use crate::text::{lines, number, words};
use crate::{CollectError, Root};

/// Room for the names of some hundred processes in one call.
const LISTING_BYTES: usize = 32 * 1024;

/// The folder `/proc`, opened for one walk. Files are opened relative to it
/// and read into buffers that the walk brings, so a process that is known
/// costs no allocation.
#[derive(Debug)]
pub(super) struct ProcFolder {
    folder: OwnedFd,
    path: PathBuf,
    live: bool,
}

impl ProcFolder {
    pub(super) fn open(root: &Root) -> Result<Self, CollectError> {
        let path = root.join("proc");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = retry_on_intr(|| openat(CWD, &path, flags, Mode::empty()))
            .map_err(|error| CollectError::unreadable(&path, error))?;
        Ok(Self { folder, path, live: root.is_live() })
    }

    /// The processes there are now, ascending.
    pub(super) fn list(&self, pids: &mut Vec<u32>) -> Result<(), CollectError> {
        pids.clear();
        let mut room = vec![MaybeUninit::uninit(); LISTING_BYTES];
        let mut entries = RawDir::new(self.folder.as_fd(), &mut room);
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry) => pids.extend(pid(entry.file_name().to_bytes())),
                Err(Errno::INTR) => {}
                Err(error) => return Err(CollectError::unreadable(&self.path, error)),
            }
        }
        pids.sort_unstable();
        Ok(())
    }

    /// Reads `PID/file` up to the length of `buffer`. `None` when the process
    /// is gone, hidden or forbidden.
    pub(super) fn read<'b>(&self, pid: u32, file: &str, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let name = Name::of(pid, file);
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let opened = retry_on_intr(|| openat(&self.folder, name.as_bytes(), flags, Mode::empty()));
        let file = opened.ok()?;
        // These files come whole in one call when there is room for them.
        let length = retry_on_intr(|| read(&file, &mut *buffer)).ok()?;
        Some(&buffer[..length])
    }

    /// The number of the effective owner. The folder's owner tells it on a
    /// live root, in one call; files of a recorded root belong to whoever
    /// checked them out, so `status` tells it there.
    pub(super) fn owner(&self, pid: u32, buffer: &mut [u8]) -> Option<u32> {
        if self.live {
            let name = Name::of(pid, "");
            return statat(&self.folder, name.as_bytes(), AtFlags::empty())
                .ok()
                .map(|stat| stat.st_uid);
        }
        effective_uid(self.read(pid, "status", buffer)?)
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
}
