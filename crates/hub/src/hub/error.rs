//! Why a hub does not start.

use std::net::SocketAddr;
use std::path::PathBuf;

use watchfire_store::StoreError;

use crate::identity::IdentityError;

/// Why a hub cannot start.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The address is taken or not this machine's.
    #[error("the hub cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        source: std::io::Error,
    },
    /// The database cannot be used.
    #[error("the hub's data cannot be used: {0}")]
    Store(#[from] StoreError),
    /// Another hub runs on the same data: both would send every notification.
    #[error(
        "another hub works with the data in {}: stop it, or choose another folder",
        folder.display()
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The file that keeps other hubs out cannot be used.
    #[error("{} cannot be locked: {source}", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The hub's keys cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The mail settings cannot be used.
    #[error("notifications cannot be sent: {0}")]
    Channel(#[from] watchfire_notify::ChannelError),
    /// A hub that others reach would be open to more than this machine.
    #[error(
        "without a login the hub answers on loopback alone, and {address} is not loopback: listen \
         at 127.0.0.1"
    )]
    OpenBeyondLoopback {
        /// Where it listens.
        address: SocketAddr,
    },
    /// A stored user is broken, or the first one cannot be made.
    #[error("a user cannot be used: {0}")]
    Account(String),
}
