//! The rules of a fresh install.

use super::group::RuleFile;

/// The name of the built-in file, in errors and rows.
pub const BUILT_IN_FILE: &str = "built-in";

/// The text of the built-in rules: a file like any other, to be read, copied and changed.
pub const BUILT_IN: &str = include_str!("builtin.yml");

/// The built-in rules.
#[must_use]
pub fn built_in() -> RuleFile {
    RuleFile::parse(BUILT_IN_FILE, BUILT_IN).expect("a test reads the built-in rules")
}
