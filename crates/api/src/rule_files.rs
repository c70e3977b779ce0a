//! Files of rules that are read, and those that are made: `/api/rules/…`.

use serde::{Deserialize, Serialize};

/// The answer of `GET /api/rules/files`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFileList {
    /// Those that the asker may see: the built-in one, those of the config, those that were made.
    pub files: Vec<RuleFileRow>,
    /// Whether the asker may make and change some.
    pub may_change: bool,
}

/// One file in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFileRow {
    /// Its name, as the rules and alerts of it say; that of a made one begins with `page/`.
    pub name: String,
    /// `built-in`, `config` or `made`. Only made ones can be changed.
    pub kind: String,
    /// How many groups it has,
    pub groups: usize,
    /// and how many rules.
    pub rules: usize,
    /// What names the text that a made one has, for `If-Match`.
    pub version: Option<String>,
    /// Who wrote a made one last,
    pub author: Option<String>,
    /// and when.
    pub changed_unix_ms: Option<i64>,
    /// Whether it is evaluated. One that a newer program understands no more is not.
    pub evaluated: bool,
}

/// The answer of `GET` and `PUT /api/rules/files/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFileText {
    /// The row of the list.
    #[serde(flatten)]
    pub row: RuleFileRow,
    /// What stands in it.
    pub text: String,
    /// What is wrong with it, where it is not evaluated.
    pub faults: Vec<RuleFault>,
    /// What is hardly meant so.
    pub warnings: Vec<RuleFault>,
}

/// Something wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFault {
    /// The line, from 1.
    pub line: usize,
    /// The character in it, from 1.
    pub column: usize,
    /// What is wrong there.
    pub words: String,
}

/// The answer of `POST /api/rules/check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleCheck {
    /// What is wrong; a file with a fault is not taken.
    pub faults: Vec<RuleFault>,
    /// What is hardly meant so.
    pub warnings: Vec<RuleFault>,
    /// What was read, when nothing is wrong.
    pub groups: Vec<CheckedGroup>,
}

/// A group that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedGroup {
    /// Its name.
    pub name: String,
    /// The time between evaluations, where the file names it.
    pub interval_ms: Option<i64>,
    /// How many rules it has.
    pub rules: usize,
}

/// The no to a file that is not valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleRefusal {
    /// The first fault in a line.
    pub message: String,
    /// All of them.
    #[serde(default)]
    pub faults: Vec<RuleFault>,
}
