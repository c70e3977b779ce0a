use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use watchfire_identity::SystemRandomness;
use watchfire_identity::certificate::{Authority, HUB_NAME, MachineKey, Peer, agent_name, peer_of};
use watchfire_identity::enrol::EnrolToken;
use watchfire_model::Moment;

use super::*;
use crate::{Clock, Secret};

const LIMIT: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

fn now() -> Moment {
    Clock::system().now()
}

fn credentials(key: &MachineKey, certificate_pem: &str, authority: &Authority) -> Credentials {
    Credentials {
        certificate_pem: certificate_pem.to_owned(),
        key_pem: Secret::new(key.pem().as_str()),
        ca_pem: authority.certificate_pem().to_owned(),
    }
}

pub(crate) fn hub(authority: &Authority) -> Credentials {
    let key = MachineKey::generate();
    let issued = authority.issue_hub(&key, &[], now()).expect("is issued");
    credentials(&key, &issued.certificate_pem, authority)
}

/// An agent's credentials, issued at some time.
pub(crate) fn agent_at(authority: &Authority, key: &MachineKey, at: Moment) -> Credentials {
    let issued = authority.issue_agent(&key.signing_request(), at).expect("is issued");
    credentials(key, &issued.certificate_pem, authority)
}

/// What both sides have after a handshake and a byte from the client.
struct Met {
    server: Result<TlsStream, TlsError>,
    client: Result<TlsStream, TlsError>,
    /// What the server's application read.
    heard: Vec<u8>,
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let dialled = TcpStream::connect(listener.local_addr().expect("an address"));
    let (accepted, dialled) = tokio::join!(listener.accept(), dialled);
    (accepted.expect("accepts").0, dialled.expect("connects"))
}

/// Lets the two meet. The client says something as soon as it may, and reads
/// one answer, so that it hears a late refusal.
async fn meet(server: &TlsServer, client: &TlsClient, name: &str) -> Met {
    let clock = Clock::system();
    let (near, far) = pair().await;
    let listening = async {
        let mut heard = Vec::new();
        let mut accepted = server.accept(near, LIMIT, &clock).await;
        if let Ok(stream) = &mut accepted {
            let mut bytes = [0; 64];
            if let Ok(read) = stream.read(&mut bytes).await {
                heard.extend_from_slice(&bytes[..read]);
                let _ = stream.write_all(b"!").await;
            }
        }
        (accepted, heard)
    };
    let dialling = async {
        let mut stream = client.connect(far, name, LIMIT, &clock).await?;
        let talk = async {
            stream.write_all(b"wft-secret").await?;
            stream.flush().await?;
            stream.read_exact(&mut [0]).await
        };
        talk.await.map_err(|error| TlsError::of(&error))?;
        Ok(stream)
    };
    let ((server, heard), client) = tokio::join!(listening, dialling);
    Met { server, client, heard }
}

#[tokio::test]
async fn both_sides_know_each_other_and_share_keys() {
    let authority = Authority::generate(now());
    let key = MachineKey::generate();
    let server = TlsServer::new(&hub(&authority)).expect("a server");
    let client = TlsClient::new(&agent_at(&authority, &key, now())).expect("a client");
    let met = meet(&server, &client, HUB_NAME).await;
    let (at_hub, at_agent) = (met.server.expect("accepts"), met.client.expect("connects"));
    assert_eq!(met.heard, b"wft-secret");
    let peer = |stream: &TlsStream| peer_of(stream.peer_certificate().expect("a certificate"));
    assert_eq!(peer(&at_hub), Ok(Peer::Agent(key.id())));
    assert_eq!(peer(&at_agent), Ok(Peer::Hub));
    assert_eq!(at_hub.export(PULSE_LABEL), at_agent.export(PULSE_LABEL));
    assert_ne!(at_hub.export(PULSE_LABEL), at_hub.export("EXPORTER-other"));
    let again = meet(&server, &client, HUB_NAME).await.client.expect("connects");
    assert_ne!(again.export(PULSE_LABEL), at_agent.export(PULSE_LABEL));
}

