use std::fmt;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// The check fails.
    Wrong,
    /// It is printed, and the check passes.
    Word,
}

/// One thing that a check has to say: where, what, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// The file, relative to the project's folder.
    pub(super) path: String,
    /// The line, from 1; 0 when the whole file is meant.
    pub(super) line: usize,
    /// What is wrong.
    pub(super) what: String,
    /// How to mend it.
    pub(super) mend: String,
    /// Whether the check fails on it.
    pub(super) weight: Weight,
}

impl Finding {
    /// A finding that fails the check.
    pub(super) fn wrong(
        path: &str,
        line: usize,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        let (what, mend) = (what.into(), mend.into());
        Self { path: path.to_owned(), line, what, mend, weight: Weight::Wrong }
    }

    /// A finding that is only said.
    pub(super) fn word(path: &str, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { weight: Weight::Word, ..Self::wrong(path, 0, what, mend) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}\n    mend: {}", self.what, self.mend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_what_and_how() {
        let finding = Finding::wrong("a/b.rs", 7, "reads a clock", "take `now`");
        assert_eq!(finding.to_string(), "a/b.rs:7: reads a clock\n    mend: take `now`");
        let finding = Finding::word("a/b.rs", "long", "split it");
        assert_eq!(finding.to_string(), "a/b.rs: long\n    mend: split it");
    }
}
