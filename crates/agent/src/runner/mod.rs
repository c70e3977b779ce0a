//! The runner: a small process beside the agent that runs commands, and the only one that may.
//!
//! The agent collects and talks; it hands each command to the runner over a connection of its own
//! to a local socket, in the messages of `wire`. The runner believes none of it: it reads the server's own policy anew for
//! each command, verifies the signature, and refuses what it saw before. For each command it
//! starts a second process of its own ([`supervise`]), below which the command and all its
//! children live and end.
//!
//! # What holds
//!
//! * Before a command begins, its id is in the book of replays and its line in the audit file, and
//!   both are on the disk. Where that fails, nothing runs.
//! * A command ends with all its children, whoever became their parent, and with its runner.
//! * Where the agent does not read, a command waits; its time goes on.

mod audit;
mod cgroup;
mod client;
mod decide;
mod frames;
mod plan;
mod replay;
mod server;
mod supervise;
mod tree;
mod users;

use std::ffi::OsString;
use std::path::PathBuf;

pub use self::audit::{AuditFault, Verified, is_audit, verify_audit};
pub use self::client::{Runner, Running, RunningControl, RunningEvents, StartRunner};
pub use self::server::serve;
pub use self::supervise::supervise;

/// What a runner is told when it starts, by whoever owns the machine.
#[derive(Debug, Clone)]
pub struct RunnerOptions {
    /// The policy file.
    pub policy: PathBuf,
    /// The folder of the book of replays and of the audit file.
    pub data: PathBuf,
    /// The program that supervises one command, and its arguments: this one again.
    pub supervisor: (PathBuf, Vec<OsString>),
    /// Who the server is: the name that a signed command must be for.
    pub server: watchfire_model::ServerName,
    /// The agent's user, who may ask besides root and the runner's own.
    pub agent_user: Option<u32>,
    /// It is alone in its cgroup, and may make groups below it.
    pub owns_cgroup: bool,
    /// It ends when nobody asked for so long: whoever listens starts it anew.
    pub idle: Option<std::time::Duration>,
}