#[tokio::test]
async fn the_hub_may_dial_as_well() {
    let authority = Authority::generate(now());
    let key = MachineKey::generate();
    let server = TlsServer::new(&agent_at(&authority, &key, now())).expect("a server");
    let client = TlsClient::new(&hub(&authority)).expect("a client");
    let met = meet(&server, &client, &agent_name(key.id())).await;
    assert_eq!(peer_of(met.server.expect("accepts").peer_certificate().unwrap()), Ok(Peer::Hub));
    // Another agent at this address is not taken for the one that was looked for.
    let met = meet(&server, &client, &agent_name(MachineKey::generate().id())).await;
    let error = met.client.expect_err("another name");
    assert!(matches!(&error, TlsError::OtherIdentity(_)), "{error:?}");
    assert_eq!(met.heard, b"");
}

#[tokio::test]
async fn wrong_certificates_reach_nobody() {
    let authority = Authority::generate(now());
    let other = Authority::generate(now());
    let key = MachineKey::generate();
    let server = TlsServer::new(&hub(&authority)).expect("a server");
    let own = Credentials {
        certificate_pem: key.self_signed(now()),
        ..agent_at(&authority, &key, now())
    };
    let of_other = Credentials {
        ca_pem: authority.certificate_pem().to_owned(),
        ..agent_at(&other, &key, now())
    };
    for (what, credentials) in [
        ("expired", agent_at(&authority, &key, now().before(91 * DAY))),
        ("not yet valid", agent_at(&authority, &key, now().after(30 * DAY))),
        ("of another CA", of_other),
        ("self-signed", own),
    ] {
        let client = TlsClient::new(&credentials).expect(what);
        let met = meet(&server, &client, HUB_NAME).await;
        let refused = met.server.expect_err(what);
        assert!(matches!(refused, TlsError::NotTrusted(_)), "{what}: {refused:?}");
        let told = met.client.expect_err(what);
        assert!(matches!(told, TlsError::PeerRefusedUs(_)), "{what}: {told:?}");
        assert_eq!(met.heard, b"", "{what}");
    }
}

#[tokio::test]
async fn an_agent_talks_to_no_other_hub() {
    let (authority, other) = (Authority::generate(now()), Authority::generate(now()));
    let key = MachineKey::generate();
    let client = TlsClient::new(&agent_at(&authority, &key, now())).expect("a client");
    let expired = {
        let key = MachineKey::generate();
        let issued = authority.issue_hub(&key, &[], now().before(91 * DAY)).expect("is issued");
        credentials(&key, &issued.certificate_pem, &authority)
    };
    // Anybody can make a certificate of a CA and show it as his own. It is nobody's,
    // and must not be taken for one of the fleet that has another name.
    let bare_ca = Credentials {
        certificate_pem: other.certificate_pem().to_owned(),
        key_pem: Secret::new(other.key_pem().as_str()),
        ca_pem: String::new(),
    };
    let strangers = [("of another CA", hub(&other)), ("expired", expired), ("a bare CA", bare_ca)];
    for (what, credentials) in strangers {
        let met = meet(&TlsServer::new(&credentials).expect(what), &client, HUB_NAME).await;
        let error = met.client.expect_err(what);
        assert!(matches!(error, TlsError::NotTrusted(_)), "{what}: {error:?}");
        assert_eq!(met.heard, b"", "{what}");
    }
    // Another agent of the same fleet is not the hub.
    let agent = agent_at(&authority, &MachineKey::generate(), now());
    let met = meet(&TlsServer::new(&agent).expect("a server"), &client, HUB_NAME).await;
    assert!(matches!(met.client, Err(TlsError::OtherIdentity(_))));
    assert_eq!(met.heard, b"");
}

#[tokio::test]
async fn a_token_is_sent_to_nobody_but_the_hub_it_names() {
    let (authority, canary) = (Authority::generate(now()), Authority::generate(now()));
    let token = EnrolToken::new(authority.fingerprint(), &mut SystemRandomness);
    let client = TlsClient::enrol_pinned_to_ca(*token.ca.as_bytes());

    let right = TlsServer::new(&hub(&authority)).expect("a server");
    let met = meet(&right, &client, HUB_NAME).await;
    assert_eq!(met.heard, b"wft-secret");
    assert!(met.server.expect("accepts").peer_certificate().is_none());
    assert!(met.client.is_ok());

    // The canary has a certificate of its own CA, or shows the right CA beside it.
    let own = hub(&canary);
    let mut chain = own.clone();
    chain.ca_pem = authority.certificate_pem().to_owned();
    for (what, credentials) in [("its own CA", own), ("a stolen chain", chain)] {
        let met = meet(&TlsServer::new(&credentials).expect(what), &client, HUB_NAME).await;
        assert_eq!(met.heard, b"", "{what}");
        let error = met.client.expect_err(what);
        let told = matches!(error, TlsError::OtherIdentity(_) | TlsError::NotTrusted(_));
        assert!(told, "{what}: {error:?}");
    }
    // An enrolled agent with the right chain is still not the hub.
    let agent = agent_at(&authority, &MachineKey::generate(), now());
    let met = meet(&TlsServer::new(&agent).expect("a server"), &client, HUB_NAME).await;
    assert!(matches!(met.client, Err(TlsError::OtherIdentity(_))));
    assert_eq!(met.heard, b"");
}

