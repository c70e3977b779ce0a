use std::fmt;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::base32;
use crate::certificate::{HexError, hex};
use crate::{Randomness, constant_time_eq};

/// How many codes a user gets.
pub const RECOVERY_CODES: usize = 10;
/// Eighty bits, which nobody guesses: their hash needs no salt and no slow function.
const CODE_BYTES: usize = 10;
/// How many letters stand together when it is shown.
const GROUP: usize = 4;

/// A code that opens once, for who has lost the authenticator.
pub struct RecoveryCode(Zeroizing<[u8; CODE_BYTES]>);

/// What is kept of one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RecoveryDigest([u8; 32]);

impl RecoveryCode {
    /// The codes of one user.
    #[must_use]
    pub fn several(randomness: &mut impl Randomness) -> Vec<Self> {
        let mut one = || {
            let mut bytes = Zeroizing::new([0; CODE_BYTES]);
            randomness.fill(bytes.as_mut());
            Self(bytes)
        };
        (0..RECOVERY_CODES).map(|_| one()).collect()
    }

    /// Reads what somebody typed; `None` when it is no code.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > 64 {
            return None;
        }
        let bytes = Zeroizing::new(base32::read(text)?);
        <[u8; CODE_BYTES]>::try_from(bytes.as_slice()).ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// The code as it is shown once: `ABCD-EFGH-…`.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let plain = Zeroizing::new(base32::write(self.0.as_slice()));
        let mut out = Zeroizing::new(String::with_capacity(plain.len() * 2));
        for (place, letter) in plain.chars().enumerate() {
            if place > 0 && place % GROUP == 0 {
                out.push('-');
            }
            out.push(letter);
        }
        out
    }

    /// What is kept of it.
    #[must_use]
    pub fn digest(&self) -> RecoveryDigest {
        let hash =
            Sha256::new().chain_update(b"watchfire recovery\0").chain_update(self.0.as_slice());
        RecoveryDigest(hash.finalize().into())
    }
}

impl RecoveryDigest {
    /// Reads hexadecimal digits.
    ///
    /// # Errors
    /// [`HexError`] when they are not 64.
    pub fn from_hex(text: &str) -> Result<Self, HexError> {
        hex::read("the hash of a recovery code", text).map(Self)
    }

    /// True when it was made of this code.
    #[must_use]
    pub fn is_of(&self, code: &RecoveryCode) -> bool {
        constant_time_eq(&self.0, &code.digest().0)
    }
}

impl fmt::Display for RecoveryDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(&self.0, f)
    }
}

impl fmt::Debug for RecoveryDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryDigest(hidden)")
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::tests::Counting;

    #[test]
    fn a_code_is_read_as_people_type_it_and_known_by_its_hash() {
        let codes = RecoveryCode::several(&mut Counting(0));
        assert_eq!(codes.len(), RECOVERY_CODES);
        assert_eq!(*codes[0].reveal(), "AAAQ-EAYE-AUDA-OCAJ");
        let digest = codes[0].digest();
        let typed = RecoveryCode::read("aaaq eaye auda ocaj").expect("it is one");
        assert!(digest.is_of(&typed));
        assert!(!digest.is_of(&codes[1]));
        assert_eq!(RecoveryDigest::from_hex(&digest.to_string()), Ok(digest));
        for none in ["", "AAAQ-EAYE-AUDA", "AAAQ-EAYE-AUDA-OCAJ-AAAA", "123456", &"A".repeat(100)] {
            assert!(RecoveryCode::read(none).is_none(), "{none}");
        }
        assert_eq!(
            format!("{:?} {digest:?}", codes[0]),
            "RecoveryCode(hidden) RecoveryDigest(hidden)"
        );
    }
}
