use std::fs::File;
use std::path::{Path, PathBuf};

use watchfire_identity::token::TokenKey;
use watchfire_store::Store;

use super::files::{closed_folder, copy, is_empty, make_folder, remove, sync_folder};
use super::manifest::Manifest;
use super::{BackupError, CONFIG, IDENTITY};
use crate::hub::{HubError, LOCK, TOKEN_KEY, lock};

/// What was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// When the backup was made, in milliseconds since 1970.
    pub made_unix_ms: i64,
    /// The fingerprint of the hub's authority.
    pub authority: String,
    /// How many files, and their bytes.
    pub files: usize,
    /// Their size together, in bytes.
    pub bytes: u64,
    /// The backup's copy of the config, which stays where it is.
    pub config: Option<PathBuf>,
}

/// Puts a backup back into an empty data folder, or one that is not there yet. All of the
/// backup is checked before anything is written. `told` hears which file is next. It blocks.
///
/// # Errors
/// [`BackupError`] says what stands in the way and what to do; nothing is left in the
/// data folder then.
pub fn restore(
    from: &Path,
    data: &Path,
    told: &mut dyn FnMut(&str),
) -> Result<Restored, BackupError> {
    let manifest = Manifest::read(from)?;
    refuse_running(data)?;
    if data.exists() && !is_empty(data)? {
        return Err(BackupError::NotEmpty { path: data.to_owned() });
    }
    told("checksums");
    manifest.check(from)?;
    let is_new = make_folder(data)?;
    // No hub starts on what is half there.
    let held = lock(data).map_err(|error| of_lock(error, data))?;
    let put = put_back(&manifest, from, data, told);
    if put.is_err() {
        clean(&manifest, data);
        drop(held);
        remove(&data.join(LOCK));
        if is_new {
            let _ = std::fs::remove_dir(data);
        }
    }
    put?;
    let config = manifest.files.iter().any(|entry| entry.path == CONFIG);
    let files: Vec<_> = data_files(&manifest).collect();
    Ok(Restored {
        made_unix_ms: manifest.made_unix_ms,
        authority: manifest.authority.clone(),
        files: files.len(),
        bytes: files.iter().map(|entry| entry.bytes).sum(),
        config: config.then(|| from.join(CONFIG)),
    })
}

fn data_files(manifest: &Manifest) -> impl Iterator<Item = &super::Entry> {
    manifest.files.iter().filter(|entry| entry.path != CONFIG)
}

fn put_back(
    manifest: &Manifest,
    from: &Path,
    data: &Path,
    told: &mut dyn FnMut(&str),
) -> Result<(), BackupError> {
    closed_folder(&data.join(IDENTITY))?;
    for entry in data_files(manifest) {
        told(&entry.path);
        copy(&from.join(&entry.path), &data.join(&entry.path))?;
        // What the disk gives back is what counts.
        entry.check(data)?;
    }
    told("tokens");
    end_tokens(data)?;
    sync_folder(&data.join(IDENTITY))?;
    sync_folder(data)
}

/// What was ended since the backup must not come alive with it: no token opens any more, and
/// what signs those of logins and of links in letters is made anew.
fn end_tokens(data: &Path) -> Result<(), BackupError> {
    let store = Store::open(data)?;
    let key = TokenKey::generate();
    store.write(|batch| {
        batch.remove_api_tokens()?;
        batch.put_secret(TOKEN_KEY, key.as_bytes())
    })?;
    Ok(())
}

fn clean(manifest: &Manifest, data: &Path) {
    data_files(manifest).for_each(|entry| remove(&data.join(&entry.path)));
    let _ = std::fs::remove_dir(data.join(IDENTITY));
}

/// A running hub is told as such, and not as a folder that is not empty.
fn refuse_running(data: &Path) -> Result<(), BackupError> {
    let Ok(file) = File::open(data.join(LOCK)) else { return Ok(()) };
    match file.try_lock_shared() {
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(BackupError::Running { data: data.to_owned() })
        }
        Ok(()) => {
            // A child that was just forked has a copy, which would keep it locked.
            let _unlocked = file.unlock();
            Ok(())
        }
        Err(std::fs::TryLockError::Error(_)) => Ok(()),
    }
}

fn of_lock(error: HubError, data: &Path) -> BackupError {
    match error {
        HubError::Lock { path, source } => BackupError::Io { doing: "lock", path, source },
        _ => BackupError::Running { data: data.to_owned() },
    }
}
