//! Finds and reads files of rules and of tests.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use watchfire_alert::rules::RuleError;
use watchfire_runtime::config::files_like;

use crate::screen;

/// Files that cannot be used; what is wrong with them has been told.
#[derive(Debug)]
pub(crate) struct BadFiles {
    pub(super) bad: usize,
    pub(super) all: usize,
}

impl fmt::Display for BadFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} cannot be used", self.bad, counted(self.all, "file"))
    }
}

impl std::error::Error for BadFiles {}

/// A number of things: `1 rule`, `2 rules`.
pub(super) fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

pub(super) fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Says on stderr what is wrong with a file: `file:line:column: words`, for editors too.
pub(super) fn tell(errors: &[RuleError]) {
    for error in errors {
        eprintln!("{}", screen::line(&error.to_string()));
    }
}

/// The files that a pattern names, relative to a folder, in order. `*` stands for any characters
/// of a name and `?` for one.
pub(super) fn matching(folder: &Path, pattern: &str) -> anyhow::Result<Vec<PathBuf>> {
    let found = files_like(folder, pattern)
        .with_context(|| format!("{} cannot be read", folder.join(pattern).display()))?;
    if found.is_empty() {
        bail!("there is no file {}", folder.join(pattern).display());
    }
    Ok(found)
}
