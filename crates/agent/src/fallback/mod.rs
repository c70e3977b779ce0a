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
mod teller;
#[cfg(test)]
mod tests;
mod turns;
mod watcher;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

pub(crate) use desk::Desk;
pub use letter::Letter;
pub(crate) use watcher::Watcher;

/// Reaches whom an agent tells when its hub is gone. The agent itself links no channel: it has a
/// use for one on one day of its life.
pub trait Messenger: fmt::Debug + Send + Sync {
    /// What it takes to send by these channels, which may lead to the hosts of `allow` besides
    /// the public internet. It is made once for one message.
    ///
    /// # Errors
    /// In words for the log, without a secret, when nothing can be sent by them at all.
    fn open(&self, channels: &[String], allow: &[String]) -> Result<Box<dyn Post>, String>;
}

/// The targets of some channels, in their order: a channel may name several.
pub trait Post: Send + Sync {
    /// How many there are.
    fn targets(&self) -> usize;

    /// Sends `letter` to one of them.
    fn send<'a>(&'a self, target: usize, letter: &'a Letter) -> Sending<'a>;
}

/// A letter on its way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), NotSent>> + Send + 'a>>;

/// Why it is not known that a letter arrived: in words for the log, without a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotSent {
    /// It will not take it another time either.
    Refused(String),
    /// It did not take it now.
    NotNow(String),
    /// It may have taken it: nothing was heard of it in time, or nothing clear.
    Unclear(String),
}
