use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::{CollectError, Root};

/// The most of one file that is read, in bytes. A larger file is an error,
/// because half a table would be a wrong table.
pub const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;

const FIRST_BUFFER_BYTES: usize = 4096;

/// The kernel's settings: files of one line, given with one reading. The second
/// one, that of the end, would have the kernel count again.
const SETTINGS: &str = "proc/sys/";

/// How many readings pass before a file that was not there is looked for again.
/// A module that is loaded later may bring it.
const READINGS_AWAY: u8 = 15;

/// One file that is read again and again, with its own buffer.
///
/// On a live root it stays open between readings: the kernel makes the content
/// of `/proc` files anew for each reading from offset 0, so this saves the
/// walk through the path. Recorded files are opened each time, because tests
/// replace them.
#[derive(Debug)]
pub(crate) struct Source {
    relative: &'static str,
    path: PathBuf,
    open: Option<File>,
    buffer: Vec<u8>,
    /// Of a file that was not there: how many readings are still spared.
    away: u8,
}

impl Source {
    pub(crate) fn new(relative: &'static str) -> Self {
        Self { relative, path: PathBuf::new(), open: None, buffer: Vec::new(), away: 0 }
    }

    /// The whole content as it is now.
    pub(crate) fn read(&mut self, root: &Root) -> Result<&[u8], CollectError> {
        match self.fill(root) {
            Ok(length) => Ok(&self.buffer[..length]),
            Err(source) => Err(CollectError::unreadable(&self.path, source)),
        }
    }

    /// The same of a file that not every machine has: `None` when it is not
    /// there, or when the kernel says that what it tells of is not.
    pub(crate) fn read_if_there(&mut self, root: &Root) -> Result<Option<&[u8]>, CollectError> {
        if self.away > 0 {
            self.away -= 1;
            return Ok(None);
        }
        match self.fill(root) {
            Ok(length) => Ok(Some(&self.buffer[..length])),
            Err(source) if is_not_there(&source) => {
                self.away = if root.is_live() { READINGS_AWAY - 1 } else { 0 };
                Ok(None)
            }
            Err(source) => Err(CollectError::unreadable(&self.path, source)),
        }
    }

    /// Lets go of the file, so that the next reading opens what is at its path
    /// then. For files that are replaced, which those of `/proc` never are.
    pub(crate) fn close(&mut self) {
        self.open = None;
    }

    /// An error about the content of this file.
    pub(crate) fn malformed(&self, what: impl Into<String>) -> CollectError {
        CollectError::malformed(&self.path, what)
    }

    fn fill(&mut self, root: &Root) -> io::Result<usize> {
        if self.path.as_os_str().is_empty() {
            self.path = root.join(self.relative);
        }
        // A kept file can go bad, when its filesystem was mounted anew for
        // example; then a fresh one decides.
        if let Some(file) = self.open.take()
            && let Ok(length) = self.take(&file)
        {
            self.open = Some(file);
            return Ok(length);
        }
        let file = root.open_file_at(&self.path, Path::new(self.relative))?;
        let length = self.take(&file)?;
        self.open = root.is_live().then_some(file);
        Ok(length)
    }

    fn take(&mut self, file: &File) -> io::Result<usize> {
        let is_whole: IsWhole = if self.relative.starts_with(SETTINGS) {
            |content| content.ends_with(b"\n")
        } else {
            |_| false
        };
        read_whole(file, &mut self.buffer, is_whole)
    }
}

/// True when the content so far is all that there is.
type IsWhole = fn(&[u8]) -> bool;

/// `EOPNOTSUPP` comes from a kernel that was told to leave pressure out, and
/// `ENODEV` from files of a device that was pulled.
fn is_not_there(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, Unsupported};
    matches!(error.kind(), NotFound | NotADirectory | Unsupported)
        || error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error())
}

