//! Codes of an authenticator app (TOTP, RFC 6238), and the codes that stand in for a lost one.

mod base32;
mod recovery;
mod secret;

pub use recovery::{RECOVERY_CODES, RecoveryCode, RecoveryDigest};
pub use secret::{CODE_DIGITS, STEP, TotpError, TotpSecret};
