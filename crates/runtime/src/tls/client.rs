use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use rustls::{ClientConfig, ConfigBuilder, WantsVerifier};
use tokio_rustls::TlsConnector;

use super::credentials::{Identity, provider, roots};
use super::judge::Judged;
use super::pin::Pin;
use super::{ALPN, Credentials, CredentialsError, MAX_WAITING_BYTES, TlsError, TlsStream};
use crate::Clock;
use crate::net::Stream;

/// The dialling side of TLS. Cheap to clone. After a renewal make a new one.
#[derive(Clone)]
pub struct TlsClient(Arc<ClientConfig>);

impl TlsClient {
    /// Dials as these credentials say, and trusts what their authority signed.
    ///
    /// # Errors
    /// [`CredentialsError`] when they cannot be used.
    pub fn new(credentials: &Credentials) -> Result<Self, CredentialsError> {
        let identity = Identity::read(credentials)?;
        let authority = identity.authority.ok_or(CredentialsError::NoAuthority)?;
        let config = builder()
            .with_root_certificates(roots(&authority)?)
            .with_client_auth_cert(vec![identity.certificate], identity.key)
            .map_err(|error| CredentialsError::NotOnePair(error.to_string()))?;
        Ok(Self::with(config))
    }

    /// Dials as nobody, and talks only to whom the authority with this
    /// fingerprint (SHA-256 of its certificate) vouches for: before anything is
    /// sent, the chain must hold that authority, and the leaf be signed by it.
    #[must_use]
    pub fn enrol_pinned_to_ca(fingerprint: [u8; 32]) -> Self {
        Self::with_verifier(Judged::by(Pin::Authority(fingerprint)))
    }

    /// Dials as nobody, and talks only to who has the key with this fingerprint
    /// (SHA-256 of its SubjectPublicKeyInfo). Names and dates do not matter.
    #[must_use]
    pub fn enrol_pinned_to_key(fingerprint: [u8; 32]) -> Self {
        Self::with_verifier(Judged::by(Pin::Key(fingerprint)))
    }

    /// Makes a TLS connection out of a plain one. `name` is the name that the
    /// other side's certificate must have.
    ///
    /// # Errors
    /// [`TlsError`] says what came of it instead.
    pub async fn connect(
        &self,
        stream: impl Into<Stream>,
        name: &str,
        limit: Duration,
        clock: &Clock,
    ) -> Result<TlsStream, TlsError> {
        let server = ServerName::try_from(name).map_err(|_| TlsError::BadName(name.to_owned()))?;
        let connecting = TlsConnector::from(Arc::clone(&self.0)).connect_with(
            server.to_owned(),
            stream.into(),
            |session| session.set_buffer_limit(Some(MAX_WAITING_BYTES)),
        );
        let connected = clock.within(limit, connecting).await.ok_or(TlsError::Timeout)?;
        connected.map(|stream| TlsStream::new(stream.into())).map_err(|error| TlsError::of(&error))
    }

    pub(super) fn with_verifier(verifier: Arc<dyn ServerCertVerifier>) -> Self {
        let dangerous = builder().dangerous();
        Self::with(dangerous.with_custom_certificate_verifier(verifier).with_no_client_auth())
    }

    fn with(mut config: ClientConfig) -> Self {
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = Resumption::disabled();
        config.enable_early_data = false;
        Self(Arc::new(config))
    }
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsClient")
    }
}

fn builder() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .expect("ring has all that TLS 1.3 needs")
}
