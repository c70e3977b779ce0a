//! The data folder and the modes of what is in it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::StoreError;

const DATABASE: &str = "watchfire.db";
const WAL: &str = "watchfire.db-wal";
const WAL_INDEX: &str = "watchfire.db-shm";
const LOCK: &str = "watchfire.lock";
const HISTORY: &str = "history.db";
const HISTORY_FILES: [&str; 3] = ["history.db-wal", "history.db-shm", HISTORY];
const HISTORY_LOCK: &str = "history.lock";
/// Where a damaged history is kept: the last one only, so that what is broken
/// over and over does not fill the disk.
const DAMAGED_HISTORY: &str = "damaged-history";

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// The bit that lets anybody write.
const WRITABLE_BY_ALL: u32 = 0o002;

/// A data folder that is ready, and locked against others that open it.
#[derive(Debug)]
pub(crate) struct Folder {
    /// Where the database is.
    pub(crate) database: PathBuf,
    /// Two processes that create the database at once would hinder each other.
    /// The lock ends with this value.
    _lock: Locked,
}

/// A file that is locked for as long as this lives.
#[derive(Debug)]
struct Locked(File);

impl Drop for Locked {
    /// Closing alone would leave it locked for as long as a child that was just forked
    /// has its copy of the file.
    fn drop(&mut self) {
        let _unlocked = self.0.unlock();
    }
}

/// Where `watchfire.db` is in a data folder.
pub(crate) fn store_file(folder: &Path) -> PathBuf {
    folder.join(DATABASE)
}

/// Where `history.db` is in a data folder.
pub(crate) fn history_file(folder: &Path) -> PathBuf {
    folder.join(HISTORY)
}

/// Makes the folder and an empty database file if they are not there, and gives
/// the files the mode 0600. A folder that was there keeps its mode.
pub(crate) fn prepare(folder: &Path) -> Result<Folder, StoreError> {
    let refused = |error: io::Error| refusal(folder, &error.to_string());
    ready(folder)?;
    let lock = open_lock(&folder.join(LOCK)).map_err(refused)?;
    let database = folder.join(DATABASE);
    make_database(folder, &database).map_err(refused)?;
    Ok(Folder { database, _lock: lock })
}

/// As [`prepare`], for the history. Its lock is held as long as the history is
/// open: one process has it at a time.
///
/// # Errors
/// Also [`StoreError::Busy`] when another one has it.
pub(crate) fn prepare_history(folder: &Path) -> Result<Folder, StoreError> {
    let refused = |error: io::Error| refusal(folder, &error.to_string());
    ready(folder)?;
    let lock = lock_file(&folder.join(HISTORY_LOCK)).map_err(refused)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Err(StoreError::Busy),
        Err(fs::TryLockError::Error(error)) => return Err(refused(error)),
    }
    let lock = Locked(lock);
    let database = folder.join(HISTORY);
    make_database(folder, &database).map_err(refused)?;
    Ok(Folder { database, _lock: lock })
}

/// Moves a damaged history into the folder `damaged-history`, in place of an
/// earlier one, makes an empty file, and returns that folder. Whoever calls this
/// holds the lock and has no connection open.
pub(crate) fn set_history_aside(folder: &Path) -> Result<PathBuf, StoreError> {
    let refused = |error: io::Error| refusal(folder, &error.to_string());
    let aside = folder.join(DAMAGED_HISTORY);
    match DirBuilder::new().mode(FOLDER_MODE).create(&aside) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other.map_err(refused)?,
    }
    for file in HISTORY_FILES {
        let absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        match fs::remove_file(aside.join(file)) {
            Err(error) if !absent(&error) => return Err(refused(error)),
            _ => {}
        }
        match fs::rename(folder.join(file), aside.join(file)) {
            Err(error) if !absent(&error) => return Err(refused(error)),
            _ => {}
        }
    }
    make_database(folder, &folder.join(HISTORY)).map_err(refused)?;
    Ok(aside)
}

