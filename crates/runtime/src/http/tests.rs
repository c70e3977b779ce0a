use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite;
use watchfire_identity::certificate::{self, Authority, HUB_NAME, MachineKey, peer_of};
use watchfire_model::Moment;

use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::socket::{SocketLimits, upgrade};
use crate::tls::{PULSE_LABEL, TlsClient, TlsError, TlsServer, TlsStream};
use crate::{Secret, ShutdownHandle};

const LIMIT: Duration = Duration::from_secs(60);

/// A listener at work, and whom its handler saw.
struct Site {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Peer>>>,
    counters: Arc<HttpCounters>,
    _shutdown: ShutdownHandle,
    _serving: task::Task<()>,
}

async fn site(transport: Transport, limits: HttpLimits, clock: &Clock) -> Site {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let counters = Arc::new(HttpCounters::default());
    let (shutdown, handle) = Shutdown::new();
    let answer = {
        let seen = Arc::clone(&seen);
        move |peer: Peer, request: Request<Body>| {
            seen.lock().expect("whole").push(peer);
            respond(request)
        }
    };
    let serving =
        serve(listener, transport, answer, limits, Arc::clone(&counters), clock.clone(), shutdown);
    let _serving = task::spawn("site", serving);
    Site { address, seen, counters, _shutdown: handle, _serving }
}

/// An echo over WebSocket at `/stream`, and a word elsewhere.
async fn respond(request: Request<Body>) -> Response<Body> {
    if request.uri().path() != "/stream" {
        return Response::new(Body::from("hello"));
    }
    let limits = SocketLimits { read_buffer: 4096, incoming: 1 << 20, outgoing: 1 << 20 };
    let (response, opening) = upgrade(request, limits).expect("it asks for a WebSocket");
    let echo = async move {
        let mut socket = opening.await.expect("it opens");
        while let Ok(frame) = socket.recv().await {
            let _ = socket.send(frame).await;
        }
    };
    task::spawn("echo", echo).detach();
    response
}

struct Fleet {
    authority: Authority,
    server: TlsServer,
}

fn fleet() -> Fleet {
    let now = Clock::system().now();
    let authority = Authority::generate(now);
    let server = TlsServer::new(&crate::tls::tests::hub(&authority)).expect("a server");
    Fleet { authority, server }
}

impl Fleet {
    fn transport(&self, plain: Plain) -> Transport {
        Transport { tls: Some(self.server.clone()), plain }
    }

    fn agent(&self, key: &MachineKey) -> TlsClient {
        let now = Clock::system().now();
        TlsClient::new(&crate::tls::tests::agent_at(&self.authority, key, now)).expect("a client")
    }

    fn browser(&self) -> TlsClient {
        TlsClient::enrol_pinned_to_ca(*self.authority.fingerprint().as_bytes())
    }
}

async fn dial(site: &Site) -> TcpStream {
    TcpStream::connect(site.address).await.expect("connects")
}

async fn dial_tls(site: &Site, client: &TlsClient) -> Result<TlsStream, TlsError> {
    client.connect(dial(site).await, HUB_NAME, LIMIT, &Clock::system()).await
}

/// Asks once and reads until the end.
async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> String {
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.expect("writes");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("reads");
    String::from_utf8(answer).expect("text")
}

#[tokio::test]
async fn one_port_takes_plain_http_and_tls() {
    let fleet = fleet();
    let key = MachineKey::generate();
    let clock = Clock::system();
    let site = site(fleet.transport(Plain::Loopback), HttpLimits::default(), &clock).await;
    let plain = ask(dial(&site).await).await;
    assert!(plain.starts_with("HTTP/1.1 200 ") && plain.ends_with("hello"), "{plain}");
    let stream = dial_tls(&site, &fleet.browser()).await.expect("connects");
    assert!(ask(stream).await.ends_with("hello"));
    let stream = dial_tls(&site, &fleet.agent(&key)).await.expect("connects");
    let pulse_key = stream.export(PULSE_LABEL);
    assert!(ask(stream).await.ends_with("hello"));

    let seen = site.seen.lock().expect("whole").clone();
    assert!(seen[0].tls.is_none());
    assert_eq!(seen[1].tls.as_ref().expect("TLS").certificate, None);
    let agent = seen[2].tls.as_ref().expect("TLS");
    let certificate = agent.certificate.as_ref().expect("a certificate");
    assert_eq!(peer_of(certificate), Ok(certificate::Peer::Agent(key.id())));
    assert_eq!(agent.pulse_key, pulse_key);
    let shown = format!("{:?}", seen[2]);
    assert!(!shown.contains(&format!("{pulse_key:?}")), "{shown}");
    assert_eq!(site.counters.handshakes_failed(), 0);
}

