use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use watchfire_identity::password::PasswordError;
use watchfire_runtime::config::Problems;
use watchfire_runtime::task::TaskFailed;

/// Why an agent cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// A file or folder of the data folder cannot be used.
    #[error(
        "cannot {what} {}: {source}\n  hint: give the user that runs the agent the right to, \
         or name another folder with `data`", path.display()
    )]
    Data {
        /// What was tried.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
    /// A secret can be read or changed by others.
    #[error(
        "{shown} is open to other users (mode {mode:03o})\n  hint: chmod 600 {shown}, or remove it \
         when somebody may have read it: the agent makes a new one",
        shown = path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A secret, or the folder of the secrets, belongs to another user, who may
    /// have put it there.
    #[error(
        "{shown} belongs to the user with the id {owner}, and the agent runs as {me}\n  hint: when \
         you know it, chown {me} {shown}; otherwise name another folder with `data`",
        shown = path.display()
    )]
    Foreign {
        /// The file or folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Whom the agent runs as.
        me: u32,
    },
    /// Others can put files into the data folder.
    #[error(
        "other users can put files into {shown} (mode {mode:04o})\n  hint: chmod 700 {shown}, and \
         look at what is in it first: the agent trusts it",
        shown = path.display()
    )]
    OpenFolder {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file that the agent wrote itself is damaged.
    #[error("{} is damaged: {why}\n  hint: remove it: the agent makes a new one", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The agent's identity, or what it was to become, cannot be used.
    #[error(
        "the identity in {} cannot be used: {why}\n  hint: restore the file from a backup, or \
         enrol this server again with `watchfire join` or `watchfire invite`", path.display()
    )]
    Identity {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The users in the data folder are not understood.
    #[error("{0}")]
    Users(#[from] Problems),
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {source}\n  hint: another program may have the port, or the \
         machine may not have the address: choose another with `listen`"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The kernel's reason.
        source: io::Error,
    },
    /// The first password could not be made.
    #[error("cannot make a first password: {0}")]
    Password(#[from] PasswordError),
    /// The recorder cannot use its folder.
    #[error(transparent)]
    Recorder(#[from] crate::recorder::RecorderError),
    /// A task of the agent failed.
    #[error("{0}")]
    Task(#[from] TaskFailed),
}

impl AgentError {
    /// True when somebody could have read or planted what must be the agent's
    /// alone. Starting again does not help; somebody has to look.
    #[must_use]
    pub fn is_about_trust(&self) -> bool {
        matches!(self, Self::Exposed { .. } | Self::Foreign { .. } | Self::OpenFolder { .. })
    }

    pub(crate) fn identity(path: impl Into<PathBuf>, why: impl ToString) -> Self {
        Self::Identity { path: path.into(), why: why.to_string() }
    }

    pub(crate) fn data(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Data { what, path, source }
    }
}
