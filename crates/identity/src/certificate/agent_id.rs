use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::hex::{self, HexError};

/// Who an agent is: the first 20 bytes of the SHA-256 hash of its public key
/// (the DER form of its SubjectPublicKeyInfo, RFC 5280 section 4.1). Shown as
/// 40 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId([u8; 20]);

impl AgentId {
    /// The id of the agent with this public key.
    #[must_use]
    pub fn of_public_key(public_key_der: &[u8]) -> Self {
        let hash: [u8; 32] = Sha256::digest(public_key_der).into();
        let mut id = [0; 20];
        id.copy_from_slice(&hash[..20]);
        Self(id)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(&self.0, f)
    }
}

impl fmt::Debug for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgentId({self})")
    }
}

impl FromStr for AgentId {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        hex::read("an agent's id", text).map(Self)
    }
}
