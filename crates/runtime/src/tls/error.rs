use std::io;

use rustls::{CertificateError, Error, OtherError};

use super::pin::Mismatch;

/// Why there is no TLS connection, or no more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// The handshake took too long.
    #[error("the other side did not finish the TLS handshake in time")]
    Timeout,
    /// The connection below broke.
    #[error("the connection broke in the TLS handshake: {0}")]
    Io(io::ErrorKind),
    /// The other side is not who was looked for: another name, another key or
    /// another authority than the pinned one.
    #[error("somebody else answers there: {0}")]
    OtherIdentity(String),
    /// The other side's certificate is worth nothing here: it is not signed by
    /// the hub's authority, or not valid now.
    #[error("the other side's certificate is not trusted: {0}")]
    NotTrusted(String),
    /// The other side ended the handshake with this alert (RFC 8446 section 6).
    #[error("the other side refused this side's certificate or offer: {0}")]
    PeerRefusedUs(String),
    /// What came is no TLS.
    #[error("the other side does not speak TLS there")]
    NotTls,
    /// Both sides speak TLS, but have no version or method in common.
    #[error("the other side does not speak TLS 1.3 as it is needed here: {0}")]
    Incompatible(String),
    /// The name to look for is none.
    #[error("{0:?} is no name that a certificate can have")]
    BadName(String),
}

impl TlsError {
    /// What an error of a [`TlsStream`](super::TlsStream) means. A server
    /// judges the client's certificate after the client's handshake is over, so
    /// [`TlsError::PeerRefusedUs`] may come with the first reading.
    #[must_use]
    pub fn of(error: &io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(error) => Self::of_rustls(error),
            None => Self::Io(error.kind()),
        }
    }

    fn of_rustls(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(reason) => Self::of_certificate(reason),
            Error::AlertReceived(alert) => Self::PeerRefusedUs(format!("{alert:?}")),
            Error::InvalidMessage(_) => Self::NotTls,
            other => Self::Incompatible(other.to_string()),
        }
    }

    fn of_certificate(reason: &CertificateError) -> Self {
        match reason {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::OtherIdentity(reason.to_string())
            }
            // Only our own pin's: webpki puts all that it has no word for into the
            // same place, before it has looked at who signed the certificate.
            CertificateError::Other(OtherError(why)) if why.is::<Mismatch>() => {
                Self::OtherIdentity(why.to_string())
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotTrusted(format!("{reason}; is this machine's clock right?"))
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                Self::NotTrusted("it is not signed by the hub's own CA".to_owned())
            }
            _ => Self::NotTrusted(reason.to_string()),
        }
    }
}
