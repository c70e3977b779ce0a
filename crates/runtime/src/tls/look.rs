//! Which authority somebody shows who is not known yet: for a person to compare with
//! what the hub's operator says. Nothing is sent over such a connection.

use std::sync::OnceLock;
use std::time::Duration;

use rustls::{CertificateError, Error};

use super::judge::{Judge, Judged, Shown, hash};
use super::{TlsClient, TlsError};
use crate::Clock;
use crate::net::Stream;

/// The fingerprint (SHA-256 of its certificate) of the authority that the other side shows
/// and that signed its certificate of this `name`. Anybody can make such a pair: it says
/// who answers, and not that this is the right one.
///
/// # Errors
/// [`TlsError`] says what came of it instead.
pub async fn shown_authority(
    stream: impl Into<Stream>,
    name: &str,
    limit: Duration,
    clock: &Clock,
) -> Result<[u8; 32], TlsError> {
    let looking = Judged::by(Looking::default());
    let client = TlsClient::with_verifier(looking.clone());
    client.connect(stream, name, limit, clock).await?;
    looking.judge.seen.get().copied().ok_or(TlsError::Timeout)
}

/// Notes the authority of a chain that is whole.
#[derive(Debug, Default)]
struct Looking {
    seen: OnceLock<[u8; 32]>,
}

impl Judge for Looking {
    fn judge(&self, shown: &Shown<'_>) -> Result<(), Error> {
        let none = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let authority = shown.rest.last().ok_or(none)?;
        shown.is_signed_by(authority)?;
        self.seen.get_or_init(|| hash(authority));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};
    use watchfire_identity::certificate::{Authority, Fingerprint, HUB_NAME, certificate_der};

    use super::super::TlsServer;
    use super::super::tests::{agent_at, hub};
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    async fn seen(credentials: &super::super::Credentials) -> Result<[u8; 32], TlsError> {
        let clock = Clock::system();
        let server = TlsServer::new(credentials).expect("a server");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let dialled = TcpStream::connect(listener.local_addr().expect("an address"));
        let (accepted, dialled) = tokio::join!(listener.accept(), dialled);
        let (near, far) = (accepted.expect("accepts").0, dialled.expect("connects"));
        let looking = shown_authority(far, HUB_NAME, LIMIT, &clock);
        let (_, seen) = tokio::join!(server.accept(near, LIMIT, &clock), looking);
        seen
    }

    #[tokio::test]
    async fn the_authority_of_a_hub_is_seen() {
        let authority = Authority::generate(Clock::system().now());
        let der = certificate_der(authority.certificate_pem()).expect("a certificate");
        assert_eq!(seen(&hub(&authority)).await, Ok(*Fingerprint::of(&der).as_bytes()));
    }

    #[tokio::test]
    async fn one_that_is_no_hub_shows_none() {
        let now = Clock::system().now();
        let authority = Authority::generate(now);
        let key = watchfire_identity::certificate::MachineKey::generate();
        let error = seen(&agent_at(&authority, &key, now)).await.expect_err("an agent");
        assert!(matches!(error, TlsError::OtherIdentity(_)), "{error}");
        let mut foreign = hub(&authority);
        foreign.ca_pem = Authority::generate(now).certificate_pem().to_owned();
        let error = seen(&foreign).await.expect_err("another authority");
        assert!(matches!(error, TlsError::NotTrusted(_)), "{error}");
    }
}
