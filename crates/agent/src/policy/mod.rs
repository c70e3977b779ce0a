//! What may be run on this server: the policy file, which nothing remote can change.
//!
//! It is read anew for each command, by the runner. [`trust`] says whose file is believed,
//! [`file`] reads it, [`params`] turns a runbook and what somebody asks for into arguments.

mod file;
mod params;
mod show;
mod trust;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use watchfire_model::ServerName;
use watchfire_runtime::config::{Problem, Problems, Source};
use watchfire_wire::RunPolicy;

pub(crate) use self::params::Param;
pub use self::show::words;

/// Where the policy is when `agent.toml` does not say.
pub const USUAL_POLICY: &str = "/etc/watchfire/policy.toml";

/// What may be run on this server.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(crate) level: RunPolicy,
    /// Who this server is to those who sign, where that is not its own name.
    pub(crate) server: Option<ServerName>,
    pub(crate) allowed_signers: Option<PathBuf>,
    pub(crate) signatures: u8,
    pub(crate) longest_life: Duration,
    pub(crate) limits: Limits,
    pub(crate) runbooks: BTreeMap<String, Runbook>,
}

/// What holds for every command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Who runs commands; `None` for [`NOBODY`] where the runner is root, and else for the
    /// runner's own user.
    pub(crate) user: Option<String>,
    /// Whom else a command may ask for.
    pub(crate) users: Vec<String>,
    pub(crate) timeout: Duration,
    pub(crate) longest_timeout: Duration,
    pub(crate) output: u64,
    pub(crate) at_once: usize,
    pub(crate) processes: u64,
    pub(crate) files: u64,
    pub(crate) memory: Option<u64>,
}

/// Who runs commands where the runner is root and the policy names nobody.
pub(crate) const NOBODY: &str = "nobody";

/// A command that the policy names.
#[derive(Debug, Clone)]
pub(crate) struct Runbook {
    pub(crate) argv: Vec<String>,
    pub(crate) params: BTreeMap<String, Param>,
    pub(crate) user: Option<String>,
    pub(crate) folder: Option<String>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) output: Option<u64>,
    pub(crate) shell: bool,
    pub(crate) confirm: bool,
    pub(crate) description: String,
    /// It takes a signature to start it.
    pub(crate) signed: bool,
    /// It may gain rights, as by sudo.
    pub(crate) may_gain_rights: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            user: None,
            users: Vec::new(),
            timeout: Duration::from_secs(60),
            longest_timeout: Duration::from_secs(3600),
            output: 1 << 20,
            at_once: 4,
            processes: 64,
            files: 1024,
            memory: None,
        }
    }
}

impl Policy {
    /// The policy of a server that lets nobody run anything.
    #[must_use]
    pub fn off() -> Self {
        Self {
            level: RunPolicy::Off,
            server: None,
            allowed_signers: None,
            signatures: 1,
            longest_life: file::DEFAULT_LONGEST_LIFE,
            limits: Limits::default(),
            runbooks: BTreeMap::new(),
        }
    }

    /// Reads the policy of a runner whose user has the id `me`. Where there is no file, the
    /// policy is off.
    ///
    /// # Errors
    /// Whoever else could have written the file, and every mistake in it, with its place.
    pub fn read(path: &Path, me: u32) -> Result<Self, Problems> {
        match trust::read(path, me)? {
            None => Ok(Self::off()),
            Some(text) => file::parse(&Source::from_text(path, text)),
        }
    }

    /// How much is allowed.
    #[must_use]
    pub fn level(&self) -> RunPolicy {
        self.level
    }

    /// The text of the file of those whose signatures count.
    pub(crate) fn signers(&self, me: u32) -> Result<(PathBuf, String), Problem> {
        let path = self.allowed_signers.clone().unwrap_or_else(|| file::USUAL_SIGNERS.into());
        match trust::read(&path, me)? {
            Some(text) => Ok((path, text)),
            None => Err(trust::whole(&path, "the file of those who may sign is missing")
                .hint("write a line for each: NAME ssh-ed25519 AAAA…, as ssh-keygen(1) has it")),
        }
    }
}

#[cfg(test)]
mod tests;
