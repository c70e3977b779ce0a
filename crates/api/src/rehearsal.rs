//! When rules would have fired: `POST /api/v1/rules/rehearse`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is to be rehearsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RehearsalWish {
    /// A file of rules, as text.
    pub rules: String,
    /// From when on; a day before its end where it is not said.
    pub from_unix_ms: Option<i64>,
    /// Up to when; now where it is not said.
    pub until_unix_ms: Option<i64>,
    /// The time between evaluations; that of each group where it is not said.
    pub step_ms: Option<i64>,
}

/// What the rules would have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsed {
    /// From when on it was looked,
    pub from_unix_ms: i64,
    /// and up to when.
    pub until_unix_ms: i64,
    /// The groups in the file's order.
    pub groups: Vec<RehearsedGroup>,
}

/// A group of rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RehearsedGroup {
    /// Its name.
    pub name: String,
    /// The time between evaluations.
    pub step_ms: i64,
    /// Its alerting rules in order.
    pub rules: Vec<RehearsedRule>,
}

/// An alerting rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RehearsedRule {
    /// The alert's name.
    pub name: String,
    /// The line of the file where the rule begins.
    pub line: usize,
    /// How often it would have been evaluated.
    pub evaluations: i64,
    /// How often that would have failed,
    pub failed: i64,
    /// and why the first time.
    pub error: Option<String>,
    /// Its alerts, by labels.
    pub alerts: Vec<RehearsedAlert>,
    /// How often an alert began that is not among them, because there are so many.
    pub untold: usize,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RehearsedAlert {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What would have been told of it last.
    pub annotations: BTreeMap<String, String>,
    /// How long it would have been pending in all,
    pub pending_ms: i64,
    /// and how long it would have fired.
    pub firing_ms: i64,
    /// When it was which, in order.
    pub stretches: Vec<RehearsedStretch>,
    /// How many more of them there were.
    pub untold: usize,
}

/// A time in which an alert was one and the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RehearsedStretch {
    /// `pending` or `firing`.
    pub state: String,
    /// The first moment.
    pub from_unix_ms: i64,
    /// The first moment at which it was not so any more; `null` where it still was at the end.
    pub until_unix_ms: Option<i64>,
}
