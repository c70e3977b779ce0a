//! The two secrets by which an agent and a hub meet for the first time.
//!
//! Where the agent dials, the hub makes an [`EnrolToken`]: it holds the
//! fingerprint of the hub's authority, so the agent knows the right hub before
//! it sends the secret. Where the hub must dial, the agent makes an
//! [`InviteCode`]: it holds the fingerprint of the agent's key, so the hub
//! knows the right agent before it sends the secret.
//!
//! Both are one line that is copied by hand, so each carries a checksum: half
//! of a line, or a wrong letter, is told as such and not as a wrong secret.

mod code;
mod enrol_token;
mod invite_code;

#[cfg(test)]
mod tests;

pub use code::CodeError;
pub use enrol_token::EnrolToken;
pub use invite_code::InviteCode;
