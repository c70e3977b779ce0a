use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::server::{ClientCertVerifierBuilder, NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use tokio_rustls::TlsAcceptor;

use super::credentials::{Identity, provider, roots};
use super::{ALPN, Credentials, CredentialsError, MAX_WAITING_BYTES, TlsError, TlsStream};
use crate::Clock;
use crate::net::Stream;

/// The listening side of TLS. Cheap to clone; a renewal reaches all clones.
///
/// It asks for a certificate of the authority and lets clients without one
/// pass, because browsers and new agents have none: see
/// [`Peer`](crate::http::Peer) for who came. A client that shows a wrong
/// certificate is refused.
#[derive(Clone)]
pub struct TlsServer(Arc<RwLock<Arc<ServerConfig>>>);

impl TlsServer {
    /// Listens as these credentials say.
    ///
    /// # Errors
    /// [`CredentialsError`] when they cannot be used.
    pub fn new(credentials: &Credentials) -> Result<Self, CredentialsError> {
        Ok(Self(Arc::new(RwLock::new(config(credentials)?))))
    }

    /// Takes other credentials for all handshakes from now on. Connections that
    /// stand go on.
    ///
    /// # Errors
    /// [`CredentialsError`] when they cannot be used; the old ones stay.
    pub fn renew(&self, credentials: &Credentials) -> Result<(), CredentialsError> {
        let config = config(credentials)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// Makes a TLS connection out of a plain one that came in.
    ///
    /// # Errors
    /// [`TlsError`] says what came of it instead.
    pub async fn accept(
        &self,
        stream: impl Into<Stream>,
        limit: Duration,
        clock: &Clock,
    ) -> Result<TlsStream, TlsError> {
        let config = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        let accepting = TlsAcceptor::from(config).accept_with(stream.into(), |session| {
            session.set_buffer_limit(Some(MAX_WAITING_BYTES))
        });
        let accepted = clock.within(limit, accepting).await.ok_or(TlsError::Timeout)?;
        accepted.map(|stream| TlsStream::new(stream.into())).map_err(|error| TlsError::of(&error))
    }
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsServer")
    }
}

fn config(credentials: &Credentials) -> Result<Arc<ServerConfig>, CredentialsError> {
    let identity = Identity::read(credentials)?;
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .expect("ring has all that TLS 1.3 needs");
    let (builder, chain) = match identity.authority {
        None => (builder.with_no_client_auth(), vec![identity.certificate]),
        Some(authority) => {
            let verifier =
                WebPkiClientVerifier::builder_with_provider(roots(&authority)?, provider());
            let verifier = ClientCertVerifierBuilder::allow_unauthenticated(verifier).build();
            let verifier = verifier.map_err(|_| CredentialsError::Authority)?;
            // A new agent knows the authority by its fingerprint alone, and
            // takes it from the chain.
            let chain = vec![identity.certificate, authority];
            (builder.with_client_cert_verifier(verifier), chain)
        }
    };
    let mut config = builder
        .with_single_cert(chain, identity.key)
        .map_err(|error| CredentialsError::NotOnePair(error.to_string()))?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}
