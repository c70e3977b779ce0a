//! What each kind of broken agent looks like from the hub.

use std::sync::Arc;

use watchfire_identity::certificate::{Authority, MachineKey};
use watchfire_runtime::http::HANDSHAKE_TIME;
use watchfire_runtime::net::Lookup;
use watchfire_runtime::socket::Socket;
use watchfire_runtime::tls::{Credentials, TlsServer};
use watchfire_runtime::{Secret, task};
use watchfire_testkit::conditions::Conditions;
use watchfire_testkit::hole::{accept_silently, black_hole_addr};
use watchfire_testkit::http::{Answer, Stub};
use watchfire_testkit::link::network::Network;
use watchfire_testkit::ports;

use super::*;
use crate::config::Login;

/// A login that would show if it were told.
fn login() -> Login {
    Login { user: "hub".to_owned(), password: Secret::new("the-agents-password") }
}

fn dialer() -> Dialer {
    Dialer::new(Clock::system())
}

/// Logs in, and says how often the agent was called silent on the way.
async fn try_login(address: &str) -> (Result<Secret, Failed>, usize) {
    let (token, told) = try_login_by(&dialer(), address).await;
    (token, told.iter().filter(|saw| **saw == Sight::Silent).count())
}

/// Logs in, and says what was told of the agent on the way.
async fn try_login_by(dialer: &Dialer, address: &str) -> (Result<Secret, Failed>, Vec<Sight>) {
    let mut told = Vec::new();
    let token = log_in(dialer, address, &login(), &mut |saw| told.push(saw)).await;
    (token, told)
}

async fn try_stream(address: &str) -> Result<Socket, Failed> {
    try_stream_by(&dialer(), address).await
}

async fn try_stream_by(dialer: &Dialer, address: &str) -> Result<Socket, Failed> {
    let opened = open_stream(dialer, address, &Secret::new("a-token"), &mut |_| {}).await;
    opened.map(|(socket, _)| socket)
}

