use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use sha2::{Digest, Sha256};

use super::SignatureError;
use super::wire::Reader;

/// The shortest modulus of an RSA key that is taken, in bits.
const MIN_RSA_BITS: usize = 2048;
/// The longest that ring verifies.
const MAX_RSA_BITS: usize = 8192;
/// The longest part of an ECDSA signature, in bytes.
const P256_BYTES: usize = 32;
/// What a security key says when somebody touched it.
const USER_PRESENT: u8 = 1;

/// A public key of SSH that commands may be signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: KeyKind,
    /// The whole in SSH's form. One key has one.
    blob: Vec<u8>,
    parts: Parts,
    /// What a security key signs for, mostly `ssh:`.
    application: Option<String>,
}

/// The kinds of keys that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// `ssh-ed25519`
    Ed25519,
    /// `sk-ssh-ed25519@openssh.com`, in a security key.
    SkEd25519,
    /// `ecdsa-sha2-nistp256`
    EcdsaP256,
    /// `sk-ecdsa-sha2-nistp256@openssh.com`, in a security key.
    SkEcdsaP256,
    /// `ssh-rsa`, which signs with SHA-256 or SHA-512 only.
    Rsa,
}

#[derive(Clone, PartialEq, Eq)]
enum Parts {
    Ed25519(Vec<u8>),
    P256(Vec<u8>),
    Rsa { e: Vec<u8>, n: Vec<u8> },
}

impl KeyKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Ed25519, Self::SkEd25519, Self::EcdsaP256, Self::SkEcdsaP256, Self::Rsa];

    /// Its name in SSH.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::SkEd25519 => "sk-ssh-ed25519@openssh.com",
            Self::EcdsaP256 => "ecdsa-sha2-nistp256",
            Self::SkEcdsaP256 => "sk-ecdsa-sha2-nistp256@openssh.com",
            Self::Rsa => "ssh-rsa",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    fn is_in_security_key(self) -> bool {
        matches!(self, Self::SkEd25519 | Self::SkEcdsaP256)
    }
}

impl PublicKey {
    /// Reads a key in SSH's binary form.
    ///
    /// # Errors
    /// [`SignatureError`] when it is none, or one of a kind that is not taken.
    pub fn from_blob(blob: &[u8]) -> Result<Self, SignatureError> {
        let mut reader = Reader::new(blob);
        let name = reader.text().ok_or(SignatureError::Key)?;
        let kind = KeyKind::named(name)
            .ok_or_else(|| SignatureError::KeyKind(name.escape_debug().to_string()))?;
        let parts = Parts::read(kind, &mut reader).ok_or(SignatureError::Key)?;
        let application = match kind.is_in_security_key() {
            true => Some(reader.text().ok_or(SignatureError::Key)?.to_owned()),
            false => None,
        };
        reader.end().ok_or(SignatureError::Key)?;
        parts.check()?;
        Ok(Self { kind, blob: blob.to_vec(), parts, application })
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Its fingerprint, as `ssh-keygen -l` shows it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&self.blob)))
    }

    /// Verifies a signature in SSH's form over the message.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        let mut reader = Reader::new(signature);
        let algorithm = reader.text().ok_or(SignatureError::Form)?;
        let raw = reader.string().ok_or(SignatureError::Form)?;
        let signed = match &self.application {
            Some(application) => by_security_key(application, message, &mut reader)?,
            None => message.to_vec(),
        };
        reader.end().ok_or(SignatureError::Form)?;
        match &self.parts {
            Parts::Rsa { e, n } => {
                let verified = RsaPublicKeyComponents { n, e }.verify(
                    rsa_parameters(algorithm)?,
                    &signed,
                    raw,
                );
                verified.map_err(|_| SignatureError::Wrong)
            }
            _ if algorithm != self.kind.as_str() => Err(SignatureError::Algorithm),
            Parts::Ed25519(key) => check(&ED25519, key, &signed, raw),
            Parts::P256(key) => check(&ECDSA_P256_SHA256_FIXED, key, &signed, &fixed(raw)?),
        }
    }
}

impl Parts {
    fn read(kind: KeyKind, reader: &mut Reader<'_>) -> Option<Self> {
        match kind {
            KeyKind::Ed25519 | KeyKind::SkEd25519 => {
                reader.string().filter(|key| key.len() == 32).map(|key| Self::Ed25519(key.to_vec()))
            }
            KeyKind::EcdsaP256 | KeyKind::SkEcdsaP256 => {
                reader.string().filter(|curve| *curve == b"nistp256")?;
                let point = reader.string().filter(|point| point.len() == 65 && point[0] == 4)?;
                Some(Self::P256(point.to_vec()))
            }
            KeyKind::Rsa => {
                let (e, n) = (reader.positive()?, reader.positive()?);
                Some(Self::Rsa { e: e.to_vec(), n: n.to_vec() })
            }
        }
    }

    fn check(&self) -> Result<(), SignatureError> {
        let Self::Rsa { n, .. } = self else { return Ok(()) };
        let first = n.first().map_or(0, |byte| byte.leading_zeros() as usize);
        let bits = n.len() * 8 - first;
        if (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
            Ok(())
        } else {
            Err(SignatureError::RsaBits(bits))
        }
    }
}

fn check(
    algorithm: &'static dyn VerificationAlgorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    UnparsedPublicKey::new(algorithm, key)
        .verify(message, signature)
        .map_err(|_| SignatureError::Wrong)
}

fn rsa_parameters(algorithm: &str) -> Result<&'static RsaParameters, SignatureError> {
    match algorithm {
        "rsa-sha2-256" => Ok(&RSA_PKCS1_2048_8192_SHA256),
        "rsa-sha2-512" => Ok(&RSA_PKCS1_2048_8192_SHA512),
        // `ssh-rsa` as an algorithm is SHA-1.
        _ => Err(SignatureError::Algorithm),
    }
}

/// What a security key really signs (PROTOCOL.u2f): hashes, and that somebody touched it.
fn by_security_key(
    application: &str,
    message: &[u8],
    reader: &mut Reader<'_>,
) -> Result<Vec<u8>, SignatureError> {
    let flags = reader.byte().ok_or(SignatureError::Form)?;
    let counter = reader.number().ok_or(SignatureError::Form)?;
    if flags & USER_PRESENT == 0 {
        return Err(SignatureError::NotTouched);
    }
    let mut signed = Sha256::digest(application).to_vec();
    signed.push(flags);
    signed.extend_from_slice(&counter.to_be_bytes());
    signed.extend_from_slice(&Sha256::digest(message));
    Ok(signed)
}

/// The two numbers of an ECDSA signature, each filled up to 32 bytes.
fn fixed(raw: &[u8]) -> Result<[u8; 2 * P256_BYTES], SignatureError> {
    let mut reader = Reader::new(raw);
    let mut both = [0; 2 * P256_BYTES];
    for half in both.chunks_exact_mut(P256_BYTES) {
        let number = reader.positive().ok_or(SignatureError::Form)?;
        let skipped = P256_BYTES.checked_sub(number.len()).ok_or(SignatureError::Form)?;
        half[skipped..].copy_from_slice(number);
    }
    reader.end().ok_or(SignatureError::Form)?;
    Ok(both)
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.fingerprint())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}
