//! The folder `record`: who may use it, and which files in it are ours.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::error::RecorderError;

const LOCK_FILE: &str = "lock";
const SUFFIX: &str = ".segment";
const DIGITS: usize = 16;
/// Numbers of segments stay below this, so that sequences fit into 64 bits.
/// One segment a second would last 34,000 years.
const MAX_NUMBER: u64 = 1 << 40;

/// The folder of a ring, locked: while this lives, nobody else writes to it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    me: u32,
    lock: File,
}

/// A file that has the name of a segment.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

impl Folder {
    /// Makes the folder where it is missing, and locks it for the user `me`.
    pub(super) fn lock(path: &Path, me: u32) -> Result<Self, RecorderError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(RecorderError::io("create", path))?;
        check_folder(path, |owner| owner == me || owner == 0, me)?;
        let lock_path = path.join(LOCK_FILE);
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(plain_file_flags())
            .open(&lock_path)
            .map_err(RecorderError::io("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), me, lock }),
            Err(TryLockError::WouldBlock) => Err(RecorderError::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => Err(RecorderError::io("lock", &lock_path)(error)),
        }
    }

    pub(super) fn segment_path(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:0DIGITS$}{SUFFIX}"))
    }

    pub(super) fn list(&self) -> Result<Vec<Listed>, RecorderError> {
        list(&self.path)
    }

    /// A segment of ours for reading and mending.
    pub(super) fn open(&self, path: &Path) -> Result<File, RecorderError> {
        open_segment(path, true, |owner| owner == self.me, self.me)
    }

    /// Puts what was made and removed in the folder on the disk.
    pub(super) fn sync(path: &Path) -> std::io::Result<()> {
        File::open(path)?.sync_all()
    }
}

impl Drop for Folder {
    /// Closing alone would leave it locked for as long as a child that was just forked
    /// has its copy of the file.
    fn drop(&mut self) {
        let _unlocked = self.lock.unlock();
    }
}

/// The number that comes after the last of `listed`.
pub(super) fn next_number(listed: &[Listed]) -> u64 {
    listed.last().map_or(1, |last| last.number + 1)
}

/// Every file that has the name of a segment, by number. Whatever else is in
/// the folder is left alone and does not count.
pub(super) fn list(folder: &Path) -> Result<Vec<Listed>, RecorderError> {
    let mut listed = Vec::new();
    for entry in fs::read_dir(folder).map_err(RecorderError::io("list", folder))? {
        let entry = entry.map_err(RecorderError::io("list", folder))?;
        let Some(number) = entry.file_name().to_str().and_then(number_of) else { continue };
        // A segment that is gone by now was removed by the ring.
        let Ok(metadata) = entry.metadata() else { continue };
        if !metadata.is_dir() {
            listed.push(Listed { number, path: entry.path(), bytes: metadata.len() });
        }
    }
    listed.sort_unstable_by_key(|listed| listed.number);
    Ok(listed)
}

/// The same for whoever reads while the ring turns. A listing may miss a file
/// that is made during it and show a later one, so only what is not newer than
/// the newest of a first listing is taken from a second one.
pub(super) fn list_beside_writer(folder: &Path) -> Result<Vec<Listed>, RecorderError> {
    let newest = list(folder)?.last().map_or(0, |last| last.number);
    let mut listed = list(folder)?;
    listed.retain(|listed| listed.number <= newest);
    Ok(listed)
}

fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let plain = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|&number| plain && number < MAX_NUMBER)
}

/// For whoever reads: a folder that only its owner can have filled. Returns the owner.
pub(super) fn check_for_reading(folder: &Path, me: u32) -> Result<u32, RecorderError> {
    // Root reads what belongs to an agent that runs as somebody else.
    let metadata = check_folder(folder, |owner| owner == me || owner == 0 || me == 0, me)?;
    Ok(metadata.uid())
}

/// A segment for reading, if it belongs to the folder's owner.
pub(super) fn open_for_reading(path: &Path, folder_owner: u32) -> Result<File, RecorderError> {
    // A folder of root's may be used by an agent that runs as somebody else.
    open_segment(path, false, |owner| owner == folder_owner || folder_owner == 0, folder_owner)
}

fn check_folder(
    path: &Path,
    may_own: impl Fn(u32) -> bool,
    me: u32,
) -> Result<Metadata, RecorderError> {
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => RecorderError::NoRecord { path: path.to_owned() },
        _ => RecorderError::io("look at", path)(error),
    })?;
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
    if !may_own(owner) {
        return Err(RecorderError::Foreign { path: path.to_owned(), owner, me });
    }
    if mode & 0o022 != 0 {
        return Err(RecorderError::OpenFolder { path: path.to_owned(), mode });
    }
    Ok(metadata)
}

fn open_segment(
    path: &Path,
    write: bool,
    may_own: impl Fn(u32) -> bool,
    me: u32,
) -> Result<File, RecorderError> {
    let file = OpenOptions::new()
        .read(true)
        .write(write)
        .custom_flags(plain_file_flags())
        .open(path)
        .map_err(RecorderError::io("open", path))?;
    let metadata = file.metadata().map_err(RecorderError::io("look at", path))?;
    let owner = metadata.uid();
    if !metadata.is_file() || !may_own(owner) {
        return Err(RecorderError::Foreign { path: path.to_owned(), owner, me });
    }
    Ok(file)
}

/// No link is followed, and no pipe that lies in the place of a file is waited for.
fn plain_file_flags() -> i32 {
    (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a child has between fork and exec is such a copy.
    #[test]
    fn a_copy_of_the_locked_file_does_not_keep_it_locked() {
        let place = tempfile::tempdir().expect("a folder");
        let (path, me) = (place.path().join("record"), rustix::process::geteuid().as_raw());
        let folder = Folder::lock(&path, me).expect("nobody has it");
        let copy = folder.lock.try_clone().expect("a copy");
        assert!(matches!(Folder::lock(&path, me), Err(RecorderError::Locked { .. })));
        drop(folder);
        Folder::lock(&path, me).expect("nobody has it any more");
        drop(copy);
    }

    #[test]
    fn only_exact_names_are_segments() {
        assert_eq!(number_of("0000000000000042.segment"), Some(42));
        for name in
            ["42.segment", "+000000000000042.segment", "0000000000000042.segment.new", "lock", ""]
        {
            assert_eq!(number_of(name), None, "{name}");
        }
        assert_eq!(number_of("9999999999999999.segment"), None, "sequences would overflow");
    }
}
