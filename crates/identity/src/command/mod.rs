//! Commands that an operator signs with an SSH key, and that a server verifies by itself.
//!
//! The operator's machine makes an [`Envelope`], has `ssh-keygen -Y sign` sign its bytes, and
//! gives both to the hub, which can only relay them. Each server gets its own short proof that
//! it is among the targets, so a thousand servers need one signature, and nobody on the way can
//! add a server, a word of the command or a second of its life.
//!
//! What is not decided here: whether the id was seen before, and what the server's policy lets.
//! Both need a disk, and belong to the runner.

mod allowed;
mod armor;
mod envelope;
mod id;
mod key;
mod refusal;
mod signature;
mod signed;
mod stamp;
mod target;
mod verify;
mod wire;

#[cfg(test)]
mod tests;

pub use allowed::{AllowedSigners, AllowedSignersError, MAX_ALLOWED_SIGNERS_BYTES};
pub use envelope::{
    Envelope, EnvelopeError, MAX_ARGV_BYTES, MAX_ENVELOPE_BYTES, MAX_PURPOSE_BYTES, What,
};
pub use id::CommandId;
pub use key::{KeyKind, PublicKey};
pub use refusal::{CommandRefusal, KeyHeld};
pub use signature::{MAX_SIGNATURE_BYTES, SIGNATURE_NAMESPACE, Signature, SignatureError};
pub use signed::{MAX_SIGNATURES, SignedCommand};
pub use target::{MAX_TARGETS, TargetProof, TargetRoot, Targets, TargetsError};
pub use verify::{CLOCK_SLACK, Verified, verify_command};
