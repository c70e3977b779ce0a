//! Series that are pushed: by senders, which are servers of their own kind and no agents.
//!
//! ```text
//! http::prometheus::write --Push--> queue --groups--> History --reads--> source
//!        ^                                                                 |
//!     senders (who)              archive (agents' series) ---------------> united --> PromQL
//! ```
//!
//! A sender's series keep their labels as they were sent; what the config says of the sender
//! decides only who sees them. Two rules keep its series apart from those of agents: it cannot say
//! that it is a server of the fleet (`names`), and what it pushes waits in a queue of its own, so
//! that a flood of it holds up no agent's chunks.

mod names;
mod queue;
mod senders;
mod source;
#[cfg(test)]
mod tests;
mod united;

pub(crate) use names::in_own_name;
pub(crate) use queue::{Outcome, Pushes};
pub(crate) use senders::{KnownSender, ROOM_KIB, RULES, Senders};
pub(crate) use source::PushedSource;
pub(crate) use united::United;
