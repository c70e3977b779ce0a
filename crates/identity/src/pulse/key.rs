use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// The bytes of a tag.
pub const TAG_BYTES: usize = 16;

/// The key that both sides of a stream export from its TLS session. Its
/// `Debug` form does not show it.
///
/// It is kept as the state of the hash after the key was taken in, which
/// saves half of the work for each pulse.
#[derive(Clone)]
pub struct PulseKey(Hmac<Sha256>);

impl PulseKey {
    /// The key of a session, from what its TLS exporter gave (RFC 8446 section
    /// 7.5).
    #[must_use]
    pub fn from_exported(mut bytes: [u8; 32]) -> Self {
        let mac = Hmac::<Sha256>::new_from_slice(&bytes);
        bytes.zeroize();
        Self(mac.expect("HMAC takes a key of any length"))
    }

    /// The tag of a pulse: the first 16 bytes of HMAC-SHA-256 (RFC 2104
    /// section 5 allows half of it).
    #[must_use]
    pub fn tag(&self, body: &[u8]) -> [u8; TAG_BYTES] {
        let whole: [u8; 32] = self.0.clone().chain_update(body).finalize().into_bytes().into();
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&whole[..TAG_BYTES]);
        tag
    }

    /// True when `tag` is the one of `body`. It takes the same time whatever
    /// it is.
    #[must_use]
    pub fn verify(&self, body: &[u8], tag: &[u8]) -> bool {
        self.tag(body)[..].ct_eq(tag).into()
    }
}

impl fmt::Debug for PulseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PulseKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_tag_is_the_begin_of_hmac_sha_256() {
        // RFC 4231 section 4.2 has 20 bytes of 0x0b; HMAC fills keys up with zeros.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let tag = PulseKey::from_exported(key).tag(b"Hi There");
        let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "b0344c61d8db38535ca8afceaf0bf12b");
    }

    #[test]
    fn a_tag_of_another_length_is_wrong() {
        let key = PulseKey::from_exported([7; 32]);
        let tag = key.tag(b"pulse");
        assert!(key.verify(b"pulse", &tag));
        assert!(!key.verify(b"pulse", &tag[..15]));
        assert!(!key.verify(b"pulse", &[&tag[..], &[0]].concat()));
        assert!(!key.verify(b"pulse", &[]));
        assert_eq!(format!("{key:?}"), "PulseKey(hidden)");
    }

    proptest! {
        #[test]
        fn one_changed_bit_is_noticed(body: [u8; 32], key: [u8; 32], bit in 0_usize..384) {
            let pulse_key = PulseKey::from_exported(key);
            let mut datagram = [&body[..], &pulse_key.tag(&body)].concat();
            prop_assert!(pulse_key.verify(&datagram[..32], &datagram[32..]));
            datagram[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!pulse_key.verify(&datagram[..32], &datagram[32..]));
            let mut other = key;
            other[bit % 32] ^= 1;
            prop_assert!(!PulseKey::from_exported(other).verify(&body, &pulse_key.tag(&body)));
        }
    }
}
