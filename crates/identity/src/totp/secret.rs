use std::fmt;
use std::fmt::Write;
use std::time::Duration;

use watchfire_model::Moment;
use zeroize::Zeroizing;

use super::base32;
use crate::{Randomness, constant_time_eq};

/// How many digits a code has.
pub const CODE_DIGITS: usize = 6;
/// For how long an app shows one code.
pub const STEP: Duration = Duration::from_secs(30);
/// How many steps a clock may be behind or ahead.
const SLACK_STEPS: u64 = 1;
/// The length that RFC 4226 recommends for a secret.
const SECRET_BYTES: usize = 20;
/// The longest issuer or account in a URL: an app shows little more.
const MAX_LABEL_BYTES: usize = 128;

/// What the hub and the app of one user both know.
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<Vec<u8>>);

/// Why a text is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret of an authenticator is {SECRET_BYTES} bytes in base32")]
pub struct TotpError;

impl TotpSecret {
    /// A new secret.
    #[must_use]
    pub fn new(randomness: &mut impl Randomness) -> Self {
        let mut bytes = Zeroizing::new(vec![0; SECRET_BYTES]);
        randomness.fill(&mut bytes);
        Self(bytes)
    }

    /// Reads base32, as [`TotpSecret::to_base32`] writes it.
    ///
    /// # Errors
    /// [`TotpError`] when it is not one.
    pub fn from_base32(text: &str) -> Result<Self, TotpError> {
        let bytes = base32::read(text).map(Zeroizing::new).ok_or(TotpError)?;
        if bytes.len() == SECRET_BYTES { Ok(Self(bytes)) } else { Err(TotpError) }
    }

    /// The secret as one types it into an app.
    #[must_use]
    pub fn to_base32(&self) -> Zeroizing<String> {
        Zeroizing::new(base32::write(&self.0))
    }

    /// The URL that an app reads, mostly from a picture.
    #[must_use]
    pub fn otpauth_url(&self, issuer: &str, account: &str) -> Zeroizing<String> {
        let (issuer, account) = (percent(issuer), percent(account));
        let secret = self.to_base32();
        Zeroizing::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}\
             &algorithm=SHA1&digits={CODE_DIGITS}&period={}",
            *secret,
            STEP.as_secs()
        ))
    }

    /// The step that a code is of, when it is one of now and later than the last that was used.
    ///
    /// The caller keeps the step: one code opens once, so that who saw it typed cannot use it.
    #[must_use]
    pub fn accept(&self, code: &str, now: Moment, last_step: Option<u64>) -> Option<u64> {
        let now = step_at(now)?;
        let mut accepted = None;
        // All are compared, so that the time it takes does not say which one was near.
        for step in now.saturating_sub(SLACK_STEPS)..=now + SLACK_STEPS {
            let fits = constant_time_eq(self.code_of(step).as_bytes(), code.as_bytes());
            if fits && last_step.is_none_or(|last| step > last) {
                accepted = Some(step);
            }
        }
        accepted
    }

    /// The code that the app shows at this moment.
    #[must_use]
    pub fn code_at(&self, now: Moment) -> Option<String> {
        step_at(now).map(|step| self.code_of(step))
    }

    fn code_of(&self, step: u64) -> String {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = ring::hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        // RFC 4226, section 5.3.
        let from = usize::from(tag[tag.len() - 1] & 15);
        let number =
            tag[from..from + 4].iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
        format!("{:0CODE_DIGITS$}", (number & 0x7fff_ffff) % 10_u32.pow(6))
    }
}

fn step_at(now: Moment) -> Option<u64> {
    u64::try_from(now.unix_ms).ok().map(|ms| ms / 1000 / STEP.as_secs())
}

/// Everything that could end a part of a URL is written as bytes.
fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes().take(MAX_LABEL_BYTES) {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    out
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::tests::Counting;

    fn at(unix_s: i64) -> Moment {
        Moment { unix_ms: unix_s * 1000, ..Moment::default() }
    }

    fn of_the_standard() -> TotpSecret {
        TotpSecret::from_base32("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").expect("RFC 6238, appendix B")
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        for (unix_s, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(of_the_standard().code_at(at(unix_s)).as_deref(), Some(code));
        }
    }

    #[test]
    fn a_code_holds_for_one_step_around_and_once() {
        let secret = of_the_standard();
        let code = secret.code_at(at(1_234_567_890)).expect("after 1970");
        let step = 1_234_567_890 / 30;
        assert_eq!(secret.accept(&code, at(1_234_567_890), None), Some(step));
        assert_eq!(secret.accept(&code, at(1_234_567_890 - 30), None), Some(step));
        assert_eq!(secret.accept(&code, at(1_234_567_890 + 30), Some(step - 1)), Some(step));
        assert_eq!(secret.accept(&code, at(1_234_567_890 + 60), None), None, "too late");
        assert_eq!(secret.accept(&code, at(1_234_567_890 - 60), None), None, "too early");
        assert_eq!(secret.accept(&code, at(1_234_567_890), Some(step)), None, "used");
        assert_eq!(secret.accept(&code, at(1_234_567_890), Some(step + 9)), None, "clock set back");
        for wrong in ["", "00592", "0059240", " 05924", "005925"] {
            assert_eq!(secret.accept(wrong, at(1_234_567_890), None), None, "{wrong}");
        }
        assert_eq!(secret.accept(&code, at(-1), None), None);
    }

    #[test]
    fn the_url_holds_nothing_that_breaks_it() {
        let secret = TotpSecret::new(&mut Counting(0));
        assert_eq!(
            *secret.otpauth_url("Watch&fire", "a da:?#é"),
            "otpauth://totp/Watch%26fire:a%20da%3A%3F%23%C3%A9?secret=\
             AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT&issuer=Watch%26fire&algorithm=SHA1&digits=6&period=30"
        );
        let again = TotpSecret::from_base32(&secret.to_base32()).expect("written by us");
        assert_eq!(again.code_at(at(5)), secret.code_at(at(5)));
        assert_eq!(format!("{secret:?}"), "TotpSecret(hidden)");
        for none in ["", "GEZDGNBV", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGE"] {
            assert_eq!(TotpSecret::from_base32(none).err(), Some(TotpError));
        }
    }
}