fn ready(folder: &Path) -> Result<(), StoreError> {
    let refused = |error: io::Error| refusal(folder, &error.to_string());
    make_folder(folder).map_err(refused)?;
    let mode = fs::metadata(folder).map_err(refused)?.permissions().mode();
    if mode & WRITABLE_BY_ALL != 0 {
        let why = "anybody may write to it: choose a folder of its own, or chmod it to 700";
        return Err(refusal(folder, why));
    }
    Ok(())
}

/// Moves a damaged database out of the way, with SQLite's files beside it, into
/// the new folder `damaged-NAME` of the data folder, and returns that folder.
///
/// [`Store::open`](crate::Store::open) then makes an empty database: history and
/// secrets are gone from it, and the watching goes on. No process may have the
/// database open.
///
/// # Errors
/// [`StoreError::Folder`] when there is no database, when `damaged-NAME` is
/// there already, or when the files cannot be moved.
pub fn set_aside(folder: &Path, name: &str) -> Result<PathBuf, StoreError> {
    let refused = |error: io::Error| refusal(folder, &error.to_string());
    let _lock = open_lock(&folder.join(LOCK)).map_err(refused)?;
    let aside = folder.join(format!("damaged-{name}"));
    DirBuilder::new().mode(FOLDER_MODE).create(&aside).map_err(refused)?;
    // SQLite's own files go first: after a crash in between, none of them can
    // be applied to a database that it does not belong to.
    for file in [WAL, WAL_INDEX, DATABASE] {
        match fs::rename(folder.join(file), aside.join(file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && file != DATABASE => {}
            other => other.map_err(refused)?,
        }
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(refused)?;
    Ok(aside)
}

fn refusal(path: &Path, why: &str) -> StoreError {
    StoreError::Folder { path: path.to_owned(), why: why.to_owned() }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
    match folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

fn open_lock(path: &Path) -> io::Result<Locked> {
    let file = lock_file(path)?;
    file.lock()?;
    Ok(Locked(file))
}

fn lock_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(FILE_MODE).open(path)
}

/// An existing database is never opened here: closing it again would drop the
/// locks that SQLite holds on it in this process.
fn make_database(folder: &Path, database: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(database) {
        Ok(file) => {
            file.sync_all()?;
            File::open(folder)?.sync_all()
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::set_permissions(database, Permissions::from_mode(FILE_MODE))?;
            for beside in ["-wal", "-shm"] {
                let mut path = database.as_os_str().to_owned();
                path.push(beside);
                close_to_others(Path::new(&path))?;
            }
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn close_to_others(path: &Path) -> io::Result<()> {
    match fs::set_permissions(path, Permissions::from_mode(FILE_MODE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_for_its_owner_alone() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("a/b");
        let prepared = prepare(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&prepared.database), 0o600);
    }

    /// What a child has between fork and exec is such a copy.
    #[test]
    fn a_copy_of_the_locked_file_does_not_keep_it_locked() {
        let folder = tempfile::tempdir().unwrap();
        let prepared = prepare_history(folder.path()).unwrap();
        let copy = prepared._lock.0.try_clone().unwrap();
        assert!(matches!(prepare_history(folder.path()), Err(StoreError::Busy)));
        drop(prepared);
        assert!(prepare_history(folder.path()).is_ok());
        drop(copy);
    }

    #[test]
    fn files_open_to_others_are_closed_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let database = prepare(folder.path()).unwrap().database;
        fs::set_permissions(&database, Permissions::from_mode(0o644)).unwrap();
        prepare(folder.path()).unwrap();
        assert_eq!(mode(&database), 0o600);
    }

    #[test]
    fn a_folder_that_anybody_may_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        let error = prepare(folder.path()).unwrap_err();
        assert!(error.to_string().contains("chmod"), "{error}");
    }

    #[test]
    fn a_file_is_no_folder() {
        let outer = tempfile::tempdir().unwrap();
        let file = outer.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(prepare(&file), Err(StoreError::Folder { .. })));
    }
}
