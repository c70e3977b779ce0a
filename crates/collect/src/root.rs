use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::{Errno, retry_on_intr};
use rustix::path::Arg;

/// How often the kernel is asked for a path in a recorded root that holds a
/// `..`: it gives up each time when something is renamed meanwhile, wherever
/// that is on the machine.
const MAX_TRIES: u32 = 128;

const FILE: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC);
const FOLDER: OFlags = FILE.union(OFlags::DIRECTORY);

/// Where `/proc`, `/sys` and `/etc` are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    path: PathBuf,
    live: bool,
}

impl Root {
    /// The machine this program runs on.
    #[must_use]
    pub fn live() -> Self {
        Self { path: PathBuf::from("/"), live: true }
    }

    /// A folder that `xtask record-root` wrote. Nothing outside of it is read.
    #[must_use]
    pub fn recorded(dir: impl Into<PathBuf>) -> Self {
        Self { path: dir.into(), live: false }
    }

    /// True when system calls may answer for files.
    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    /// The path of `relative`, which has no slash in front.
    pub(crate) fn join(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.path.join(relative)
    }

    /// Opens the file at `relative` for reading. Of a recorded root only what
    /// is a regular file is opened, and no link leads out of it.
    pub(crate) fn open_file(&self, relative: impl AsRef<Path>) -> io::Result<File> {
        self.open_file_at(&self.join(&relative), relative.as_ref())
    }

    /// The same without a new path: `full` is what [`Self::join`] made of
    /// `relative`.
    pub(crate) fn open_file_at(&self, full: &Path, relative: &Path) -> io::Result<File> {
        if self.live {
            return Ok(retry_on_intr(|| openat(CWD, full, FILE, Mode::empty()))?.into());
        }
        Ok(open_file_below(self.folder()?, relative)?.into())
    }

    /// Opens the folder at `relative`, for which `full` is as above.
    pub(crate) fn open_folder_at(&self, full: &Path, relative: &Path) -> Result<OwnedFd, Errno> {
        if self.live {
            return retry_on_intr(|| openat(CWD, full, FOLDER, Mode::empty()));
        }
        open_folder_below(self.folder()?, or_itself(relative))
    }

    /// The whole file at `relative`, of at most [`crate::MAX_FILE_BYTES`].
    pub(crate) fn read(&self, relative: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let most = crate::MAX_FILE_BYTES;
        let mut content = Vec::new();
        let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        self.open_file(relative)?.take(limit).read_to_end(&mut content)?;
        if content.len() > most {
            return Err(io::Error::other(format!("larger than {most} bytes")));
        }
        Ok(content)
    }

    /// The folder of a recorded root, which may be a link itself.
    pub(crate) fn folder(&self) -> Result<OwnedFd, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        retry_on_intr(|| openat(CWD, &self.path, flags, Mode::empty()))
    }
}

/// Opens a regular file below `folder`, which no link leads out of. What is no
/// file is not opened at all, because opening a pipe waits and opening a device
/// can do things.
///
/// # Errors
///
/// `ISDIR` for a folder and an error in words for all else that is no file.
pub(crate) fn open_file_below(folder: impl AsFd, path: impl Arg + Copy) -> io::Result<OwnedFd> {
    let found = below(folder.as_fd(), path, OFlags::PATH | OFlags::CLOEXEC)?;
    refuse_all_but_files(&found)?;
    let file = below(folder.as_fd(), path, FILE | OFlags::NONBLOCK | OFlags::NOCTTY)?;
    refuse_all_but_files(&file)?;
    Ok(file)
}

/// Opens a folder below `folder`, which no link leads out of.
pub(crate) fn open_folder_below(
    folder: impl AsFd,
    path: impl Arg + Copy,
) -> Result<OwnedFd, Errno> {
    below(folder, path, FOLDER)
}

/// Opens a link below `folder` itself, not what it leads to.
pub(crate) fn open_link_below(folder: impl AsFd, path: impl Arg + Copy) -> Result<OwnedFd, Errno> {
    below(folder, path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC)
}

fn below(folder: impl AsFd, path: impl Arg + Copy, flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let open = || retry_on_intr(|| openat2(folder.as_fd(), path, flags, Mode::empty(), resolve));
    let mut tried = 1;
    loop {
        match open() {
            Err(Errno::AGAIN) if tried < MAX_TRIES => tried += 1,
            opened => return opened,
        }
    }
}

fn refuse_all_but_files(file: &OwnedFd) -> io::Result<()> {
    match FileType::from_raw_mode(fstat(file)?.st_mode) {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(Errno::ISDIR.into()),
        _ => Err(io::Error::other("it is no regular file; replace it with a copy of its content")),
    }
}

/// The folder itself, when there is no path.
fn or_itself(relative: &Path) -> &Path {
    if relative.as_os_str().is_empty() { Path::new(".") } else { relative }
}
