use super::{AgentId, MAX_REQUEST_BYTES};

/// Why a key, a request or a certificate was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The text is no private key that we wrote.
    #[error(
        "this is no private key of Watchfire (PKCS#8 in PEM, ECDSA P-256): restore the file from \
         a backup, or move it away to get a new key and a new identity"
    )]
    NotAKey,
    /// The bytes are no certificate.
    #[error("this is no X.509 certificate: restore the file from a backup, or enrol again")]
    NotACertificate,
    /// The authority's two files are not of one making.
    #[error("the CA's key and its certificate do not belong together: restore both of one backup")]
    NotOnePair,
    /// The text is no signing request, or too long.
    #[error("this is no certificate request (PKCS#10 in PEM, at most {MAX_REQUEST_BYTES} bytes)")]
    NotARequest,
    /// The request is for a key of another kind.
    #[error("a certificate is only given to an ECDSA P-256 key that signs with SHA-256")]
    OtherKindOfKey,
    /// Who made the request does not have the key in it.
    #[error("the certificate request is not signed by its own key")]
    NotSigned,
    /// The hub was to get a certificate for something that is no name.
    #[error("{0:?} is neither a host name nor an IP address: a certificate cannot name it")]
    BadName(String),
    /// A name below our own domain was asked for.
    #[error("{0:?} is one of Watchfire's own names, which the hub cannot be given")]
    ReservedName(String),
    /// The certificate names nobody that we know, or several.
    #[error("the certificate names neither the hub nor exactly one agent")]
    Nobody,
    /// The certificate names another agent than the one whose key it holds.
    #[error("the certificate names the agent {named}, but its key is the agent {is}'s")]
    OtherKey {
        /// Whom the name is of.
        named: AgentId,
        /// Whom the key is of.
        is: AgentId,
    },
}
