//! What a look through a whole file found.

/// The most findings that are told one by one.
const MAX_FINDINGS: usize = 1_000;

/// What was looked at, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// How many rows with a checksum were looked at.
    pub rows: u64,
    /// How many of them, or of the checks of the whole file, were wrong.
    pub wrong: u64,
    /// Whole sentences, the first thousand.
    pub told: Vec<String>,
}

impl Findings {
    /// True when nothing is wrong.
    #[must_use]
    pub fn are_good(&self) -> bool {
        self.wrong == 0
    }

    /// Counts a row, and tells what is wrong with it if it is not right.
    pub(crate) fn looked(&mut self, right: bool, what: impl FnOnce() -> String) {
        self.rows += 1;
        if !right {
            self.found(what);
        }
    }

    /// Tells something that is wrong.
    pub(crate) fn found(&mut self, what: impl FnOnce() -> String) {
        self.wrong += 1;
        if self.told.len() < MAX_FINDINGS {
            self.told.push(what());
        }
    }
}
