use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::HubError;

/// The file in the data folder that one running hub holds locked.
pub(crate) const LOCK: &str = "hub.lock";

/// Keeps every other hub away from a data folder for as long as it lives.
#[derive(Debug)]
pub(crate) struct FolderLock(File);

/// Locks `folder`.
///
/// # Errors
/// [`HubError::InUse`] when another hub has it, [`HubError::Lock`] when it cannot be
/// locked at all.
pub(crate) fn lock(folder: &Path) -> Result<FolderLock, HubError> {
    let path = folder.join(LOCK);
    let opened = File::options().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file = opened.map_err(|source| HubError::Lock { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(FolderLock(file)),
        Err(TryLockError::WouldBlock) => Err(HubError::InUse { folder: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(HubError::Lock { path, source }),
    }
}

impl Drop for FolderLock {
    /// Closing alone would leave it locked for as long as a child that was just forked
    /// has its copy of the file.
    fn drop(&mut self) {
        let _unlocked = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a child has between fork and exec is such a copy.
    #[test]
    fn a_copy_of_the_locked_file_does_not_keep_it_locked() {
        let folder = tempfile::tempdir().expect("a folder");
        let held = lock(folder.path()).expect("nobody has it");
        let copy = held.0.try_clone().expect("a copy");
        assert!(matches!(lock(folder.path()), Err(HubError::InUse { .. })));
        drop(held);
        lock(folder.path()).expect("nobody has it any more");
        drop(copy);
    }
}
