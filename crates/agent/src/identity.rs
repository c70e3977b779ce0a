//! Who this agent is: its key, and what a hub gave it when they met.
//!
//! A server *is* its key: the key is made at the first start, never leaves the
//! machine, and no name replaces it. A hub vouches for it with a certificate
//! that lives 90 days and is renewed over the stream. The two meet once, by
//! [`join()`] where the agent can dial the hub, or by an [`invite`](Invitation) and
//! the hub's `adopt` where only the hub can dial.
//!
//! What is on disk is the truth: a running agent looks at it every two seconds,
//! so that joining needs no restart.

mod adoption;
mod enrolment;
mod folder;
mod invite;
mod join;
mod running;
#[cfg(test)]
mod tests;

pub(crate) use enrolment::Enrolment;
pub use invite::{INVITE_LIVES, Invitation, invite};
pub use join::{DEFAULT_HUB_PORT, JoinError, JoinRequest, Joined, join, parse_hub};

pub(crate) use adoption::{Adoption, AdoptionRefused, Offer};
pub(crate) use join::post;
pub(crate) use running::Identity;
