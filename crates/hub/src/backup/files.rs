//! Files of a backup: for their owner alone, durable, and never over others.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use watchfire_identity::certificate::Fingerprint;

use super::BackupError;

/// What a volume of its own comes with.
const LOST_AND_FOUND: &str = "lost+found";

/// Makes a folder for its owner alone, or takes an empty one that is ours. True when it
/// was made.
pub(super) fn make_folder(path: &Path) -> Result<bool, BackupError> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
            made.map_err(BackupError::io("create", path))?;
            if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                sync_folder(parent)?;
            }
            return Ok(true);
        }
        Err(error) => return Err(BackupError::io("look at", path)(error)),
    };
    let (owner, me) = (metadata.uid(), geteuid().as_raw());
    if owner != me {
        return Err(BackupError::Foreign { path: path.to_owned(), owner, me });
    }
    if !is_empty(path)? {
        return Err(BackupError::NotEmpty { path: path.to_owned() });
    }
    fs::set_permissions(path, Permissions::from_mode(0o700))
        .map_err(BackupError::io("close to others", path))?;
    Ok(false)
}

/// Makes a folder that is not there yet, for its owner alone.
pub(super) fn closed_folder(path: &Path) -> Result<(), BackupError> {
    DirBuilder::new().mode(0o700).create(path).map_err(BackupError::io("create", path))
}

/// True when nothing is in a folder but what a volume of its own comes with.
pub(super) fn is_empty(path: &Path) -> Result<bool, BackupError> {
    let entries = fs::read_dir(path).map_err(BackupError::io("list", path))?;
    let mut others = entries.flatten().filter(|entry| entry.file_name() != LOST_AND_FOUND);
    Ok(others.next().is_none())
}

/// Copies a file to a place where none is, durably.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    let mut source = File::open(from).map_err(BackupError::io("read", from))?;
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let mut copy = made.map_err(BackupError::io("create", to))?;
    let copied = std::io::copy(&mut source, &mut copy).and_then(|_| copy.sync_all());
    copied.map_err(BackupError::io("write", to))
}

/// The SHA-256 and the size of a file.
pub(super) fn fingerprint_and_size(path: &Path) -> Result<(String, u64), BackupError> {
    let file = File::open(path).map_err(BackupError::io("read", path))?;
    let bytes = file.metadata().map_err(BackupError::io("look at", path))?.len();
    let print = Fingerprint::of_reader(file).map_err(BackupError::io("read", path))?;
    Ok((print.to_string(), bytes))
}

/// Makes what was created in a folder durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), BackupError> {
    let synced = File::open(path).and_then(|folder| folder.sync_all());
    synced.map_err(BackupError::io("sync", path))
}

/// Removes a file, if it is there and can be.
pub(super) fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != ErrorKind::NotFound
    {
        tracing::debug!(path = %path.display(), %error, "a file cannot be removed");
    }
}

/// True when `path` is `folder` or would lie in it.
pub(super) fn is_inside(path: &Path, folder: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else { return false };
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // Of a path that is not there yet, the nearest folder that is says where it lies.
    let there: Option<PathBuf> = absolute.ancestors().find_map(|one| one.canonicalize().ok());
    there.is_some_and(|there| there.starts_with(&folder))
}
