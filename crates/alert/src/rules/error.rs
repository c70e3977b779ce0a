//! What is wrong with a file, and where.

use std::fmt;
use std::sync::Arc;

/// More mistakes of one file are not told.
const MAX_ERRORS: usize = 100;

/// A line and a character of a file, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

/// A mistake in a file of rules or of their tests. It prints as `file:line:column: words`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct RuleError {
    /// The file as it was named.
    pub file: Arc<str>,
    /// Where in it.
    pub place: Place,
    /// What is wrong there.
    pub words: String,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column } = self.place;
        write!(f, "{}:{line}:{column}: {}", self.file, self.words)
    }
}

/// The mistakes of one file, as they are found.
#[derive(Debug)]
pub(super) struct Errors {
    file: Arc<str>,
    found: Vec<RuleError>,
}

impl Errors {
    pub(super) fn of(file: &str) -> Self {
        Self { file: file.into(), found: Vec::new() }
    }

    pub(super) fn add(&mut self, place: Place, words: impl Into<String>) {
        if self.found.len() < MAX_ERRORS {
            self.found.push(RuleError { file: self.file.clone(), place, words: words.into() });
        }
    }

    /// What was read when nothing is wrong with it, and else all mistakes in the order of the file.
    pub(super) fn or<T>(mut self, read: T) -> Result<T, Vec<RuleError>> {
        if self.found.is_empty() {
            return Ok(read);
        }
        self.found.sort_by_key(|error| error.place);
        Err(self.found)
    }
}
