//! Files and folders that are the agent's alone. Only what its own user wrote
//! is believed, and only when nobody else could have.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::error::AgentError;

/// No file of ours is larger, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Makes a folder where it is missing, and refuses one that others can write to.
pub(crate) fn folder(me: u32, folder: &Path) -> Result<(), AgentError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(AgentError::data("create", folder))?;
    check_folder(me, folder)
}

/// The content of a file that is ours and that nobody else may read or write;
/// `None` when there is no such file.
pub(crate) fn read(me: u32, path: &Path) -> Result<Option<Vec<u8>>, AgentError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(AgentError::data("open", path)(error)),
    };
    let metadata = file.metadata().map_err(AgentError::data("look at", path))?;
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o777);
    if owner != me {
        return Err(AgentError::Foreign { path: path.to_owned(), owner, me });
    }
    if mode & 0o077 != 0 {
        return Err(AgentError::Exposed { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(AgentError::data("read", path))?;
    Ok(Some(bytes))
}

/// Writes a file as a whole or not at all, for the owner alone.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), AgentError> {
    let fresh = path.with_extension("new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(AgentError::data("remove", fresh)(error));
        }
        _ => {}
    }
    let written = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        match path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    };
    written().map_err(AgentError::data("write", path))
}

/// Whoever may write to a folder may put any file in the place of ours, even
/// where the sticky bit keeps ours: before we make it. Root may anyway.
fn check_folder(me: u32, folder: &Path) -> Result<(), AgentError> {
    let metadata = fs::metadata(folder).map_err(AgentError::data("look at", folder))?;
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
    if owner != me && owner != 0 {
        return Err(AgentError::Foreign { path: folder.to_owned(), owner, me });
    }
    if mode & 0o022 != 0 {
        return Err(AgentError::OpenFolder { path: folder.to_owned(), mode });
    }
    Ok(())
}
