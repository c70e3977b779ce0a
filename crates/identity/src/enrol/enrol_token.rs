use std::fmt;
use std::str::FromStr;

use super::code::{Code, CodeError, TOKEN, digest};
use crate::Randomness;
use crate::certificate::Fingerprint;

/// What `watchfire join` is given: the fingerprint of the hub's authority and
/// a secret that the hub takes once. `Display` shows all of it, for the one
/// line that is printed; `Debug` hides the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolToken {
    /// The fingerprint of the hub's authority. The secret is sent to nobody
    /// whose certificate is not signed by it.
    pub ca: Fingerprint,
    code: Code,
}

impl EnrolToken {
    /// A new token with a random secret.
    #[must_use]
    pub fn new(ca: Fingerprint, randomness: &mut impl Randomness) -> Self {
        Self { ca, code: Code::new(ca, randomness) }
    }

    /// What is sent to the hub, once it has shown who it is.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.code.secret
    }

    /// What the hub keeps of the token.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Self::digest_of(self.secret())
    }

    /// The digest of the token whose [`secret`](Self::secret) was sent. The
    /// hub looks it up; as a hash it cannot be found letter by letter.
    #[must_use]
    pub fn digest_of(secret: &str) -> [u8; 32] {
        digest(&TOKEN, secret)
    }
}

impl FromStr for EnrolToken {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Code::read(&TOKEN, text).map(|code| Self { ca: code.pin, code })
    }
}

impl fmt::Display for EnrolToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code.text(&TOKEN))
    }
}

impl fmt::Debug for EnrolToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnrolToken(of {:?}, hidden)", self.ca)
    }
}
