//! Who may do what: passwords, tokens, roles, the limit on login tries,
//! certificates, enrolment, signed commands, one-time codes, the tag on a pulse, the signature
//! of a webhook, and sealing.
//!
//! This is the one crate besides `runtime` that links cryptography. It has no
//! async runtime and reads no clock: every function that depends on time takes
//! a [`watchfire_model::Moment`], and every function that needs randomness can
//! be given it by [`Randomness`], so that tests are repeatable.

pub mod audit;
pub mod certificate;
pub mod command;
mod digest;
pub mod enrol;
pub mod limit;
mod link;
mod mac;
pub mod password;
pub mod proof;
pub mod pulse;
mod random;
mod role;
mod scope;
mod seal;
pub mod token;
pub mod totp;

pub use digest::{sha256, sha256_hex};
pub use link::{LinkClaims, LinkError, LinkKey, MAX_MARK_BYTES};
pub use mac::hmac_sha256_hex;
pub use random::{Randomness, SystemRandomness, constant_time_eq, random_hex};
pub use role::{
    Action, Object, Role, RoleError, Subject, Verdict, authorize, may_change, role_allows,
};
pub use scope::{Scope, ScopeError};
pub use seal::{NotOpened, SEAL_ADDS_BYTES, SEAL_KEY_BYTES, SealKey};
