//! Checks who a server is, by whatever says so; what TLS asks besides is the same for all.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, PeerIncompatible, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};

use super::credentials::provider;

/// Says who may answer.
pub(super) trait Judge: fmt::Debug + Send + Sync {
    /// Judges a leaf that was shown with the rest of its chain.
    ///
    /// # Errors
    /// Why this is not the right one.
    fn judge(&self, shown: &Shown<'_>) -> Result<(), Error>;
}

/// What a server shows of itself, to whom and when.
pub(super) struct Shown<'a> {
    pub(super) leaf: &'a CertificateDer<'a>,
    /// What came with it, the authority last.
    pub(super) rest: &'a [CertificateDer<'a>],
    name: &'a ServerName<'a>,
    ocsp_response: &'a [u8],
    now: UnixTime,
}

/// A server is the one that the judge says; that it has the leaf's key is checked here.
#[derive(Debug)]
pub(super) struct Judged<J> {
    pub(super) judge: J,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Shown<'_> {
    /// Checks that the leaf is signed by this authority, valid now, and of the name that is
    /// looked for.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn is_signed_by(&self, authority: &CertificateDer<'_>) -> Result<(), Error> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| Error::General(error.to_string()))?;
        let Self { leaf, name, ocsp_response, now, .. } = self;
        verifier.verify_server_cert(leaf, &[], name, ocsp_response, *now).map(|_| ())
    }
}

impl<J: Judge> Judged<J> {
    pub(super) fn by(judge: J) -> Arc<Self> {
        let algorithms = provider().signature_verification_algorithms;
        Arc::new(Self { judge, algorithms })
    }
}

impl<J: Judge> ServerCertVerifier for Judged<J> {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge.judge(&Shown { leaf, rest, name, ocsp_response, now })?;
        Ok(ServerCertVerified::assertion())
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

/// The fingerprint of a certificate or key.
pub(super) fn hash(der: &[u8]) -> [u8; 32] {
    Sha256::digest(der).into()
}
