//! Knowing the other side before there is a common authority: by a fingerprint
//! that came another way.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, PeerIncompatible, RootCertStore,
    SignatureScheme,
};
use sha2::{Digest, Sha256};

use super::credentials::provider;

/// What the fingerprint is of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pin {
    /// The authority's certificate: it must be in the chain that is shown, and
    /// the leaf signed by it, valid now, and of the name that is looked for.
    Authority([u8; 32]),
    /// The leaf's public key. Nothing else about the leaf matters.
    Key([u8; 32]),
}

/// Checks a server by a pin.
#[derive(Debug)]
pub(super) struct Pinned {
    pin: Pin,
    algorithms: WebPkiSupportedAlgorithms,
}

/// The fingerprint was of something else.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mismatch(&'static str);

impl Pinned {
    pub(super) fn new(pin: Pin) -> Arc<Self> {
        let algorithms = provider().signature_verification_algorithms;
        Arc::new(Self { pin, algorithms })
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.pin {
            Pin::Authority(pin) => {
                let authority = intermediates.iter().find(|shown| hash(shown) == pin);
                let authority = authority.ok_or(Mismatch("its CA is not the one of the token"))?;
                let verifier = signed_by(authority)?;
                verifier.verify_server_cert(end_entity, &[], server_name, ocsp_response, now)
            }
            Pin::Key(pin) => {
                let leaf = ParsedCertificate::try_from(end_entity)?;
                if hash(&leaf.subject_public_key_info()) == pin {
                    Ok(ServerCertVerified::assertion())
                } else {
                    Err(Mismatch("its key is not the one of the invitation").into())
                }
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // TLS 1.2 is never offered.
        Err(Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// What checks a chain that ends with this authority.
pub(super) fn signed_by(
    authority: &CertificateDer<'_>,
) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone().into_owned())?;
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| Error::General(error.to_string()))
}

pub(super) fn hash(der: &[u8]) -> [u8; 32] {
    Sha256::digest(der).into()
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
