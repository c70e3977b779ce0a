use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, RawDir, openat, readlinkat_raw};
use rustix::io::{Errno, read, retry_on_intr};

use crate::root::{open_file_below, open_folder_below, open_link_below};
use crate::{CollectError, Root};

/// Room for one listing call.
const LISTING_BYTES: usize = 4096;
/// The most of one file that is read; those of `/sys` have at most a page.
const FILE_BYTES: usize = 4096;
/// The longest path below the folder.
const PATH_BYTES: usize = 512;
/// The most names of one folder that are listed. More are left out.
const MAX_NAMES: usize = 16 * 1024;

/// A folder of many small files, such as `/sys/class/hwmon`, with the buffers
/// to read them one after the other without allocating.
pub(crate) struct Folder {
    relative: &'static str,
    full: PathBuf,
    path: Vec<u8>,
    content: Box<[u8; FILE_BYTES]>,
    listing: Box<[MaybeUninit<u8>; LISTING_BYTES]>,
    opened: Option<OwnedFd>,
    /// The root, when it is a recorded one: then paths are looked up from
    /// there, so that links that lead up stay inside.
    recorded: Option<OwnedFd>,
}

/// The names in a folder, sorted, in one buffer that is used again.
#[derive(Debug, Default)]
pub(crate) struct Names {
    bytes: Vec<u8>,
    spans: Vec<(usize, usize)>,
}

impl Folder {
    /// A folder below the root, which has no slash in front.
    pub(crate) fn new(relative: &'static str) -> Self {
        Self {
            relative,
            full: PathBuf::new(),
            path: Vec::with_capacity(PATH_BYTES),
            content: Box::new([0; FILE_BYTES]),
            listing: Box::new([MaybeUninit::uninit(); LISTING_BYTES]),
            opened: None,
            recorded: None,
        }
    }

    /// Opens the folder anew, for one reading. False when it is not there.
    ///
    /// # Errors
    ///
    /// When it is there and cannot be opened.
    pub(crate) fn open(&mut self, root: &Root) -> Result<bool, CollectError> {
        if self.full.as_os_str().is_empty() {
            self.full = root.join(self.relative);
        }
        let path = &self.full;
        (self.opened, self.recorded) = (None, None);
        let opened = root.open_folder_at(path, Path::new(self.relative)).and_then(|folder| {
            let recorded = if root.is_live() { None } else { Some(root.folder()?) };
            Ok((Some(folder), recorded))
        });
        match opened {
            Ok(opened) => {
                (self.opened, self.recorded) = opened;
                Ok(true)
            }
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(false),
            Err(error) => Err(CollectError::unreadable(path, error)),
        }
    }

    /// Lists the folder at `parts` below this one, or itself without parts.
    /// What is not there has no names.
    pub(crate) fn list(&mut self, parts: &[&[u8]], names: &mut Names) {
        names.clear();
        let Some(folder) = self.listed(if parts.is_empty() { &[b"."] } else { parts }) else {
            return;
        };
        let mut entries = RawDir::new(folder.as_fd(), &mut self.listing[..]);
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry) => names.add(entry.file_name().to_bytes()),
                Err(Errno::INTR) => {}
                Err(_) => break,
            }
        }
        names.sort();
    }

    fn listed(&mut self, parts: &[&[u8]]) -> Option<OwnedFd> {
        if let Some(root) = &self.recorded {
            let path = joined(&mut self.path, self.relative, parts)?;
            return open_folder_below(root, path).ok();
        }
        let opened = self.opened.as_ref()?;
        let path = joined(&mut self.path, "", parts)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        retry_on_intr(|| openat(opened, path, flags, Mode::empty())).ok()
    }

    /// The content of the file at `parts`, without white space around it.
    /// `None` when it is not there, not readable or larger than a page.
    pub(crate) fn read(&mut self, parts: &[&[u8]]) -> Option<&[u8]> {
        self.try_read(parts).ok().map(<[u8]>::trim_ascii)
    }

    /// The same, with the reason why there is none.
    pub(crate) fn try_read(&mut self, parts: &[&[u8]]) -> io::Result<&[u8]> {
        let file = self.file(parts)?;
        let mut length = 0;
        loop {
            match retry_on_intr(|| read(&file, &mut self.content[length..]))? {
                0 => return Ok(&self.content[..length]),
                more => length += more,
            }
            if length == FILE_BYTES {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
    }

    fn file(&mut self, parts: &[&[u8]]) -> io::Result<OwnedFd> {
        let bad = io::ErrorKind::InvalidFilename;
        if let Some(root) = &self.recorded {
            return open_file_below(root, joined(&mut self.path, self.relative, parts).ok_or(bad)?);
        }
        let opened = self.opened.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let path = joined(&mut self.path, "", parts).ok_or(bad)?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        Ok(retry_on_intr(|| openat(opened, path, flags, Mode::empty()))?)
    }

    /// Where the link at `parts` leads. `None` when it is no link.
    pub(crate) fn link(&mut self, parts: &[&[u8]]) -> Option<&[u8]> {
        let length = if let Some(root) = &self.recorded {
            let path = joined(&mut self.path, self.relative, parts)?;
            let link = open_link_below(root, path).ok()?;
            readlinkat_raw(link, "", &mut self.content[..]).ok()?
        } else {
            let opened = self.opened.as_ref()?;
            let path = joined(&mut self.path, "", parts)?;
            readlinkat_raw(opened, path, &mut self.content[..]).ok()?
        };
        Some(&self.content[..length])
    }
}

impl std::fmt::Debug for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Folder").field("relative", &self.relative).finish_non_exhaustive()
    }
}

