use std::path::{Path, PathBuf};

/// Where `/proc`, `/sys` and `/etc` are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    path: PathBuf,
    live: bool,
}

impl Root {
    /// The machine this program runs on.
    #[must_use]
    pub fn live() -> Self {
        Self { path: PathBuf::from("/"), live: true }
    }

    /// A folder that `xtask record-root` wrote. Nothing outside of it is read.
    #[must_use]
    pub fn recorded(dir: impl Into<PathBuf>) -> Self {
        Self { path: dir.into(), live: false }
    }

    /// True when system calls may answer for files.
    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    /// The path of `relative`, which has no slash in front.
    pub(crate) fn join(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.path.join(relative)
    }
}