fn read_whole(file: &File, buffer: &mut Vec<u8>, is_whole: IsWhole) -> io::Result<usize> {
    let mut length = 0;
    while !is_whole(&buffer[..length]) {
        if length == buffer.len() {
            if length >= MAX_FILE_BYTES {
                return Err(io::Error::other(format!("larger than {MAX_FILE_BYTES} bytes")));
            }
            buffer.resize((length * 2).max(FIRST_BUFFER_BYTES), 0);
        }
        let offset = u64::try_from(length).unwrap_or(u64::MAX);
        match file.read_at(&mut buffer[length..], offset) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn source_in(dir: &tempfile::TempDir, content: &[u8]) -> (Source, Root) {
        std::fs::write(dir.path().join("file"), content).unwrap();
        (Source::new("file"), Root::recorded(dir.path()))
    }

    #[test]
    fn a_shorter_second_reading_leaves_nothing_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let (mut source, root) = source_in(&dir, &[b'a'; 9000]);
        assert_eq!(source.read(&root).unwrap().len(), 9000);
        std::fs::write(dir.path().join("file"), b"short").unwrap();
        assert_eq!(source.read(&root).unwrap(), b"short");
    }

    #[test]
    fn a_missing_file_is_named() {
        let root = Root::recorded("/nowhere");
        let error = Source::new("proc/stat").read(&root).unwrap_err();
        assert!(error.to_string().starts_with("cannot read /nowhere/proc/stat: "), "{error}");
    }

    #[test]
    fn a_file_that_comes_later_is_found_and_not_looked_for_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let name = path.strip_prefix("/").unwrap().to_str().unwrap().to_owned();
        let (root, mut source) = (Root::live(), Source::new(name.leak()));
        assert_eq!(source.read_if_there(&root).unwrap(), None);
        std::fs::write(path, "there").unwrap();
        let reads = std::iter::from_fn(|| {
            Some(source.read_if_there(&root).unwrap().map(|content| content.to_vec()))
        });
        let reads: Vec<_> = reads.take(usize::from(READINGS_AWAY)).collect();
        let (last, before) = reads.split_last().unwrap();
        assert!(before.iter().all(Option::is_none), "{reads:?}");
        assert_eq!(last.as_deref(), Some(&b"there"[..]));
    }

    #[test]
    fn no_link_leads_out_of_a_recorded_root_and_those_inside_work() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("root");
        std::fs::create_dir_all(inside.join("proc")).unwrap();
        std::fs::write(dir.path().join("secret"), "x").unwrap();
        std::fs::write(inside.join("uptime"), "1 2").unwrap();
        let secret = dir.path().join("secret");
        symlink("/proc/stat", inside.join("proc/stat")).unwrap();
        symlink(secret, inside.join("proc/vmstat")).unwrap();
        symlink("../../secret", inside.join("proc/meminfo")).unwrap();
        symlink("../uptime", inside.join("proc/uptime")).unwrap();
        symlink("/uptime", inside.join("proc/loadavg")).unwrap();
        symlink("root", dir.path().join("link")).unwrap();
        for path in [inside, dir.path().join("link")] {
            let root = Root::recorded(path);
            for out in ["proc/stat", "proc/vmstat", "proc/meminfo"] {
                assert!(Source::new(out).read(&root).is_err(), "{out}");
            }
            for within in ["proc/uptime", "proc/loadavg"] {
                assert_eq!(Source::new(within).read(&root).unwrap(), b"1 2", "{within}");
            }
        }
    }

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        pipe_at(&dir.path().join("file"));
        let root = Root::recorded(dir.path());
        let error = Source::new("file").read(&root).unwrap_err();
        assert!(error.to_string().contains("no regular file"), "{error}");
        assert!(Source::new("file").read_if_there(&root).is_err());
    }

    /// Makes a pipe with a name, which no call of a file may wait for.
    pub(crate) fn pipe_at(path: &std::path::Path) {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    }

    #[test]
    fn a_huge_file_is_an_error_and_not_half_a_table() {
        let dir = tempfile::tempdir().unwrap();
        let (mut source, root) = source_in(&dir, &vec![b'a'; MAX_FILE_BYTES + 1]);
        assert!(source.read(&root).unwrap_err().to_string().contains("larger than"));
    }
}
