//! What a backup holds.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use watchfire_model::Moment;

use super::files::{fingerprint_and_size, sync_folder};
use super::{BackupError, CA, CA_KEY, CONFIG, HISTORY, IDENTITY, KEYS, STORE};

/// The manifest's file. It is written last.
const FILE: &str = "manifest.json";
const FRESH: &str = "manifest.json.new";
/// The newest format that is known.
const FORMAT: u32 = 1;
/// The largest manifest that is read, in bytes.
const MAX_BYTES: u64 = 64 << 10;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    /// The release that made it.
    release: String,
    pub(super) made_unix_ms: i64,
    /// The fingerprint of the authority.
    pub(super) authority: String,
    pub(super) files: Vec<Entry>,
}

/// One file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Its path in the backup, with slashes.
    pub(super) path: String,
    pub(super) bytes: u64,
    /// In hexadecimal digits.
    pub(super) sha256: String,
}

impl Manifest {
    pub(super) fn new(now: Moment, authority: String, files: Vec<Entry>) -> Self {
        let release = env!("CARGO_PKG_VERSION").to_owned();
        Self { format: FORMAT, release, made_unix_ms: now.unix_ms, authority, files }
    }

    /// Makes the folder a backup, durably.
    pub(super) fn write(&self, folder: &Path) -> Result<(), BackupError> {
        let (fresh, path) = (folder.join(FRESH), folder.join(FILE));
        let write = || -> std::io::Result<()> {
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.sync_all()
        };
        // All else is there for certain before the name is.
        write().map_err(BackupError::io("write", &fresh))?;
        sync_folder(folder)?;
        fs::rename(&fresh, &path).map_err(BackupError::io("write", &path))?;
        sync_folder(folder)
    }

    /// Reads the manifest of a backup. It names what a hub needs, and nothing else.
    pub(super) fn read(folder: &Path) -> Result<Self, BackupError> {
        let not_whole = |why: String| BackupError::NotWhole { folder: folder.to_owned(), why };
        let path = folder.join(FILE);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(not_whole(format!("{FILE} is missing")));
            }
            Err(error) => return Err(BackupError::io("read", &path)(error)),
        };
        let mut text = String::new();
        let read = file.take(MAX_BYTES).read_to_string(&mut text);
        read.map_err(BackupError::io("read", &path))?;
        let manifest: Self =
            serde_json::from_str(&text).map_err(|error| not_whole(format!("{FILE}: {error}")))?;
        if manifest.format > FORMAT {
            let (found, release) = (manifest.format, manifest.release);
            return Err(BackupError::Newer { found, known: FORMAT, release });
        }
        manifest.check_paths().map_err(not_whole)?;
        Ok(manifest)
    }

    /// Compares every file with its checksum.
    pub(super) fn check(&self, folder: &Path) -> Result<(), BackupError> {
        self.files.iter().try_for_each(|entry| entry.check(folder))
    }

    fn check_paths(&self) -> Result<(), String> {
        let keys = KEYS.map(|key| format!("{IDENTITY}/{key}"));
        let known = |path: &str| {
            [STORE, HISTORY, CONFIG].contains(&path) || keys.iter().any(|key| key == path)
        };
        if let Some(strange) = self.files.iter().find(|entry| !known(&entry.path)) {
            return Err(format!("{FILE} names {:?}, which no backup holds", strange.path));
        }
        let needed = [STORE.to_owned(), format!("{IDENTITY}/{CA_KEY}"), format!("{IDENTITY}/{CA}")];
        for needed in needed {
            match self.files.iter().filter(|entry| entry.path == needed).count() {
                1 => {}
                count => return Err(format!("{FILE} names {needed} {count} times")),
            }
        }
        Ok(())
    }
}

impl Entry {
    /// Compares the file in `folder` with this.
    pub(super) fn check(&self, folder: &Path) -> Result<(), BackupError> {
        let path = folder.join(&self.path);
        let (sha256, bytes) = fingerprint_and_size(&path)?;
        let why = if bytes != self.bytes {
            format!("it has {bytes} bytes, and had {}", self.bytes)
        } else if sha256 != self.sha256 {
            "its checksum is another one".to_owned()
        } else {
            return Ok(());
        };
        Err(BackupError::Changed { path, why })
    }
}
