use std::path::PathBuf;

use crate::StoreError;

/// Why the history did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// The data folder cannot be used.
    #[error("the data folder {} cannot be used: {why}", path.display())]
    Folder {
        /// The folder, or the file in it.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A newer release of Watchfire has written the file.
    #[error(
        "history.db has format {found} and this release knows formats up to {known}: \
         run the newer release that wrote it, or choose another data folder"
    )]
    NewerFormat {
        /// The version in the file.
        found: i64,
        /// The newest version this build knows.
        known: i64,
    },
    /// The file is a database, and not one of Watchfire.
    #[error("history.db is the database of another program: choose another data folder")]
    Foreign,
    /// The file is damaged, and the fresh one that took its place too, or reading met it.
    #[error("history.db is damaged ({why})")]
    Damaged {
        /// What SQLite met.
        why: String,
    },
    /// The disk is full.
    #[error("the disk of the data folder is full: make room; nothing was written")]
    Full,
    /// Another process has the history.
    #[error("another process has history.db open: stop it, or choose another data folder")]
    Busy,
    /// Reading or writing the file failed.
    #[error("history.db could not be read or written: {why}")]
    Io {
        /// What SQLite met.
        why: String,
    },
    /// SQLite refused for a reason that should not come up.
    #[error("history.db refused: {why}")]
    Refused {
        /// What SQLite said.
        why: String,
    },
}

impl HistoryError {
    /// True when the same work may succeed later: there is no room, another process
    /// is in the way, or the disk does not answer.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Full | Self::Busy | Self::Io { .. })
    }
}

impl From<StoreError> for HistoryError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Folder { path, why } => Self::Folder { path, why },
            StoreError::NewerFormat { found, known } => Self::NewerFormat { found, known },
            StoreError::Foreign => Self::Foreign,
            StoreError::Damaged { why } => Self::Damaged { why },
            StoreError::Full => Self::Full,
            StoreError::Busy => Self::Busy,
            StoreError::Io { why } => Self::Io { why },
            other => Self::Refused { why: other.to_string() },
        }
    }
}
