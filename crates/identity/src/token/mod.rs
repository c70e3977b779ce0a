//! Tokens: JSON Web Tokens (RFC 7519) in the compact form, HS256 only.
//!
//! The form is written and read here and not by a library, because the one in
//! question keeps its algorithms in a process-wide table, reads the clock by
//! itself and accepts header parameters (`crit`) that must be refused. What
//! remains without those is this file.

mod claims;
mod key;

pub use claims::{Audience, Claims};
pub use key::{MAX_TOKEN_BYTES, TokenError, TokenKey};

#[cfg(test)]
mod tests;