#[tokio::test]
async fn without_tls_all_is_as_before() {
    let site = site(Transport::plain(), HttpLimits::default(), &Clock::system()).await;
    assert!(ask(dial(&site).await).await.ends_with("hello"));
    let error = dial_tls(&site, &fleet().browser()).await.expect_err("no TLS there");
    assert!(matches!(error, TlsError::NotTls | TlsError::Io(_)), "{error:?}");
}

#[tokio::test]
async fn plain_http_is_told_to_use_tls() {
    let fleet = fleet();
    let clock = Clock::system();
    let site = site(fleet.transport(Plain::Never), HttpLimits::default(), &clock).await;
    let answer = ask(dial(&site).await).await;
    assert!(answer.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{answer}");
    let head = answer.to_ascii_lowercase();
    assert!(head.contains("upgrade: tls/1.3, http/1.1\r\n"), "{answer}");
    assert!(head.contains("connection: upgrade, close\r\n"), "{answer}");
    assert!(answer.ends_with("use https:// with the same host and port.\n"), "{answer}");
    assert!(site.seen.lock().expect("whole").is_empty(), "no handler saw it");
    let stream = dial_tls(&site, &fleet.browser()).await.expect("connects");
    assert!(ask(stream).await.ends_with("hello"));
}

#[tokio::test]
async fn loopback_is_this_machine_in_all_its_spellings() {
    let transport = Transport { tls: None, plain: Plain::Loopback };
    let site = site(Transport::plain(), HttpLimits::default(), &Clock::system()).await;
    let line = Line::Plain(dial(&site).await.into());
    for (address, allowed) in [
        ("127.0.0.1", true),
        ("127.8.8.8", true),
        ("::1", true),
        ("::ffff:127.0.0.1", true),
        ("192.0.2.1", false),
        ("::ffff:192.0.2.1", false),
        ("::127.0.0.1", false),
        ("0.0.0.0", false),
    ] {
        let address = address.parse().expect("an address");
        assert_eq!(transport.allows(&line, address), allowed, "{address}");
        let never = Transport { plain: Plain::Never, ..transport.clone() };
        assert!(!never.allows(&line, address));
        assert!(Transport::plain().allows(&line, address));
    }
}

#[tokio::test]
async fn who_shows_a_wrong_certificate_reaches_no_handler() {
    let fleet = fleet();
    let now = Clock::system().now();
    let site = site(fleet.transport(Plain::Never), HttpLimits::default(), &Clock::system()).await;
    let key = MachineKey::generate();
    let own = crate::tls::Credentials {
        certificate_pem: key.self_signed(now),
        key_pem: Secret::new(key.pem().as_str()),
        ca_pem: fleet.authority.certificate_pem().to_owned(),
    };
    let client = TlsClient::new(&own).expect("a client");
    let refused = match dial_tls(&site, &client).await {
        Err(error) => error,
        Ok(mut stream) => {
            let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
            let _ = stream.write_all(request).await;
            let read = stream.read(&mut [0; 64]).await;
            TlsError::of(&read.expect_err("an alert comes"))
        }
    };
    assert!(matches!(refused, TlsError::PeerRefusedUs(_)), "{refused:?}");
    // Counting is the next thing that the listener does after the alert.
    while site.counters.handshakes_failed() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(site.seen.lock().expect("whole").is_empty());
}

#[tokio::test]
async fn silence_and_a_stalled_hello_free_their_seats() {
    let fleet = fleet();
    let (clock, hand) = Clock::manual(Moment::default());
    let limits = HttpLimits { connections: 3, ..HttpLimits::default() };
    let site = site(fleet.transport(Plain::Anywhere), limits.clone(), &clock).await;
    let (mut silent, mut stalled) = (dial(&site).await, dial(&site).await);
    // The begin of a record with a ClientHello of 512 bytes.
    stalled.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1]).await.expect("writes");
    // Once this came back, the listener has seen what came before it.
    assert!(ask(dial(&site).await).await.ends_with("hello"));
    let mut first = [0; 1];
    for waiting in [&mut silent, &mut stalled] {
        let closed = async { waiting.read(&mut first).await };
        let mut closed = std::pin::pin!(closed);
        // Time goes on only while the connection is open; it ends with it.
        let mut passed = Duration::ZERO;
        let read = loop {
            tokio::select! {
                read = &mut closed => break read,
                () = tokio::task::yield_now() => {
                    if passed < HANDSHAKE_TIME {
                        hand.advance(HANDSHAKE_TIME / 10);
                        passed += HANDSHAKE_TIME / 10;
                    }
                }
            }
        };
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }
    assert_eq!(site.counters.handshakes_failed(), 2);
    // All seats are free again: nobody has to leave for three at once.
    let crowd = [dial(&site).await, dial(&site).await];
    assert!(ask(dial(&site).await).await.ends_with("hello"));
    assert_eq!((site.counters.refused(), site.counters.evicted()), (0, 0));
    drop(crowd);
}

