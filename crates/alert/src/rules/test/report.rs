//! What came of tests, for people and for programs.

use std::fmt;

use serde::Serialize;

/// What came of a file of tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The file as it was named.
    pub file: String,
    /// Each test.
    pub tests: Vec<TestResult>,
}

/// What came of one test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestResult {
    /// Its name, or its number where it has none.
    pub name: String,
    /// The line where it begins.
    pub line: usize,
    /// What was not as expected.
    pub failures: Vec<Failure>,
}

/// Something that was not as expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The line of what was expected.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
    /// What it is about.
    pub what: String,
    /// What was expected, a line each.
    pub expected: Vec<String>,
    /// What was got, a line each.
    pub got: Vec<String>,
}

impl Report {
    /// True when all is as expected.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.failed() == 0
    }

    /// How many tests failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.tests.iter().filter(|test| !test.failures.is_empty()).count()
    }
}

/// Every failure with its place, what was expected and what was got.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for test in &self.tests {
            for failure in &test.failures {
                let Failure { line, column, what, .. } = failure;
                writeln!(f, "{}:{line}:{column}: {}: {what}", self.file, test.name)?;
                if !(failure.expected.is_empty() && failure.got.is_empty()) {
                    block(f, "expected", &failure.expected)?;
                    block(f, "got", &failure.got)?;
                }
            }
        }
        Ok(())
    }
}

fn block(f: &mut fmt::Formatter<'_>, title: &str, lines: &[String]) -> fmt::Result {
    if lines.is_empty() {
        return writeln!(f, "  {title}: nothing");
    }
    writeln!(f, "  {title}:")?;
    lines.iter().try_for_each(|line| writeln!(f, "    {line}"))
}