impl Names {
    /// The names, sorted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.spans.iter().map(|&(from, to)| &self.bytes[from..to])
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
    }

    fn add(&mut self, name: &[u8]) {
        if name != b"." && name != b".." && self.spans.len() < MAX_NAMES {
            let from = self.bytes.len();
            self.bytes.extend_from_slice(name);
            self.spans.push((from, self.bytes.len()));
        }
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        self.spans.sort_unstable_by(|a, b| bytes[a.0..a.1].cmp(&bytes[b.0..b.1]));
    }
}

/// The parts with slashes between them below `start`, in a buffer that is used
/// again. `None` when there are none, or when a part leads out of the folder: parts come from the kernel's files, and
/// in a recorded root from anybody.
fn joined<'b>(path: &'b mut Vec<u8>, start: &str, parts: &[&[u8]]) -> Option<&'b [u8]> {
    path.clear();
    path.extend_from_slice(start.as_bytes());
    for part in parts {
        let climbs = part.split(|&byte| byte == b'/').any(|name| name == b"..");
        if climbs || part.starts_with(b"/") || part.contains(&0) {
            return None;
        }
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(part);
    }
    let longest = start.len() + 1 + PATH_BYTES;
    (path.len() > start.len() && path.len() <= longest).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let class = dir.path().join("sys/class");
        for (name, content) in [("b/temp", " 41\n"), ("a/temp", ""), ("c", "7")] {
            let path = class.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        std::os::unix::fs::symlink("b", class.join("d")).unwrap();
        std::fs::write(dir.path().join("secret"), "x").unwrap();
        let mut folder = Folder::new("sys/class");
        assert!(folder.open(&Root::recorded(dir.path())).unwrap());
        (dir, folder)
    }

    #[test]
    fn names_are_sorted_and_files_read() {
        let (_dir, mut folder) = folder();
        let mut names = Names::default();
        folder.list(&[], &mut names);
        assert_eq!(names.iter().collect::<Vec<_>>(), [b"a", b"b", b"c", b"d"]);
        folder.list(&[b"b"], &mut names);
        assert_eq!(names.iter().collect::<Vec<_>>(), [b"temp"]);
        assert_eq!(folder.read(&[b"b", b"temp"]), Some(&b"41"[..]));
        assert_eq!(folder.read(&[b"a/temp"]), Some(&b""[..]));
        assert_eq!(folder.read(&[b"d", b"temp"]), Some(&b"41"[..]));
        assert_eq!(folder.link(&[b"d"]), Some(&b"b"[..]));
        assert_eq!(folder.link(&[b"c"]), None);
        assert_eq!(folder.read(&[b"b"]), None);
    }

    #[test]
    fn no_part_leads_out() {
        let (_dir, mut folder) = folder();
        for parts in [&[&b"../../secret"[..]][..], &[b"b", b"..", b"c"], &[b"/etc/passwd"], &[]] {
            assert_eq!(folder.read(parts), None);
        }
    }

    #[test]
    fn no_link_leads_out_of_a_recorded_root() {
        use std::os::unix::fs::symlink;
        let (dir, mut folder) = folder();
        let class = dir.path().join("sys/class");
        let elsewhere = tempfile::tempdir().unwrap();
        std::fs::write(elsewhere.path().join("temp"), "9").unwrap();
        symlink("temp", elsewhere.path().join("next")).unwrap();
        symlink(elsewhere.path(), class.join("out")).unwrap();
        symlink("../../secret", class.join("up")).unwrap();
        symlink("../../../../../../secret", class.join("far")).unwrap();
        crate::source::tests::pipe_at(&class.join("pipe"));
        let mut names = Names::default();
        folder.list(&[b"out"], &mut names);
        assert_eq!(names.iter().count(), 0);
        assert_eq!(folder.read(&[b"out", b"temp"]), None);
        assert_eq!(folder.link(&[b"out", b"next"]), None);
        assert_eq!(folder.read(&[b"pipe"]), None);
        // These stay inside, however far up they want to go.
        assert_eq!(folder.read(&[b"up"]), Some(&b"x"[..]));
        assert_eq!(folder.read(&[b"far"]), Some(&b"x"[..]));
        symlink(elsewhere.path(), dir.path().join("sys/block")).unwrap();
        assert!(!Folder::new("sys/block").open(&Root::recorded(dir.path())).unwrap());
    }

    #[test]
    fn a_folder_that_is_not_there_has_nothing() {
        let mut folder = Folder::new("sys/class");
        assert!(!folder.open(&Root::recorded("/nowhere")).unwrap());
        let mut names = Names::default();
        folder.list(&[], &mut names);
        assert_eq!((names.iter().count(), folder.read(&[b"c"])), (0, None));
    }
}
