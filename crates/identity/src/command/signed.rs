use serde::{Deserialize, Serialize};

use super::TargetProof;
use super::wire::base64_bytes;

/// The most signatures that one command carries.
pub const MAX_SIGNATURES: usize = 8;

/// A command as a server gets it.
///
/// As JSON the envelope stands in base64, so that nobody on the way writes it anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedCommand {
    /// What was signed, byte for byte.
    #[serde(with = "base64_bytes")]
    pub envelope: Vec<u8>,
    /// The signatures, as `ssh-keygen -Y sign` writes them.
    pub signatures: Vec<String>,
    /// That this server is among the targets.
    pub proof: TargetProof,
}
