use std::sync::{Arc, LazyLock};

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::Secret;

/// Who one is: a certificate, its key, and the authority that signs both
/// sides' certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The certificate, in PEM.
    pub certificate_pem: String,
    /// Its private key, PKCS#8 in PEM.
    pub key_pem: Secret,
    /// The authority's certificate, in PEM. Empty while there is none, which is
    /// so on an agent that waits to be adopted: it asks nobody for a certificate.
    pub ca_pem: String,
}

/// Why credentials cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The certificate is none.
    #[error("the certificate is not a certificate in PEM: restore the file, or enrol again")]
    Certificate,
    /// The key is none.
    #[error("the key is not a private key in PEM: restore the file, or enrol again")]
    Key,
    /// The authority's certificate is none.
    #[error("the CA's certificate is not a certificate in PEM: restore the file, or enrol again")]
    Authority,
    /// A certificate of the authority is needed here.
    #[error("without the CA's certificate nobody can be known: enrol first")]
    NoAuthority,
    /// Key and certificate do not fit, or are of a kind that is not supported.
    #[error("the certificate and its key cannot be used together: {0}")]
    NotOnePair(String),
}

/// Credentials, read.
pub(super) struct Identity {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) authority: Option<CertificateDer<'static>>,
}

impl Identity {
    pub(super) fn read(credentials: &Credentials) -> Result<Self, CredentialsError> {
        let certificate = CertificateDer::from_pem_slice(credentials.certificate_pem.as_bytes())
            .map_err(|_| CredentialsError::Certificate)?;
        let key = PrivateKeyDer::from_pem_slice(credentials.key_pem.expose().as_bytes())
            .map_err(|_| CredentialsError::Key)?;
        let ca = credentials.ca_pem.as_bytes();
        let authority = if ca.trim_ascii().is_empty() {
            None
        } else {
            let read = CertificateDer::from_pem_slice(ca);
            Some(read.map_err(|_| CredentialsError::Authority)?)
        };
        Ok(Self { certificate, key, authority })
    }
}

/// The one certificate that is trusted.
pub(super) fn roots(
    authority: &CertificateDer<'static>,
) -> Result<Arc<RootCertStore>, CredentialsError> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).map_err(|_| CredentialsError::Authority)?;
    Ok(Arc::new(roots))
}

/// ring, handed on by name: a default of the process could be another one.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));
    Arc::clone(&PROVIDER)
}
