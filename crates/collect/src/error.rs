use std::io;
use std::path::{Path, PathBuf};

/// Why a file below the root gave no value.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The file or folder is missing, forbidden or failed while it was read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The whole path, root included.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
    /// The content is not what the kernel writes there.
    #[error("{}: {what}", path.display())]
    Malformed {
        /// The whole path, root included.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

impl CollectError {
    pub(crate) fn unreadable(path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Unreadable { path: path.to_owned(), source: source.into() }
    }

    pub(crate) fn malformed(path: &Path, what: impl Into<String>) -> Self {
        Self::Malformed { path: path.to_owned(), what: what.into() }
    }
}

/// One thing that a collector could not read at the last sample. The values
/// it would have given have their defaults in the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The collector's name, `memory` for example.
    pub collector: &'static str,
    /// The error's text, with the path.
    pub error: String,
}
