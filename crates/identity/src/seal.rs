use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Randomness;

/// The length of a key, in bytes.
pub const SEAL_KEY_BYTES: usize = 32;
/// What sealing adds to a content, in bytes: the nonce before it and the tag behind it.
pub const SEAL_ADDS_BYTES: usize = NONCE_LEN + 16;

/// A key that seals: what was sealed with it can be neither read nor changed without it
/// (ChaCha20-Poly1305, RFC 8439). Its `Debug` form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKey(Zeroizing<[u8; SEAL_KEY_BYTES]>);

/// What was to be opened was not sealed with this key, for this purpose, or was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it was not sealed with this key, or was changed since")]
pub struct NotOpened;

impl SealKey {
    /// A new random key.
    #[must_use]
    pub fn generate(randomness: &mut impl Randomness) -> Self {
        let mut bytes = Zeroizing::new([0; SEAL_KEY_BYTES]);
        randomness.fill(&mut *bytes);
        Self(bytes)
    }

    /// The key with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; SEAL_KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; SEAL_KEY_BYTES] {
        &self.0
    }

    /// The key that all of `secrets` together give for `purpose`, in their order: whoever lacks
    /// one of them knows nothing of it (HMAC-SHA-256 as in HKDF, RFC 5869).
    #[must_use]
    pub fn of_all(secrets: &[&[u8]], purpose: &str) -> Self {
        let mut extract = mac(b"watchfire seal");
        for secret in secrets {
            // Each with its length, so that no other secrets look the same in a row.
            extract.update(&(secret.len() as u64).to_be_bytes());
            extract.update(secret);
        }
        let drawn = Zeroizing::new(<[u8; 32]>::from(extract.finalize().into_bytes()));
        let expand = mac(&*drawn).chain_update(purpose.as_bytes()).chain_update([1]);
        Self(Zeroizing::new(expand.finalize().into_bytes().into()))
    }

    /// The key that opens a box which all `parts` together are needed for.
    #[must_use]
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        Self::of_all(parts, "watchfire box of parts")
    }

    /// `content`, sealed. It opens only with the same `bound` beside it, which is not hidden.
    #[must_use]
    pub fn seal(&self, content: &[u8], bound: &[u8], randomness: &mut impl Randomness) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        randomness.fill(&mut nonce);
        let mut sealed = nonce.to_vec();
        let mut body = content.to_vec();
        self.cipher()
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(bound),
                &mut body,
            )
            .expect("what is sealed is far below the cipher's 256 GiB");
        sealed.append(&mut body);
        sealed
    }

    /// What [`seal`](Self::seal) was given.
    ///
    /// # Errors
    /// [`NotOpened`] for anything else.
    pub fn open(&self, sealed: &[u8], bound: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or(NotOpened)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotOpened)?;
        let mut body = Zeroizing::new(body.to_vec());
        let opened = self.cipher().open_in_place(nonce, Aad::from(bound), &mut body);
        let length = opened.map_err(|_| NotOpened)?.len();
        body.truncate(length);
        Ok(body)
    }

    fn cipher(&self) -> LessSafeKey {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &*self.0);
        LessSafeKey::new(key.expect("the key has the cipher's length"))
    }
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::tests::Counting;

    #[test]
    fn it_opens_with_its_key_and_what_it_is_bound_to_alone() {
        let mut dice = Counting(1);
        let key = SealKey::generate(&mut dice);
        let sealed = key.seal(b"a secret", b"deal 1", &mut dice);
        assert_eq!(sealed.len(), b"a secret".len() + SEAL_ADDS_BYTES);
        assert_eq!(
            key.open(&sealed, b"deal 1").as_deref().map(Vec::as_slice),
            Ok(&b"a secret"[..])
        );
        assert_eq!(key.open(&sealed, b"deal 2"), Err(NotOpened));
        assert_eq!(SealKey::generate(&mut dice).open(&sealed, b"deal 1"), Err(NotOpened));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open(&changed, b"deal 1"), Err(NotOpened), "byte {at}");
        }
        for length in 0..sealed.len() {
            assert_eq!(key.open(&sealed[..length], b"deal 1"), Err(NotOpened), "{length} bytes");
        }
        assert_eq!(format!("{key:?}"), "SealKey(…)");
    }

    #[test]
    fn a_key_of_many_needs_each_of_them_in_order_and_the_purpose() {
        let of = |secrets: &[&[u8]], purpose| SealKey::of_all(secrets, purpose);
        let key = of(&[b"one", b"two"], "box");
        assert_eq!(key, of(&[b"one", b"two"], "box"));
        for other in [
            of(&[b"two", b"one"], "box"),
            of(&[b"one"], "box"),
            of(&[b"onet", b"wo"], "box"),
            of(&[b"one", b"two"], "file"),
        ] {
            assert_ne!(key, other);
        }
    }
}
