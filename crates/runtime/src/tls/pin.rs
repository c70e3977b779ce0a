//! Knowing the other side before there is a common authority: by a fingerprint
//! that came another way.

use std::fmt;
use std::sync::Arc;

use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, OtherError};

use super::judge::{Judge, Shown, hash};

/// What the fingerprint is of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pin {
    /// The authority's certificate: it must be in the chain that is shown, and
    /// the leaf signed by it, valid now, and of the name that is looked for.
    Authority([u8; 32]),
    /// The leaf's public key. Nothing else about the leaf matters.
    Key([u8; 32]),
}

/// The fingerprint was of something else.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mismatch(&'static str);

impl Judge for Pin {
    fn judge(&self, shown: &Shown<'_>) -> Result<(), Error> {
        match self {
            Self::Authority(pin) => {
                let authority = shown.rest.iter().find(|shown| hash(shown) == *pin);
                let authority = authority.ok_or(Mismatch("its CA is not the one of the token"))?;
                shown.is_signed_by(authority)
            }
            Self::Key(pin) => {
                let leaf = ParsedCertificate::try_from(shown.leaf)?;
                if hash(&leaf.subject_public_key_info()) == *pin {
                    Ok(())
                } else {
                    Err(Mismatch("its key is not the one of the invitation").into())
                }
            }
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Mismatch {}

impl From<Mismatch> for Error {
    fn from(mismatch: Mismatch) -> Self {
        Self::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(mismatch))))
    }
}