#[tokio::test]
async fn an_invitation_is_sent_to_nobody_but_the_agent_it_names() {
    let (key, canary) = (MachineKey::generate(), MachineKey::generate());
    let invited = |key: &MachineKey| Credentials {
        certificate_pem: key.self_signed(now()),
        key_pem: Secret::new(key.pem().as_str()),
        ca_pem: String::new(),
    };
    let client = TlsClient::enrol_pinned_to_key(*key.public_key_fingerprint().as_bytes());
    let met = meet(&TlsServer::new(&invited(&key)).expect("a server"), &client, "any.name").await;
    assert_eq!(met.heard, b"wft-secret");
    assert!(met.client.is_ok() && met.server.is_ok());

    let met =
        meet(&TlsServer::new(&invited(&canary)).expect("a server"), &client, "any.name").await;
    assert!(matches!(met.client, Err(TlsError::OtherIdentity(_))));
    assert_eq!(met.heard, b"");
    // Showing the right certificate without having its key helps nobody.
    let thief = Credentials { key_pem: Secret::new(canary.pem().as_str()), ..invited(&key) };
    match TlsServer::new(&thief) {
        Err(CredentialsError::NotOnePair(_)) => {}
        other => panic!("a server takes only a pair: {other:?}"),
    }
    assert_eq!(TlsClient::new(&invited(&key)).err(), Some(CredentialsError::NoAuthority));
}

#[tokio::test]
async fn a_renewal_reaches_new_handshakes_and_leaves_the_old() {
    let authority = Authority::generate(now());
    let key = MachineKey::generate();
    let server = TlsServer::new(&hub(&authority)).expect("a server");
    let clone = server.clone();
    let client = TlsClient::new(&agent_at(&authority, &key, now())).expect("a client");
    let before = meet(&server, &client, HUB_NAME).await;
    clone.renew(&hub(&authority)).expect("renews");
    let after = meet(&server, &client, HUB_NAME).await;
    let leaf = |stream: &TlsStream| stream.peer_certificate().expect("a certificate").to_vec();
    let (mut old, new) = (before.client.expect("connects"), after.client.expect("connects"));
    assert_ne!(leaf(&old), leaf(&new));
    let mut far = before.server.expect("accepted");
    let (written, read) = tokio::join!(old.write_all(b"still here"), async {
        let mut bytes = [0; 10];
        far.read_exact(&mut bytes).await.map(|_| bytes)
    });
    written.expect("the old connection goes on");
    assert_eq!(&read.expect("reads"), b"still here");
    let broken = Credentials { certificate_pem: "none".into(), ..hub(&authority) };
    assert_eq!(clone.renew(&broken), Err(CredentialsError::Certificate));
    assert!(meet(&server, &client, HUB_NAME).await.client.is_ok(), "the good ones stay");
}

#[tokio::test]
async fn only_tls_1_3_is_spoken() {
    let authority = Authority::generate(now());
    let server = TlsServer::new(&hub(&authority)).expect("a server");
    let agent = agent_at(&authority, &MachineKey::generate(), now());
    let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(der(&agent.ca_pem)).expect("a root");
    let key = PrivateKeyDer::from_pem_slice(agent.key_pem.expose().as_bytes()).expect("a key");
    let old = ClientConfig::builder_with_provider(super::credentials::provider())
        .with_protocol_versions(&[&rustls::version::TLS12])
        .expect("a version")
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![der(&agent.certificate_pem)], key)
        .expect("a client");
    let (near, far) = pair().await;
    let name = ServerName::try_from(HUB_NAME).expect("a name");
    let connector = tokio_rustls::TlsConnector::from(Arc::new(old));
    let clock = Clock::system();
    let (accepted, connected) =
        tokio::join!(server.accept(near, LIMIT, &clock), connector.connect(name, far));
    assert!(matches!(accepted, Err(TlsError::Incompatible(_))), "{accepted:?}");
    let told = TlsError::of(&connected.expect_err("an alert"));
    assert_eq!(told, TlsError::PeerRefusedUs("ProtocolVersion".to_owned()));
}

