//! The day without a hub: agents notice together, and tell it once by a channel that the hub
//! sealed to them beforehand.
//!
//! The hub deals a key out to at most nine agents, so that three of them (all, where there are
//! fewer) are needed to open whom to tell. Each watches the hub with its own eyes ([`sight`]).
//! While it is gone they ask each other ([`ask`]), and give their parts to whoever asks; a pure
//! machine ([`judge`]) decides who tells it and when. What is handed over is on disk ([`kept`]),
//! because the hub will not be there to give it again.

mod ask;
mod boxes;
mod desk;
mod hex;
mod judge;
mod kept;
mod letter;
mod rate;
mod sight;
#[cfg(test)]
mod tests;
mod watcher;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

pub(crate) use desk::Desk;
pub use letter::Letter;
pub(crate) use watcher::Watcher;

/// Sends one message by a channel, for an agent whose hub is gone. The agent itself links no
/// channel: it has a use for one on one day of its life.
pub trait Messenger: fmt::Debug + Send + Sync {
    /// Sends `letter` by the channel of this URL, which may lead to the hosts of `allow` besides
    /// the public internet. The error is for the log, and holds no secret.
    fn send<'a>(&'a self, channel: &'a str, allow: &'a [String], letter: &'a Letter)
    -> Sending<'a>;
}

/// A letter on its way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;
