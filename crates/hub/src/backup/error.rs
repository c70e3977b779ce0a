use std::path::{Path, PathBuf};

use watchfire_identity::certificate::CertificateError;
use watchfire_store::{HistoryError, StoreError};

/// Why a hub cannot be copied or put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// No hub was started there.
    #[error(
        "there is no hub's data in {}\n  hint: name its folder with --data or its config with \
         --config", data.display()
    )]
    NoHub {
        /// The folder.
        data: PathBuf,
    },
    /// The copy would be part of what is copied.
    #[error(
        "{} lies in the hub's data folder {}\n  hint: a backup belongs elsewhere, on another disk at \
         best", to.display(), data.display()
    )]
    Inside {
        /// Where the copy was wanted.
        to: PathBuf,
        /// The data folder.
        data: PathBuf,
    },
    /// Something is there already.
    #[error(
        "{} is not empty, and nothing in it is touched\n  hint: name an empty folder, or one that is \
         not there yet", path.display()
    )]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A hub works with the folder.
    #[error("a hub runs with the data in {}\n  hint: stop it first", data.display())]
    Running {
        /// The folder.
        data: PathBuf,
    },
    /// A file or folder cannot be read or written.
    #[error("cannot {doing} {}: {source}{}", path.display(), hint(source))]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The folder belongs to another user, whose hub could not use what is put there.
    #[error(
        "{} belongs to the user with the id {owner}, and this runs as {me}\n  hint: run it as that \
         user, as in `sudo -u '#{owner}' watchfire …`", path.display()
    )]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who we are.
        me: u32,
    },
    /// The authority's certificate is broken.
    #[error("{}: {why}\n  hint: `watchfire doctor` says what else is wrong", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: CertificateError,
    },
    /// The main database cannot be copied.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The history cannot be copied.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// There is no manifest, or it is none.
    #[error(
        "{} is no whole backup: {why}\n  hint: name a folder that `watchfire backup` made and \
         finished", folder.display()
    )]
    NotWhole {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A file is not as it was when the backup was made.
    #[error(
        "{} is not as it was when the backup was made: {why}; nothing was put back\n  hint: take \
         another backup", path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// What is different.
        why: String,
    },
    /// A newer release made it.
    #[error(
        "the backup has the format {found}, and this release knows formats up to {known}\n  hint: \
         use the release that made it ({release})"
    )]
    Newer {
        /// The format of the backup.
        found: u32,
        /// The newest one that is known.
        known: u32,
        /// Who made it.
        release: String,
    },
}

impl BackupError {
    pub(super) fn io(
        doing: &'static str,
        path: impl AsRef<Path>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Io { doing, path, source }
    }
}

fn hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => {
            "\n  hint: give the folder to the user that this runs as (chown -R), or name another one"
        }
        std::io::ErrorKind::StorageFull => "\n  hint: make room, or name a folder on another disk",
        _ => "",
    }
}