#[tokio::test]
async fn a_slow_first_header_has_no_more_time_over_tls() {
    let fleet = fleet();
    let (clock, hand) = Clock::manual(Moment::default());
    // hyper's own timer does not stand still; it is not what is looked at here.
    let limits = HttpLimits { header_time: Duration::from_secs(3600), ..HttpLimits::default() };
    let site = site(fleet.transport(Plain::Anywhere), limits.clone(), &clock).await;
    let mut stream = dial_tls(&site, &fleet.browser()).await.expect("connects");
    stream.write_all(b"GET / HTTP/1.1\r\n").await.expect("writes");
    // Once this came back, the listener has finished the handshake before it.
    assert!(ask(dial(&site).await).await.ends_with("hello"));
    assert_eq!(site.counters.handshakes_failed(), 0);
    hand.advance(limits.header_time);
    let read = stream.read(&mut [0; 64]).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    assert_eq!(site.counters.handshakes_failed(), 0);

    // Who has asked once is not late any more.
    let mut stream = dial_tls(&site, &fleet.browser()).await.expect("connects");
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for _ in 0..2 {
        stream.write_all(request).await.expect("writes");
        let mut answer = Vec::new();
        while !answer.ends_with(b"hello") {
            assert_ne!(stream.read_buf(&mut answer).await.expect("reads"), 0);
        }
        hand.advance(limits.header_time * 2);
    }
}

#[tokio::test]
async fn waiting_handshakes_make_room_for_others() {
    let fleet = fleet();
    let (clock, _hand) = Clock::manual(Moment::default());
    let limits = HttpLimits { connections: 4, ..HttpLimits::default() };
    let site = site(fleet.transport(Plain::Anywhere), limits.clone(), &clock).await;
    let mut crowd = Vec::new();
    for _ in 0..20 {
        crowd.push(dial(&site).await);
    }
    let stream = dial_tls(&site, &fleet.browser()).await.expect("connects");
    assert!(ask(stream).await.ends_with("hello"));
    assert_eq!(site.counters.evicted(), 17);
}

#[tokio::test]
async fn a_websocket_runs_over_tls_and_over_plain_http() {
    let fleet = fleet();
    let clock = Clock::system();
    let site = site(fleet.transport(Plain::Loopback), HttpLimits::default(), &clock).await;
    let stream = dial_tls(&site, &fleet.agent(&MachineKey::generate())).await.expect("connects");
    echo(stream).await;
    echo(dial(&site).await).await;
    let seen = site.seen.lock().expect("whole");
    assert!(seen[0].tls.as_ref().is_some_and(|tls| tls.certificate.is_some()));
    assert!(seen[1].tls.is_none());
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(stream: S) {
    let (mut socket, _) =
        tokio_tungstenite::client_async("ws://localhost/stream", stream).await.expect("upgrades");
    for size in [1, 300, 100_000] {
        let message = tungstenite::Message::binary(vec![7; size]);
        socket.send(message.clone()).await.expect("sends");
        assert_eq!(socket.next().await.expect("an echo").expect("reads"), message);
    }
}
