//! A copy of a hub that can be put back: both databases, the authority and the hub's key,
//! and its config where that is known. The hub may run meanwhile.
//!
//! The manifest is written last, with a checksum of every file. Without it a folder is no
//! backup, so one that a crash cut short is never put back.

mod error;
mod files;
mod manifest;
mod restore;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use watchfire_identity::certificate::Fingerprint;
use watchfire_model::Moment;
use watchfire_store::{backup_history, backup_store};

pub use error::BackupError;
use files::{
    closed_folder, copy, fingerprint_and_size, is_inside, make_folder, remove, sync_folder,
};
use manifest::{Entry, Manifest};
pub use restore::{Restored, restore};

use crate::identity::{CA, CA_KEY, FOLDER as IDENTITY, HUB_KEY};

const STORE: &str = "watchfire.db";
const HISTORY: &str = "history.db";
/// The copy of the config.
const CONFIG: &str = "hub.toml";
/// Files of the identity that a hub cannot be put back without, and its own key.
const KEYS: [&str; 3] = [CA_KEY, CA, HUB_KEY];

/// What is to be copied where.
#[derive(Debug, Clone, Copy)]
pub struct BackupWish<'a> {
    /// The hub's data folder.
    pub data: &'a Path,
    /// The hub's config file, where there is one.
    pub config: Option<&'a Path>,
    /// The folder of the copy: an empty one, or one that is not there yet.
    pub to: &'a Path,
}

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUp {
    /// Each file, by its path in the backup, with its size in bytes.
    pub files: Vec<(String, u64)>,
    /// The fingerprint of the hub's authority.
    pub authority: String,
}

impl BackedUp {
    /// The size of all files together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, bytes)| bytes).sum()
    }
}

/// Copies a hub. `told` hears which file is next. It blocks.
///
/// # Errors
/// [`BackupError`] says what stands in the way and what to do; nothing of the copy is
/// left then.
pub fn back_up(
    wish: &BackupWish<'_>,
    now: Moment,
    told: &mut dyn FnMut(&str),
) -> Result<BackedUp, BackupError> {
    let BackupWish { data, to, .. } = *wish;
    if !data.join(STORE).exists() {
        return Err(BackupError::NoHub { data: data.to_owned() });
    }
    if is_inside(to, data) {
        return Err(BackupError::Inside { to: to.to_owned(), data: data.to_owned() });
    }
    let is_ours = make_folder(to)?;
    let copied = copy_all(wish, now, told);
    if copied.is_err() {
        clean(to, is_ours);
    }
    copied
}

fn copy_all(
    wish: &BackupWish<'_>,
    now: Moment,
    told: &mut dyn FnMut(&str),
) -> Result<BackedUp, BackupError> {
    let BackupWish { data, config, to } = *wish;
    let mut paths = Vec::new();
    closed_folder(&to.join(IDENTITY))?;
    for key in KEYS {
        let path = format!("{IDENTITY}/{key}");
        let from = data.join(&path);
        // The hub's own key can be made anew; the authority cannot.
        if key == HUB_KEY && !from.exists() {
            continue;
        }
        copy(&from, &to.join(&path))?;
        paths.push(path);
    }
    let ca = std::fs::read_to_string(to.join(IDENTITY).join(CA));
    let ca = ca.map_err(BackupError::io("read", to.join(IDENTITY).join(CA)))?;
    let authority = watchfire_identity::certificate::certificate_der(&ca)
        .map(|der| Fingerprint::of(&der).to_string())
        .map_err(|why| BackupError::Authority { path: data.join(IDENTITY).join(CA), why })?;
    if let Some(config) = config {
        copy(config, &to.join(CONFIG))?;
        paths.push(CONFIG.to_owned());
    }
    told(STORE);
    backup_store(data, &to.join(STORE))?;
    paths.push(STORE.to_owned());
    if data.join(HISTORY).exists() {
        told(HISTORY);
        backup_history(data, &to.join(HISTORY))?;
        paths.push(HISTORY.to_owned());
    }
    told("checksums");
    let entries = paths.into_iter().map(|path| Entry::of(to, path));
    let files = entries.collect::<Result<Vec<_>, _>>()?;
    sync_folder(&to.join(IDENTITY))?;
    let manifest = Manifest::new(now, authority.clone(), files);
    manifest.write(to)?;
    let files = manifest.files.into_iter().map(|entry| (entry.path, entry.bytes)).collect();
    Ok(BackedUp { files, authority })
}

/// Takes away what a failed copy left. What cannot be removed is no backup all the same.
fn clean(to: &Path, is_ours: bool) {
    let keys = KEYS.map(|key| PathBuf::from(IDENTITY).join(key));
    let all = keys.into_iter().chain([CONFIG, STORE, HISTORY].map(PathBuf::from));
    all.for_each(|path| remove(&to.join(path)));
    let _ = std::fs::remove_dir(to.join(IDENTITY));
    if is_ours {
        let _ = std::fs::remove_dir(to);
    }
}

impl Entry {
    fn of(folder: &Path, path: String) -> Result<Self, BackupError> {
        let (sha256, bytes) = fingerprint_and_size(&folder.join(&path))?;
        Ok(Self { path, bytes, sha256 })
    }
}
