//! Commands on servers: `/api/runs` and `/api/runbooks`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `POST /api/runs`: what is to be run, and where. It is answered by the [`RunRow`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunWish {
    /// The servers by name. A signed command names all that it was signed for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<String>,
    /// Or those that fit matchers, as in `role="web"`, and that the asker may know of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matchers: Option<String>,
    /// What is to be run.
    pub work: WorkWish,
    /// What it reads, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
    /// On how many servers at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u32>,
    /// In batches of so many percent: the next one begins when the one before is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_percent: Option<u32>,
    /// After so many failures no other server begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_after: Option<u32>,
    /// How long to wait for servers that are away, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_up_s: Option<u64>,
}

/// What is to be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum WorkWish {
    /// What an operator signed with their own key.
    Signed {
        /// The bytes that were signed, in base64.
        envelope: String,
        /// The signatures, in OpenSSH's armour.
        signatures: Vec<String>,
    },
    /// A runbook of the servers.
    Runbook {
        /// Its name.
        name: String,
        /// Its parameters.
        #[serde(default)]
        params: BTreeMap<String, String>,
    },
    /// A command that nobody signed.
    Open {
        /// The program and its arguments.
        argv: Vec<String>,
        /// Who is to run it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// Where.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        folder: Option<String>,
        /// How long it may take, in seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout_s: Option<u32>,
        /// How much it may say, in bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output_bytes: Option<u64>,
    },
}

/// `GET /api/runs`: the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunList {
    /// Those of which the asker sees a server, without their targets.
    pub runs: Vec<RunRow>,
}

/// A command on servers, as far as the asker sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// Its name.
    pub id: String,
    /// Of the command itself: for a signed one, that of its envelope.
    pub command_id: String,
    /// Who started it.
    pub user: String,
    /// What is run.
    pub what: RunWhat,
    /// When it was started.
    pub began_unix_ms: i64,
    /// When the last server was done; none while it runs.
    pub ended_unix_ms: Option<i64>,
    /// Grows with each change while it runs.
    pub changes: u64,
    /// How many servers stand where.
    pub counts: RunCounts,
    /// The servers; none in a list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetRow>,
}

/// What is run, for a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunWhat {
    /// `signed`, `runbook` or `open`.
    pub kind: String,
    /// The program and its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub argv: Vec<String>,
    /// The runbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// Its parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    /// Who runs it; none for the policy's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_as: Option<String>,
    /// Why, in the words of who signed it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub purpose: String,
}

/// How many servers stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCounts {
    /// It is not their turn yet, or they are away and waited for.
    pub waiting: u32,
    /// They were told, or run it.
    pub running: u32,
    /// It ended with 0.
    pub ok: u32,
    /// It ended with something else.
    pub failed: u32,
    /// They refused it.
    pub refused: u32,
    /// They could not be told.
    pub not_reached: u32,
    /// It was cancelled or not begun, or nothing was heard of it any more.
    pub other: u32,
}

/// A server of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRow {
    /// The server.
    pub server: String,
    /// `waiting`, `sent`, `running`, `done`, `refused`, `not_reached`, `skipped`, `canceled` or
    /// `lost`.
    pub state: String,
    /// Why it stands there, where that is to be said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExitRow>,
    /// How much of what it said is kept, in bytes.
    pub output_bytes: u64,
    /// Some of what it said is not kept: it was too much, or was lost on the way.
    #[serde(default)]
    pub output_cut: bool,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRow {
    /// Its exit code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// Or the signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<u32>,
    /// When it began, on the server's clock.
    pub began_unix_ms: i64,
    /// When it ended.
    pub ended_unix_ms: i64,
    /// Cpu time in user mode, in microseconds.
    pub user_us: u64,
    /// Cpu time in the kernel, in microseconds.
    pub system_us: u64,
    /// The most memory that it had, in bytes.
    pub peak_rss_bytes: u64,
    /// It said more than it may, and was ended for it.
    #[serde(default)]
    pub truncated: bool,
    /// It took longer than it may, and was ended for it.
    #[serde(default)]
    pub timed_out: bool,
    /// Somebody ended it.
    #[serde(default)]
    pub canceled: bool,
}

/// `GET /api/runs/{id}/output`: what servers said, as many of them as fit one answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOutput {
    /// Those that said something.
    pub outputs: Vec<OutputRow>,
    /// What to ask for with `after=` to go on; none at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u32>,
}

/// What one server said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputRow {
    /// The server.
    pub server: String,
    /// On its standard output.
    pub stdout: Said,
    /// On its standard error.
    pub stderr: Said,
}

/// Bytes: as text where they are text, else in base64.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Text in UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

/// `GET /api/runbooks`: what servers offer to be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunbookList {
    /// The runbooks by name. Two with one name that differ stand one after the other.
    pub runbooks: Vec<RunbookRow>,
    /// What each server that is there lets be run: `off`, `runbooks`, `signed` or `open`.
    pub policies: BTreeMap<String, String>,
}

/// A runbook, and the servers that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunbookRow {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// What it wants to know.
    pub params: Vec<ParamRow>,
    /// Whoever starts it is to be asked whether they are sure.
    pub confirm: bool,
    /// The servers.
    pub servers: Vec<String>,
}

/// A parameter of a runbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParamRow {
    /// Its name.
    pub name: String,
    /// The word of its type.
    pub kind: String,
    /// What it may be.
    pub hint: String,
}
