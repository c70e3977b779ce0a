//! Copies of the databases, made while they are in use.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rusqlite::Connection;

use crate::connection::{look_through, open_to_look};
use crate::migrations::{self, Format};
use crate::{History, HistoryError, Store, StoreError, folder};

impl Store {
    /// Copies `watchfire.db` as it is at this moment to the new file `to`, and looks through the
    /// copy. Readers and writers go on meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Folder`] when `to` is there already or cannot be made,
    /// [`StoreError::Damaged`] when the copy is not whole, and what the disk refuses. No file is
    /// left then.
    pub fn backup_to(&self, to: &Path) -> Result<(), StoreError> {
        copy(self.database(), to, &migrations::WATCHFIRE)
    }
}

impl History {
    /// Copies `history.db`, as [`Store::backup_to`] does. While it goes on, the log beside the
    /// file is not cut back.
    ///
    /// # Errors
    /// As [`Store::backup_to`].
    pub fn backup_to(&self, to: &Path) -> Result<(), HistoryError> {
        Ok(copy(&folder::history_file(self.folder()), to, &migrations::HISTORY)?)
    }
}

/// Copies `watchfire.db` of a data folder, which a hub may have open, as [`Store::backup_to`] does.
///
/// # Errors
/// As [`Store::backup_to`].
pub fn backup_store(folder: &Path, to: &Path) -> Result<(), StoreError> {
    copy(&folder::store_file(folder), to, &migrations::WATCHFIRE)
}

/// Copies `history.db` of a data folder, which a hub may have open, as [`Store::backup_to`] does.
///
/// # Errors
/// As [`Store::backup_to`].
pub fn backup_history(folder: &Path, to: &Path) -> Result<(), HistoryError> {
    Ok(copy(&folder::history_file(folder), to, &migrations::HISTORY)?)
}

fn copy(from: &Path, to: &Path, format: &Format) -> Result<(), StoreError> {
    let refused =
        |error: std::io::Error| StoreError::Folder { path: to.to_owned(), why: error.to_string() };
    let source = open_to_look(from)?;
    migrations::check(&source, format)?;
    // SQLite fills an empty file, which keeps the mode that it is made with.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    drop(file.map_err(refused)?);
    let copied = fill(&source, to, format).and_then(|()| {
        File::open(to).and_then(|file| file.sync_all()).map_err(refused)?;
        let beside = to.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = beside.unwrap_or_else(|| Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(refused)
    });
    if copied.is_err() {
        // What is not whole must not be taken for a copy.
        std::fs::remove_file(to).map_err(refused)?;
    }
    copied
}

fn fill(source: &Connection, to: &Path, format: &Format) -> Result<(), StoreError> {
    let name = to.to_str().ok_or_else(|| StoreError::Folder {
        path: to.to_owned(),
        why: "its name is no UTF-8".to_owned(),
    })?;
    source.execute("VACUUM INTO ?1", [name])?;
    let copy = open_to_look(to)?;
    migrations::check(&copy, format)?;
    look_through(&copy, true)
}
