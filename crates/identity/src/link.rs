use std::fmt::Write;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use watchfire_model::Moment;
use zeroize::Zeroizing;

use crate::constant_time_eq;
use crate::token::TokenKey;

/// The longest mark that is looked at, in bytes.
pub const MAX_MARK_BYTES: usize = 512;
/// How many bytes of the signature a mark holds: links are read on phones and sent in short
/// messages, and 128 bits are not guessed.
const SIGNATURE_BYTES: usize = 16;
/// How many numbers stand before the user.
const NUMBERS: usize = 3;

/// Signs what stands in a link by which one user may do one thing about one incident.
///
/// Its key is made from the key of the tokens, and is none: what it signs opens nothing else.
pub struct LinkKey(Zeroizing<[u8; 32]>);

/// What a link is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkClaims {
    /// The number of the incident.
    pub incident: i64,
    /// When it was judged, in milliseconds since 1970: that keeps incidents apart that have one
    /// number, because a copy of the database was put back.
    pub judged_unix_ms: i64,
    /// The user whom the link was sent to.
    pub user: String,
}

/// Why a link is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It is none of ours.
    #[error("the link is not one of this hub")]
    NotOurs,
    /// It was one.
    #[error("the link has expired")]
    Expired,
}

impl LinkKey {
    /// The key for links that goes with the key of the tokens.
    #[must_use]
    pub fn of(tokens: &TokenKey) -> Self {
        Self(Zeroizing::new(tokens.fingerprint("key of links")))
    }

    /// What stands in a link that may be used for the time `lives`.
    #[must_use]
    pub fn sign(&self, claims: &LinkClaims, now: Moment, lives: Duration) -> String {
        let lives = i64::try_from(lives.as_secs()).unwrap_or(i64::MAX);
        let ends_s = now.unix_ms.div_euclid(1000).saturating_add(lives);
        let mut mark = format!("{}.{}.{ends_s}.", claims.incident, claims.judged_unix_ms);
        URL_SAFE_NO_PAD.encode_string(&claims.user, &mut mark);
        let signature = self.signature(&mark);
        write!(mark, ".{signature}").expect("writing to a string cannot fail");
        mark
    }

    /// What a link is for. Whether its user may do that is for the caller to ask.
    ///
    /// # Errors
    /// [`LinkError`] when it is none of ours, or its time is over.
    pub fn verify(&self, mark: &str, now: Moment) -> Result<LinkClaims, LinkError> {
        if mark.len() > MAX_MARK_BYTES {
            return Err(LinkError::NotOurs);
        }
        let (signed, signature) = mark.rsplit_once('.').ok_or(LinkError::NotOurs)?;
        // Nothing of it is read before it is known to be ours.
        if !constant_time_eq(self.signature(signed).as_bytes(), signature.as_bytes()) {
            return Err(LinkError::NotOurs);
        }
        let (ends_s, claims) = read(signed).ok_or(LinkError::NotOurs)?;
        if ends_s <= now.unix_ms.div_euclid(1000) {
            return Err(LinkError::Expired);
        }
        Ok(claims)
    }

    fn signature(&self, signed: &str) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice());
        let mac = mac.expect("HMAC takes a key of any length").chain_update(signed);
        URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..SIGNATURE_BYTES])
    }
}

fn read(signed: &str) -> Option<(i64, LinkClaims)> {
    let mut parts = signed.splitn(NUMBERS + 1, '.');
    let mut number = || parts.next()?.parse().ok();
    let (incident, judged_unix_ms, ends_s) = (number()?, number()?, number()?);
    let user = String::from_utf8(URL_SAFE_NO_PAD.decode(parts.next()?).ok()?).ok()?;
    Some((ends_s, LinkClaims { incident, judged_unix_ms, user }))
}

impl std::fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn key() -> LinkKey {
        LinkKey::of(&TokenKey::from_bytes([7; 32]))
    }

    fn at(unix_ms: i64) -> Moment {
        Moment { unix_ms, ..Moment::default() }
    }

    fn claims() -> LinkClaims {
        let user = "ä.da@example.org".to_owned();
        LinkClaims { incident: 12, judged_unix_ms: 1_700_000_000_123, user }
    }

    #[test]
    fn what_was_signed_is_read_until_its_time_is_over() {
        let now = 1_700_000_100_999;
        let mark = key().sign(&claims(), at(now), DAY);
        assert!(mark.len() < 90, "{mark}");
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        assert!(mark.chars().all(plain), "it needs no escapes: {mark}");
        assert_eq!(key().verify(&mark, at(now)), Ok(claims()));
        assert_eq!(key().verify(&mark, at(now + 86_399_000)), Ok(claims()));
        assert_eq!(key().verify(&mark, at(now + 86_400_001)), Err(LinkError::Expired));
    }

    #[test]
    fn no_other_mark_is_accepted() {
        let mark = key().sign(&claims(), at(0), DAY);
        for place in 0..mark.len() {
            for other in ["0", "1", "A", "-", "."] {
                let mut changed = mark.clone();
                changed.replace_range(place..=place, other);
                let expected = if changed == mark { Ok(claims()) } else { Err(LinkError::NotOurs) };
                assert_eq!(key().verify(&changed, at(0)), expected, "{changed}");
            }
            assert_eq!(key().verify(&mark[..place], at(0)), Err(LinkError::NotOurs));
        }
        for none in ["", ".", "....", "1.2.3.4.5", &format!("{mark}A"), &"1.".repeat(500)] {
            assert_eq!(key().verify(none, at(0)), Err(LinkError::NotOurs), "{none}");
        }
        let other = LinkKey::of(&TokenKey::from_bytes([8; 32]));
        assert_eq!(other.verify(&mark, at(0)), Err(LinkError::NotOurs));
    }

    #[test]
    fn a_link_is_no_token_and_a_token_no_link() {
        use crate::Scope;
        use crate::token::Audience;
        let tokens = TokenKey::from_bytes([7; 32]);
        let token = tokens.issue("ada", Audience::Hub, &[Scope::Change], "e", at(0), DAY);
        assert_eq!(key().verify(&token, at(0)), Err(LinkError::NotOurs));
        let mark = key().sign(&claims(), at(0), DAY);
        assert!(tokens.verify(&mark, Audience::Hub, at(0)).is_err());
        assert_eq!(format!("{:?}", key()), "LinkKey(hidden)");
    }
}
