//! Files that are the hub's alone.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use watchfire_runtime::Secret;

use super::IdentityError;

/// The database's file, by which a hub's data folder is known.
const DATABASE: &str = "watchfire.db";
/// No file of ours is larger, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Waits for the lock on `path`, which ends with the file.
pub(super) fn lock(path: &Path) -> Result<File, IdentityError> {
    let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
    let file = opened.map_err(IdentityError::io("open", path))?;
    file.lock().map_err(IdentityError::io("lock", path))?;
    Ok(file)
}

/// Makes `folder`, and takes away what an earlier try left of it.
pub(super) fn empty_folder(folder: &Path) -> Result<(), IdentityError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(IdentityError::io("remove", folder)(error));
        }
        _ => {}
    }
    let made = DirBuilder::new().mode(0o700).create(folder);
    made.map_err(IdentityError::io("create", folder))
}

/// Gives a folder its name, durably.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), IdentityError> {
    let renamed = fs::rename(from, to).and_then(|()| sync_parent(to));
    renamed.map_err(IdentityError::io("create", to))
}

/// Whoever may write to a folder may put any file in the place of ours, and whoever
/// may enter it sees what there is.
pub(super) fn check_folder(me: u32, folder: &Path) -> Result<(), IdentityError> {
    let metadata = fs::metadata(folder).map_err(IdentityError::io("look at", folder))?;
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
    if owner != me {
        return Err(IdentityError::Foreign { path: folder.to_owned(), owner, me });
    }
    if mode & 0o077 != 0 {
        return Err(IdentityError::OpenFolder { path: folder.to_owned(), mode });
    }
    Ok(())
}

/// True when a folder holds a hub's data, or nothing.
pub(super) fn is_ours(folder: &Path) -> bool {
    if folder.join(DATABASE).exists() {
        return true;
    }
    let Ok(entries) = fs::read_dir(folder) else { return false };
    // A volume of its own comes with that one.
    entries.flatten().all(|entry| entry.file_name() == "lost+found")
}

/// Lets nobody else in from now on.
pub(super) fn close_folder(folder: &Path) -> Result<(), IdentityError> {
    let closed = fs::set_permissions(folder, Permissions::from_mode(0o700));
    closed.map_err(IdentityError::io("close to others", folder))?;
    tracing::warn!(
        folder = %folder.display(),
        "others could enter the data folder, which holds the hub's keys: it has the mode 0700 now"
    );
    Ok(())
}

/// The text of a file that is ours and that nobody else may read or write;
/// `None` when there is no such file.
pub(super) fn read_private(me: u32, path: &Path) -> Result<Option<Secret>, IdentityError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(IdentityError::io("open", path)(error)),
    };
    let metadata = file.metadata().map_err(IdentityError::io("look at", path))?;
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o777);
    if owner != me {
        return Err(IdentityError::Foreign { path: path.to_owned(), owner, me });
    }
    if mode & 0o077 != 0 {
        return Err(IdentityError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    let read = file.take(MAX_FILE_BYTES).read_to_string(&mut text);
    read.map_err(IdentityError::io("read", path))?;
    Ok(Some(Secret::new(text)))
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), IdentityError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(IdentityError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Writes a file as a whole or not at all, for the owner alone.
pub(super) fn write_private(path: &Path, content: &[u8]) -> Result<(), IdentityError> {
    let fresh = path.with_extension("new");
    remove(&fresh)?;
    let written = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        sync_parent(path)
    };
    written().map_err(IdentityError::io("write", path))
}

fn sync_parent(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
