use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use watchfire_model::Moment;
use zeroize::Zeroizing;

use super::{Audience, Claims};
use crate::password::PasswordHash;
use crate::random::random_hex_from;
use crate::{Randomness, Scope, SystemRandomness};

/// The longest token that is looked at, in bytes. Ours have about 250 plus the user's name.
pub const MAX_TOKEN_BYTES: usize = 2048;

/// The one header that we write.
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// How far ahead `iat` and `nbf` may be, in seconds, for a clock that was set
/// back a little between issue and use. `exp` has no leeway.
const LEEWAY_S: i64 = 5;

/// How many random bytes a token's number has.
const JTI_BYTES: usize = 16;
/// How many bytes of the fingerprint of a password's hash go into a token.
const EPOCH_BYTES: usize = 16;

/// The secret that signs tokens: 32 bytes, wiped from memory at the end. Its
/// `Debug` form does not show it.
#[derive(Clone)]
pub struct TokenKey(Zeroizing<[u8; 32]>);

/// Why a token was refused. None of them says anything about the key, and none
/// holds a piece of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It has more than [`MAX_TOKEN_BYTES`] bytes.
    #[error("the token is too long")]
    TooLong,
    /// It does not have three parts in base64url without padding.
    #[error("the token is malformed")]
    Malformed,
    /// It was not signed by this key with HS256.
    #[error("the token's signature is wrong")]
    Signature,
    /// Its header is not exactly one that we write.
    #[error("the token's header is not accepted")]
    Header,
    /// A claim is missing or of the wrong type.
    #[error("the token's claims are not accepted")]
    Claims,
    /// It is for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// It was issued, or begins, in the future.
    #[error("the token is not valid yet")]
    NotYet,
}

/// The header, where any other member is an error. `crit` (RFC 7515 4.1.11)
/// must be refused because we understand no extension; `kid`, `jku`, `jwk` and
/// `x5u` would name a key, and we have one key and never write them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: Option<String>,
}

impl TokenKey {
    /// A new random key.
    #[must_use]
    pub fn generate() -> Self {
        let mut key = Zeroizing::new([0; 32]);
        SystemRandomness.fill(key.as_mut());
        Self(key)
    }

    /// The key with those bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The secret itself, to be stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What stands for a password in a token: a keyed fingerprint of its hash.
    /// It changes with the password, and with the key, and says nothing of either.
    #[must_use]
    pub fn epoch(&self, password: &PasswordHash) -> String {
        // What is signed as a token holds no NUL, so this can be no signature.
        let mac = mac(self.as_bytes(), &format!("epoch\0{password}"));
        URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..EPOCH_BYTES])
    }

    /// A keyed fingerprint of any text. It says nothing of the text to whoever has not the key.
    #[must_use]
    pub fn fingerprint(&self, text: &str) -> [u8; 32] {
        // As above, this can be no signature of a token, and no epoch either.
        mac(self.as_bytes(), &format!("fingerprint\0{text}")).finalize().into_bytes().into()
    }

    /// A token for `user` that opens `scopes` at `audience` for the time
    /// `lives`. `epoch` is [`epoch`](Self::epoch) of the user's password.
    #[must_use]
    pub fn issue(
        &self,
        user: &str,
        audience: Audience,
        scopes: &[Scope],
        epoch: &str,
        now: Moment,
        lives: Duration,
    ) -> String {
        let iat = unix_seconds(now);
        let lives = i64::try_from(lives.as_secs()).unwrap_or(i64::MAX);
        let words: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
        self.sign(&Claims {
            user: user.to_owned(),
            exp: iat.saturating_add(lives),
            iat,
            jti: random_hex_from(&mut SystemRandomness, JTI_BYTES),
            scope: words.join(" "),
            aud: audience.as_str().to_owned(),
            epoch: epoch.to_owned(),
            nbf: None,
        })
    }

    /// Checks a token and says what it claims. Whether the user still has the
    /// password and the scopes is for the caller to check: see [`Claims::is_of`].
    ///
    /// # Errors
    /// [`TokenError`] says why it is refused. The caller answers all of them alike.
    pub fn verify(
        &self,
        token: &str,
        audience: Audience,
        now: Moment,
    ) -> Result<Claims, TokenError> {
        let (header, claims) = self.open(token)?;
        check_header(&header)?;
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| TokenError::Claims)?;
        check_claims(&claims, audience, unix_seconds(now))?;
        Ok(claims)
    }

    fn sign(&self, claims: &Claims) -> String {
        let claims = serde_json::to_string(claims).expect("strings and numbers are valid JSON");
        sign_parts(self.as_bytes(), HEADER, &claims)
    }

    /// The two signed parts, decoded, once the signature is known to be ours:
    /// nothing of a stranger's token is parsed before.
    fn open(&self, token: &str) -> Result<(Vec<u8>, Vec<u8>), TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(TokenError::Malformed)?;
        let signature = decode(signature)?;
        let mac = mac(self.as_bytes(), message);
        mac.verify_slice(&signature).map_err(|_| TokenError::Signature)?;
        Ok((decode(header)?, decode(claims)?))
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(hidden)")
    }
}

/// The JWS compact serialisation of RFC 7515, section 7.1.
pub(super) fn sign_parts(key: &[u8], header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = mac(key, &message).finalize().into_bytes();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn mac(key: &[u8], message: &str) -> Hmac<Sha256> {
    let mac = Hmac::<Sha256>::new_from_slice(key);
    mac.expect("HMAC takes a key of any length").chain_update(message)
}

fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)
}

fn check_header(header: &[u8]) -> Result<(), TokenError> {
    let header: Header = serde_json::from_slice(header).map_err(|_| TokenError::Header)?;
    let ours = header.alg == "HS256" && header.typ.is_none_or(|typ| typ == "JWT");
    if ours { Ok(()) } else { Err(TokenError::Header) }
}

fn check_claims(claims: &Claims, audience: Audience, now_s: i64) -> Result<(), TokenError> {
    if claims.user.is_empty()
        || claims.jti.is_empty()
        || claims.epoch.is_empty()
        || claims.exp <= claims.iat
    {
        return Err(TokenError::Claims);
    }
    if claims.aud != audience.as_str() {
        return Err(TokenError::Audience);
    }
    if claims.exp <= now_s {
        return Err(TokenError::Expired);
    }
    let begins = claims.nbf.unwrap_or(claims.iat).max(claims.iat);
    if begins > now_s.saturating_add(LEEWAY_S) {
        return Err(TokenError::NotYet);
    }
    Ok(())
}

fn unix_seconds(now: Moment) -> i64 {
    now.unix_ms.div_euclid(1000)
}
