use sha2::{Digest, Sha256, Sha512};

use super::wire::{Reader, put_string};
use super::{PublicKey, armor};

/// The namespace that commands are signed in: a signature of a file or of a commit is none of a
/// command, and the other way round.
pub const SIGNATURE_NAMESPACE: &str = "watchfire-command";
/// The longest signature that is looked at, in bytes of its text. The longest RSA key that is
/// taken makes one of 4 KiB.
pub const MAX_SIGNATURE_BYTES: usize = 8 * 1024;

/// What every signature begins with, and what is signed as well.
const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;

/// A signature as `ssh-keygen -Y sign` makes it (PROTOCOL.sshsig).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    key: PublicKey,
    namespace: String,
    reserved: Vec<u8>,
    hash: Hash,
    raw: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha512,
}

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It is longer than one may be.
    #[error("it is longer than {MAX_SIGNATURE_BYTES} bytes")]
    TooLong,
    /// It is not the text that `ssh-keygen` writes.
    #[error("it is not what `ssh-keygen -Y sign` writes")]
    Armor,
    /// Its inside is not in SSH's form.
    #[error("it is damaged")]
    Form,
    /// Its form is of another version.
    #[error("its form has version {0}, and only 1 is known")]
    Version(u32),
    /// It was made for something else.
    #[error("it was made for {0:?}, not for {SIGNATURE_NAMESPACE:?}")]
    Namespace(String),
    /// The hash is neither SHA-256 nor SHA-512.
    #[error("it hashes with something else than sha256 or sha512")]
    Hash,
    /// The key in it is damaged.
    #[error("its key is damaged")]
    Key,
    /// The key is of a kind that is not taken.
    #[error("keys of the kind {0:?} are not taken: use ed25519, ecdsa with 256 bits, or rsa")]
    KeyKind(String),
    /// The key is an RSA key of a size that is not taken.
    #[error("its rsa key has {0} bits, and 2048 to 8192 are taken")]
    RsaBits(usize),
    /// The key does not sign this way, or not safely.
    #[error("it is made in a way that is not taken for this kind of key")]
    Algorithm,
    /// The security key was not touched.
    #[error("nobody touched the security key that made it")]
    NotTouched,
    /// It is not one of these bytes by this key.
    #[error("it is not the signature of this command")]
    Wrong,
}

impl Signature {
    /// Reads the text that `ssh-keygen -Y sign` writes. Whether it is right is not known yet.
    ///
    /// # Errors
    /// [`SignatureError`] says what is wrong.
    pub fn from_armor(text: &str) -> Result<Self, SignatureError> {
        if text.len() > MAX_SIGNATURE_BYTES {
            return Err(SignatureError::TooLong);
        }
        let bytes = armor::open(text).ok_or(SignatureError::Armor)?;
        let mut reader = Reader::new(&bytes);
        if reader.bytes(MAGIC.len()) != Some(MAGIC) {
            return Err(SignatureError::Form);
        }
        match reader.number() {
            Some(VERSION) => {}
            Some(other) => return Err(SignatureError::Version(other)),
            None => return Err(SignatureError::Form),
        }
        let mut string = || reader.string().ok_or(SignatureError::Form);
        let (key, namespace, reserved) = (string()?, string()?, string()?);
        let (hash, raw) = (string()?, string()?);
        reader.end().ok_or(SignatureError::Form)?;
        Ok(Self {
            key: PublicKey::from_blob(key)?,
            namespace: String::from_utf8(namespace.to_vec()).map_err(|_| SignatureError::Form)?,
            reserved: reserved.to_vec(),
            hash: Hash::named(hash).ok_or(SignatureError::Hash)?,
            raw: raw.to_vec(),
        })
    }

    /// The key that it says it was made with.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Verifies that the key signed these bytes, as a command.
    ///
    /// # Errors
    /// [`SignatureError`] when it did not.
    pub fn verify(&self, message: &[u8]) -> Result<(), SignatureError> {
        if self.namespace != SIGNATURE_NAMESPACE {
            return Err(SignatureError::Namespace(self.namespace.clone()));
        }
        self.key.verify(&self.signed(message), &self.raw)
    }

    /// The bytes that the key really signs.
    fn signed(&self, message: &[u8]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        put_string(&mut out, self.namespace.as_bytes());
        put_string(&mut out, &self.reserved);
        put_string(&mut out, self.hash.as_str().as_bytes());
        match self.hash {
            Hash::Sha256 => put_string(&mut out, &Sha256::digest(message)),
            Hash::Sha512 => put_string(&mut out, &Sha512::digest(message)),
        }
        out
    }
}

impl Hash {
    fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn named(name: &[u8]) -> Option<Self> {
        [Self::Sha256, Self::Sha512].into_iter().find(|hash| hash.as_str().as_bytes() == name)
    }
}
