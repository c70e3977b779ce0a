//! One stream from its first word to its last. Which side dialed it changes
//! only who sends pulses.
//!
//! Both sides say hello at once. A hub that wants ticks gets each record as it
//! is made, one frame a second, and may ask for old ones. A hub that does not,
//! or that says no hello on the old way (a login and a token), gets the latest
//! status and process table and a sign of life each second, as ever.
//!
//! There is no queue. What a hub does not take in time is left out: of samples
//! the older ones, of records those that the recorder has for later. A hub that
//! takes nothing at all is let go.

mod answers;
mod line;
mod live;
mod old_way;
mod pace;
mod talk;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use watchfire_runtime::socket::Socket;

pub(crate) use self::talk::Session;
use super::Uplink;

/// How a stream began.
pub(crate) enum Begun {
    /// A hub logged in and dialed, with a token for streams of this user.
    Token {
        /// The user of the token.
        user: String,
    },
    /// The hub dialed, and showed its certificate.
    Taken {
        /// The key of the pulses, of the TLS session.
        pulse_key: [u8; 32],
    },
    /// This agent dialed the hub.
    Dialed {
        /// The key of the pulses, of the TLS session.
        pulse_key: [u8; 32],
        /// Where the hub listens, for the stream and for pulses.
        hub: SocketAddr,
    },
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The agent ends.
    Leaving,
    /// The hub said goodbye.
    HubLeft,
    /// The hub closed it.
    Closed,
    /// The hub closed it because it ends itself, or heard nothing of this agent.
    HubAway,
    /// The hub refuses this agent: its server was removed, or has another name now.
    Removed,
    /// The hub refuses this agent: it speaks an older version than it did before.
    Older,
    /// Another stream of this agent's key took its place, or has it.
    Replaced,
    /// The connection broke, or the hub does not read.
    Broken,
    /// Neither the stream nor the pulses say anything.
    Quiet,
    /// The hub is not understood, or said no hello.
    NotUnderstood,
    /// The agent's records are of another ring now: the next stream begins with it.
    OtherRing,
}

impl End {
    /// True when the hub is there and does not want this agent.
    pub(crate) fn is_refusal(self) -> bool {
        matches!(self, Self::Removed | Self::Older | Self::Replaced)
    }

    /// True when pulses go on without the stream: neither side has left, and the hub
    /// does not refuse this agent.
    fn leaves_pulses(self) -> bool {
        !matches!(self, Self::Leaving | Self::HubLeft) && !self.is_refusal()
    }

    /// For the log.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Leaving => "the agent ends",
            Self::HubLeft => "the hub said goodbye",
            Self::Closed => "the hub closed it",
            Self::HubAway => "the hub ends it",
            Self::Removed => "the hub does not take this agent",
            Self::Older => "the hub knows a newer version of this agent",
            Self::Replaced => "another stream has this agent's place",
            Self::Broken => "the connection broke",
            Self::Quiet => "the hub is quiet",
            Self::NotUnderstood => "the hub is not understood",
            Self::OtherRing => "the records are of another ring now",
        }
    }
}

/// Talks until the hub leaves or the agent ends.
pub(crate) async fn run(up: Arc<Uplink>, socket: Socket, begun: Begun) -> End {
    let (user, dialed) = match &begun {
        Begun::Token { user } => (Some(user.clone()), false),
        Begun::Taken { .. } => (None, false),
        Begun::Dialed { .. } => (None, true),
    };
    tracing::info!(?user, dialed, "a stream begins");
    up.counters.streams.add(1);
    let end = Session::new(up, socket, begun).talk().await;
    tracing::info!(?user, dialed, why = end.as_str(), "a stream ends");
    end
}
