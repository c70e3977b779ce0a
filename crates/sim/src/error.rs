use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::member::MAX_SERVERS;
use crate::script::ScriptError;

/// Why there is no simulation.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// There is nobody to simulate, or too many.
    #[error("a fleet has from 1 to {MAX_SERVERS} servers")]
    Size,
    /// The script does not fit the fleet.
    #[error("the script: {0}")]
    Script(#[from] ScriptError),
    /// The fleet's folder cannot be used.
    #[error("{} cannot be used: {source}", path.display())]
    Folder {
        /// Its file.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
    /// The file with the fleet's keys was changed.
    #[error("{}:{line} is damaged: {why}; delete the file and enrol anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which line.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// A server's key cannot be used.
    #[error("{name} has no key that can be used: {why}")]
    Member {
        /// The server.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// A server was not enrolled.
    #[error("{name} cannot enrol at {hub}: {why}")]
    Enrol {
        /// The server.
        name: String,
        /// Where.
        hub: SocketAddr,
        /// Why not.
        why: String,
    },
    /// A word in a list of tokens is none.
    #[error("token {number} of the list: {why}")]
    Token {
        /// Which one, from 1.
        number: usize,
        /// What is wrong.
        why: String,
    },
    /// There are fewer tokens than servers.
    #[error(
        "{servers} servers are to enrol and there are {tokens} tokens: each is good for one server"
    )]
    TooFewTokens {
        /// Servers without a certificate.
        servers: usize,
        /// Tokens.
        tokens: usize,
    },
    /// No socket for pulses.
    #[error("pulses cannot be sent: {0}")]
    Pulses(io::Error),
}
