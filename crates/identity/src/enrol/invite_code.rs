use std::fmt;
use std::str::FromStr;

use super::code::{Code, CodeError, INVITE, digest};
use crate::certificate::Fingerprint;
use crate::{Randomness, constant_time_eq};

/// What `watchfire adopt` is given: the fingerprint of the agent's public key
/// and a secret that the agent takes once. `Display` shows all of it, for the
/// one line that is printed; `Debug` hides the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct InviteCode {
    /// The fingerprint of the agent's public key. The secret is sent to nobody
    /// else.
    pub key: Fingerprint,
    code: Code,
}

impl InviteCode {
    /// A new code with a random secret.
    #[must_use]
    pub fn new(key: Fingerprint, randomness: &mut impl Randomness) -> Self {
        Self { key, code: Code::new(key, randomness) }
    }

    /// What is sent to the agent, once it has shown that it has the key.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.code.secret
    }

    /// What the agent keeps of the code.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        digest(&INVITE, self.secret())
    }

    /// True when `secret` is the one of the code whose [`digest`](Self::digest)
    /// was kept. It takes the same time whatever it is.
    #[must_use]
    pub fn matches(digest_kept: &[u8; 32], secret: &str) -> bool {
        constant_time_eq(digest_kept, &digest(&INVITE, secret))
    }
}

impl FromStr for InviteCode {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Code::read(&INVITE, text).map(|code| Self { key: code.pin, code })
    }
}

impl fmt::Display for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code.text(&INVITE))
    }
}

impl fmt::Debug for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InviteCode(of {:?}, hidden)", self.key)
    }
}
