//! Whose files are believed: root's, and those of the user that the runner is. Nobody else may
//! be able to write them, nor to put others in their place.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use watchfire_runtime::config::{Place, Problem};

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// Group and others may write.
const WRITABLE: u32 = 0o022;
/// In such a folder others cannot replace what is not theirs.
const STICKY: u32 = 0o1000;

/// The text of a file that only root and `me` could have written; `None` where there is none.
pub(super) fn read(path: &Path, me: u32) -> Result<Option<String>, Problem> {
    let real = match std::fs::canonicalize(path) {
        Ok(real) => real,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(whole(path, format!("cannot be read: {error}"))),
    };
    for folder in real.ancestors().skip(1) {
        let metadata = std::fs::metadata(folder)
            .map_err(|error| whole(folder, format!("cannot be looked at: {error}")))?;
        check(folder, &metadata, me)?;
    }
    // What was looked at is what is read: a link put there meanwhile is not followed.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let opened = rustix::fs::open(&real, flags, Mode::empty());
    let file = opened.map_err(|error| whole(path, format!("cannot be opened: {error}")))?;
    read_file(path, File::from(file), me).map(Some)
}

fn read_file(path: &Path, file: File, me: u32) -> Result<String, Problem> {
    let unreadable = |error: std::io::Error| whole(path, format!("cannot be read: {error}"));
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(whole(path, "this is no file"));
    }
    check(path, &metadata, me)?;
    let mut text = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(whole(path, format!("at most {MAX_BYTES} bytes are read")));
    }
    Ok(text)
}

fn check(path: &Path, metadata: &Metadata, me: u32) -> Result<(), Problem> {
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
    if owner != 0 && owner != me {
        let what = format!("it belongs to the user with the id {owner}, who could let in anybody");
        return Err(whole(path, what).hint(format!("chown root {}", path.display())));
    }
    if mode & WRITABLE != 0 && !(metadata.is_dir() && mode & STICKY != 0) {
        let what = format!("others than its owner may write to it (mode {mode:04o})");
        return Err(whole(path, what).hint(format!("chmod go-w {}", path.display())));
    }
    Ok(())
}

/// A mistake that is about the file as a whole.
pub(super) fn whole(path: &Path, what: impl Into<String>) -> Problem {
    Problem::new(Place::WholeFile(path.to_owned()), what)
}