/// Its time goes on when nothing else does, however fast that is.
fn dialer_in_a_hurry() -> Dialer {
    Dialer::new(Clock::simulated(crate::testing::moment(0)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_connection_proves_a_host() {
    let address = format!("127.0.0.1:{}", ports::free());
    let (refused, silent) = try_login(&address).await;
    assert_eq!(refused.expect_err("nobody listens").saw(), Some(Sight::Refused));
    assert_eq!(silent, 0);
    assert_eq!(try_stream(&address).await.expect_err("nobody listens").saw(), Some(Sight::Refused));
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_gives_no_answer() {
    let hole = black_hole_addr();
    let (nothing, told) = try_login_by(&dialer_in_a_hurry(), &hole.addr().to_string()).await;
    assert_eq!(nothing.expect_err("it drops everything").saw(), Some(Sight::NoAnswer));
    // At 1.5 s, and each 2 s from then on: who never took the connection is not silent.
    assert_eq!(told, [Sight::NoAnswer; 5]);
}

#[tokio::test(start_paused = true)]
async fn one_that_accepts_and_never_answers_is_silent_and_said_so_early() {
    let hole = accept_silently();
    let (address, dialer) = (hole.addr().to_string(), dialer_in_a_hurry());
    let login = try_login_by(&dialer, &address);
    let ((login, told), stream) = tokio::join!(login, try_stream_by(&dialer, &address));
    assert_eq!(told, [Sight::Silent], "the verdict must not wait for the last limit");
    // At the end nobody knows whether the host is still there.
    assert_eq!(login.expect_err("it says nothing").tells, Tells::Nothing);
    assert_eq!(stream.expect_err("it says nothing").tells, Tells::Nothing);
}

fn credentials(authority: &Authority, key: &MachineKey, certificate_pem: String) -> Credentials {
    let key_pem = Secret::new(key.pem().as_str());
    Credentials { certificate_pem, key_pem, ca_pem: authority.certificate_pem().to_owned() }
}

/// Fault F6: three round trips of four seconds each.
#[tokio::test(start_paused = true)]
async fn a_slow_way_gets_its_stream_and_a_look_at_it_does_not_wait() {
    let clock = Clock::simulated(Clock::system().now());
    let network = Network::new(6);
    let (hub, db) = (network.host("hub"), network.host("db-1"));
    network.set_all(Conditions::clear().delay(Duration::from_secs(2), Duration::ZERO));
    let (authority, key) = (Authority::generate(clock.now()), MachineKey::generate());
    let issued = authority.issue_agent(&key.signing_request(), clock.now()).expect("it is issued");
    let of_agent = credentials(&authority, &key, issued.certificate_pem);
    let server = TlsServer::new(&of_agent).expect("they fit");
    let address = SocketAddr::new(db.ip(), 5000);
    let (listener, its_clock) = (db.net().listen(address).await.expect("free"), clock.clone());
    let _agent = task::spawn("agent", async move {
        let mut streams = Vec::new();
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let shaken = server.accept(stream, HANDSHAKE_TIME, &its_clock).await;
            let Ok(shaken) = shaken else { continue };
            streams.extend(tokio_tungstenite::accept_async(shaken).await);
        }
    });
    let of_hub = MachineKey::generate();
    let issued = authority.issue_hub(&of_hub, &[], clock.now()).expect("it is issued");
    let client = TlsClient::new(&credentials(&authority, &of_hub, issued.certificate_pem));
    let client = client.expect("they fit");
    let dialer = Dialer::new(clock.clone()).over(hub.net());
    let dialer = dialer.with_tls(Arc::new(move || client.clone()));
    let (address, begun, mut told) = (address.to_string(), clock.now(), Vec::new());
    let looked = connect_tls(&dialer, &address, key.id()).await;
    assert_eq!(looked.expect_err("it takes too long").saw(), Some(Sight::NoAnswer));
    assert!(clock.now().since(begun) < Duration::from_secs(2), "a verdict waits for it");
    let opened = open_tls_stream(&dialer, &address, key.id(), &mut |saw| told.push(saw)).await;
    assert_eq!(opened.map(|(_, remote, _)| remote.to_string()), Ok(address));
    use Sight::{NoAnswer, Silent};
    assert_eq!(told, [NoAnswer, NoAnswer, Silent, Silent], "what a verdict needs is told early");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_without_an_address_is_no_proof_of_a_host() {
    let (unknown, _) = try_login("no-such-host.invalid:5000").await;
    assert_eq!(unknown.expect_err("it does not exist").saw(), Some(Sight::NameUnknown));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_a_login() {
    let long = "x".repeat(64 << 10);
    for (answer, tells) in [
        (Answer::reply(401, "{}"), Sight::LoginRefused.into()),
        (Answer::reply(403, "{}"), Sight::LoginRefused.into()),
        (Answer::reply(429, "{}"), Sight::LoginLimited.into()),
        (Answer::reply(404, "not here"), Sight::NotAnAgent.into()),
        (
            Answer::reply(302, "").with_header("Location", "http://127.0.0.1:9/"),
            Sight::NotAnAgent.into(),
        ),
        (Answer::reply(200, "<html>a router's page</html>"), Sight::NotAnAgent.into()),
        (Answer::reply(200, "{\"token\":5}"), Sight::NotAnAgent.into()),
        (Answer::reply(200, &format!("{{\"token\":\"{long}\"}}")), Sight::NotAnAgent.into()),
        (Answer::Raw(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), Sight::NotAnAgent.into()),
        (Answer::Raw(b"\x16\x03\x01\x00\x00".to_vec()), Sight::NotAnAgent.into()),
        (Answer::Drop, Sight::StreamClosed.into()),
        (
            Answer::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{".to_vec()),
            Sight::StreamClosed.into(),
        ),
    ] {
        let stub = Stub::start();
        stub.always(answer.clone());
        let (failed, silent) = try_login(&stub.addr().to_string()).await;
        let failed = failed.expect_err("no token came");
        assert_eq!(failed.tells, tells, "{answer:?}: {failed:?}");
        assert_eq!(silent, 0, "{answer:?}");
        assert!(!failed.why.contains("password"), "{failed:?}");
        assert_eq!(stub.requests().len(), 1, "{answer:?}: one try is one request");
    }
    let stub = Stub::start();
    stub.always(Answer::reply(200, r#"{"token":"the-token","expires_in":1800}"#));
    let (token, _) = try_login(&stub.addr().to_string()).await;
    assert_eq!(token.expect("a token").expose(), "the-token");
    let request = &stub.requests()[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/login"));
    assert!(request.body_text().contains("the-agents-password"));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_opening_a_stream() {
    for (answer, tells) in [
        (Answer::reply(401, "{}"), Sight::LoginRefused.into()),
        (Answer::reply(403, "{}"), Sight::LoginRefused.into()),
        (Answer::reply(429, "{}"), Sight::LoginLimited.into()),
        (Answer::reply(200, "{}"), Sight::NotAnAgent.into()),
        (Answer::reply(404, "{}"), Sight::NotAnAgent.into()),
        (Answer::reply(503, "{}"), Sight::NotAnAgent.into()),
        (Answer::Raw(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), Sight::NotAnAgent.into()),
        (
            Answer::Raw(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                  Connection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n"
                    .to_vec(),
            ),
            Sight::NotAnAgent.into(),
        ),
        (Answer::Drop, Sight::StreamClosed.into()),
    ] {
        let stub = Stub::start();
        stub.always(answer.clone());
        let failed = try_stream(&stub.addr().to_string()).await.expect_err("no stream");
        assert_eq!(failed.tells, tells, "{answer:?}: {failed:?}");
        assert!(!failed.why.contains("a-token"), "{failed:?}");
        let request = &stub.requests()[0];
        assert_eq!(request.path, "/stream", "no token in an address");
        assert_eq!(request.header("authorization"), Some("Bearer a-token"));
    }
}

/// A lookup that gives `addresses` for every name.
fn names(addresses: &'static [&'static str]) -> Lookup {
    Arc::new(|_| {
        let found = addresses.iter().map(|text| text.parse().expect("an address")).collect();
        Box::pin(async { Ok(found) })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_dialed_by_whichever_of_its_addresses_answers() {
    let stub = Stub::start();
    stub.always(Answer::reply(200, r#"{"token":"the-token","expires_in":1800}"#));
    let address = format!("two-addresses.test:{}", stub.addr().port());
    // Nobody listens at the first.
    let dialer = Dialer::with_lookup(names(&["127.0.0.2", "127.0.0.1"]), Clock::system());
    log_in(&dialer, &address, &login(), &mut |_| {}).await.expect("the second answers");
}

#[tokio::test]
async fn want_of_descriptors_is_no_sight_and_is_told() {
    let log = crate::testing::Log::new();
    let full: Lookup = Arc::new(|_| Box::pin(async { Err(rustix::io::Errno::MFILE.into()) }));
    let dialer = Dialer::with_lookup(full, Clock::system());
    let failed = log_in(&dialer, "web:5000", &login(), &mut |_| {}).await.expect_err("no socket");
    assert_eq!((failed.tells, failed.saw()), (Tells::HubsOwn, None));
    assert_eq!(dialer.own.times(), 1);
    assert!(log.holds("not judged"));
}