#[tokio::test]
async fn failures_are_told_apart() {
    let authority = Authority::generate(now());
    let agent = agent_at(&authority, &MachineKey::generate(), now());
    let client = TlsClient::new(&agent).expect("a client");
    let clock = Clock::system();

    let (mut near, far) = pair().await;
    let answer = async {
        near.read_exact(&mut [0; 16]).await.expect("a ClientHello");
        near.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("writes");
    };
    let (error, ()) = tokio::join!(client.connect(far, HUB_NAME, LIMIT, &clock), answer);
    assert_eq!(error.expect_err("no TLS"), TlsError::NotTls);

    let (near, far) = pair().await;
    drop(near);
    let error = client.connect(far, HUB_NAME, LIMIT, &clock).await.expect_err("closed");
    assert!(matches!(error, TlsError::Io(_)), "{error:?}");

    let (_near, far) = pair().await;
    let error = client.connect(far, "no name", LIMIT, &clock).await.expect_err("no name");
    assert_eq!(error, TlsError::BadName("no name".to_owned()));

    let (_near, far) = pair().await;
    let (manual, hand) = Clock::manual(Moment::default());
    let (error, ()) = tokio::join!(client.connect(far, HUB_NAME, LIMIT, &manual), async {
        tokio::task::yield_now().await;
        hand.advance(LIMIT);
    });
    assert_eq!(error.expect_err("silence"), TlsError::Timeout);
}

#[tokio::test]
async fn a_stuck_reader_holds_the_writer_back() {
    let authority = Authority::generate(now());
    let server = TlsServer::new(&hub(&authority)).expect("a server");
    let agent = agent_at(&authority, &MachineKey::generate(), now());
    let client = TlsClient::new(&agent).expect("a client");
    let met = meet(&server, &client, HUB_NAME).await;
    let (mut hub, mut agent) = (met.server.expect("accepts"), met.client.expect("connects"));
    let block = vec![7; 1 << 16];
    let mut written = 0;
    // Until the kernel's buffers are full, too; they hold a few megabytes.
    loop {
        let mut writing = Box::pin(hub.write(&block));
        let tried = poll_fn(|context| Poll::Ready(writing.as_mut().poll(context))).await;
        match tried {
            Poll::Ready(wrote) => written += wrote.expect("writes"),
            Poll::Pending => break,
        }
        assert!(written < 1 << 30, "the writer is never held back");
    }
    let mut read = 0;
    let mut bytes = vec![0; 1 << 16];
    let reading = async {
        while read < written {
            read += agent.read(&mut bytes).await.expect("reads");
        }
    };
    let (flushed, ()) = tokio::join!(hub.flush(), reading);
    flushed.expect("flushes");
    assert_eq!(read, written);
}

#[test]
fn bad_credentials_are_told_by_their_part() {
    let authority = Authority::generate(now());
    let good = hub(&authority);
    let error = |credentials: &Credentials| TlsServer::new(credentials).err();
    let bad = "-----BEGIN NOTHING-----\n-----END NOTHING-----\n";
    assert_eq!(error(&good), None);
    assert_eq!(
        error(&Credentials { certificate_pem: bad.into(), ..good.clone() }),
        Some(CredentialsError::Certificate)
    );
    assert_eq!(
        error(&Credentials { key_pem: Secret::new(bad), ..good.clone() }),
        Some(CredentialsError::Key)
    );
    assert_eq!(
        error(&Credentials { ca_pem: bad.into(), ..good.clone() }),
        Some(CredentialsError::Authority)
    );
    let other = hub(&authority).key_pem;
    let shown = format!("{good:?}");
    assert!(!shown.contains("PRIVATE KEY"), "{shown}");
    let mixed = error(&Credentials { key_pem: other, ..good });
    assert!(matches!(mixed, Some(CredentialsError::NotOnePair(_))), "{mixed:?}");
}
