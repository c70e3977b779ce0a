//! Keys, certificates and the authority that signs them.
//!
//! The hub has an [`Authority`] of its own, made at its first start. Each
//! agent has a [`MachineKey`], and *is* that key: its [`AgentId`] is a hash of
//! it, and the one name in its certificate is made from the id. A server can
//! be given another name without becoming somebody else, and a new key under
//! an old name is somebody new.
//!
//! All keys are ECDSA P-256. Certificates are checked by webpki; what is here
//! makes them and reads whose they are.

mod agent_id;
mod authority;
mod der;
mod error;
mod fingerprint;
pub(crate) mod hex;
mod issued;
mod machine_key;
mod peer;
mod request;
mod template;
mod validity;

#[cfg(test)]
mod tests;

pub use agent_id::AgentId;
pub use authority::{Authority, Issued};
pub use error::CertificateError;
pub use fingerprint::Fingerprint;
pub use hex::HexError;
pub use issued::{certificate_der, is_issued_by};
pub use machine_key::MachineKey;
pub use peer::{HUB_NAME, Peer, agent_name, peer_of};
pub use request::MAX_REQUEST_BYTES;
pub use template::{AUTHORITY_LIVES, BACKDATED, CERTIFICATE_LIVES, SELF_SIGNED_LIVES};
pub use validity::{RENEW_BEFORE, needs_renewal, not_after};
