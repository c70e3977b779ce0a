use std::io;
use std::path::{Path, PathBuf};

use super::kind::Kind;

/// Why something cannot be recorded or read back.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// The cap leaves no room for a ring.
    #[error(
        "the recorder cannot live within {cap} bytes\n  hint: give `max_size` in [record] at \
         least {least} bytes, or turn the recorder off with `enabled = false`"
    )]
    Cap {
        /// What was given.
        cap: u64,
        /// What it takes.
        least: u64,
    },
    /// Another process records into the folder.
    #[error(
        "another agent records into {}\n  hint: let one of them end, or give each a folder of its \
         own with `data`", path.display()
    )]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// The folder, or a file in it, belongs to somebody else.
    #[error(
        "{shown} belongs to the user with the id {owner}, and {me} was expected\n  hint: when you \
         know it, chown {me} {shown}; otherwise remove it",
        shown = path.display()
    )]
    Foreign {
        /// The folder or file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Whose it should be.
        me: u32,
    },
    /// Others can put files into the folder.
    #[error(
        "other users can put files into {shown} (mode {mode:04o})\n  hint: chmod 700 {shown}",
        shown = path.display()
    )]
    OpenFolder {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// There is no such folder.
    #[error(
        "nothing is recorded in {}\n  hint: name the data folder of an agent whose recorder is on",
        path.display()
    )]
    NoRecord {
        /// The folder.
        path: PathBuf,
    },
    /// The kernel refused something.
    #[error(
        "cannot {what} {}: {source}\n  hint: look at the free space of its disk, and at who may \
         use the folder", path.display()
    )]
    Io {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
    /// A new segment began: encode this once more, whole, and append that.
    #[error("a new segment began, and its first {kind:?} record must start a chain")]
    NeedsRestart {
        /// The kind that was appended.
        kind: Kind,
    },
    /// The record does not fit into a segment, or it goes on from one that did not.
    #[error(
        "a {kind:?} record of {bytes} bytes does not fit into a segment of {limit} bytes\n  hint: \
         give `max_size` in [record] more bytes"
    )]
    TooLarge {
        /// The kind that was appended.
        kind: Kind,
        /// Its size.
        bytes: usize,
        /// The size of a segment.
        limit: u64,
    },
    /// Recording failed not long ago and is not tried again yet.
    #[error("recording failed and is tried again later")]
    Paused,
}

impl RecorderError {
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }

    /// True when the kernel says that there is no such file.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// True when the disk, or the user's share of it, is full.
    pub(super) fn is_full(&self) -> bool {
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        matches!(self, Self::Io { source, .. } if full.contains(&source.kind()))
    }
}
