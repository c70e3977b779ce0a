//! A small hub that takes what simulated servers say and tells of it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use watchfire_identity::SystemRandomness;
use watchfire_identity::certificate::{Authority, MachineKey, Peer as Known, peer_of};
use watchfire_identity::enrol::EnrolToken;
use watchfire_identity::pulse::PulseKey;
use watchfire_runtime::datagram::Datagrams;
use watchfire_runtime::http::{HttpLimits, Peer, Plain, Transport, serve};
use watchfire_runtime::socket::{Socket, SocketLimits, upgrade};
use watchfire_runtime::tls::{Credentials, TlsServer};
use watchfire_runtime::{Clock, Secret, Shutdown, ShutdownHandle};
use watchfire_wire::pulse::{DATAGRAM_BYTES, Pulse, join, split};
use watchfire_wire::{
    Ack, Backfill, GoodbyeReason, Hello, MAX_FRAME_BYTES, Message, Probe, Records, StreamDecoder,
    StreamEncoder,
};

/// What the hub heard. Every server is called by the id of its key.
#[expect(clippy::large_enum_variant, reason = "it is moved once, on its way to a test")]
#[derive(Debug)]
pub(crate) enum Heard {
    Hello(String, Hello),
    Records(String, Records),
    BackfillEnd(bool),
    Declined(String),
    Goodbye(String, GoodbyeReason),
    Gone,
    Pulse(u64),
}

/// The hub.
pub(crate) struct FakeHub {
    pub(crate) address: SocketAddr,
    pub(crate) heard: mpsc::Receiver<Heard>,
    authority: Arc<Authority>,
    _end: ShutdownHandle,
}

/// What all streams share.
struct House {
    authority: Arc<Authority>,
    secrets: Mutex<Vec<[u8; 32]>>,
    tell: mpsc::Sender<Heard>,
    keys: Mutex<Vec<PulseKey>>,
}

impl FakeHub {
    /// Starts it. It gives a certificate to whoever has the token of the authority.
    pub(crate) async fn start() -> Self {
        let clock = Clock::system();
        let authority = Arc::new(Authority::generate(clock.now()));
        let key = MachineKey::generate();
        let issued = authority.issue_hub(&key, &[], clock.now()).expect("a good name");
        let credentials = Credentials {
            certificate_pem: issued.certificate_pem,
            key_pem: Secret::new(key.pem().as_str()),
            ca_pem: authority.certificate_pem().to_owned(),
        };
        let tls = Some(TlsServer::new(&credentials).expect("good credentials"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (tell, heard) = mpsc::channel(1000);
        let house = House {
            authority: Arc::clone(&authority),
            secrets: Mutex::default(),
            tell,
            keys: Mutex::default(),
        };
        let house = Arc::new(house);
        let (shutdown, end) = Shutdown::new();
        tokio::spawn(echo(Datagrams::bind(address).expect("the same port"), Arc::clone(&house)));
        let answer = move |peer, request| Arc::clone(&house).answer(peer, request);
        let transport = Transport { tls, plain: Plain::Never };
        let limits = HttpLimits { connections: 20_000, ..HttpLimits::default() };
        tokio::spawn(serve(listener, transport, answer, limits, Arc::default(), clock, shutdown));
        Self { address, heard, authority, _end: end }
    }

    /// A token that this hub takes.
    pub(crate) fn token(&self) -> EnrolToken {
        EnrolToken::new(self.authority.fingerprint(), &mut SystemRandomness)
    }

    /// The next thing that `wanted` wants; the others are passed over.
    pub(crate) async fn next<T>(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(Heard) -> Option<T>,
    ) -> T {
        let waiting = async {
            loop {
                let heard = self.heard.recv().await.expect("the hub runs");
                if let Some(found) = wanted(heard) {
                    return found;
                }
            }
        };
        let limit = Duration::from_secs(30);
        tokio::time::timeout(limit, waiting).await.unwrap_or_else(|_| panic!("no {what} came"))
    }
}

impl House {
    async fn answer(self: Arc<Self>, peer: Peer, request: Request<Body>) -> Response<Body> {
        let tls = peer.tls.expect("nothing else is served");
        if request.uri().path() == "/enrol" {
            return self.enrol(request).await;
        }
        let certificate = tls.certificate.as_deref().expect("only servers open streams");
        let Ok(Known::Agent(id)) = peer_of(certificate) else { panic!("it is no agent") };
        let limits = SocketLimits { read_buffer: 4096, incoming: MAX_FRAME_BYTES, outgoing: 65536 };
        let (response, opening) = upgrade(request, limits).expect("it asks for a stream");
        let session = {
            let mut keys = self.keys.lock().expect("nobody panicked");
            keys.push(PulseKey::from_exported(tls.pulse_key));
            keys.len() as u64
        };
        tokio::spawn(async move {
            let socket = opening.await.expect("it opens");
            let id = id.to_string();
            let _ = self.talk(socket, &id, session).await;
            let _ = self.tell.send(Heard::Gone).await;
        });
        response
    }

    async fn enrol(&self, request: Request<Body>) -> Response<Body> {
        let body = axum::body::to_bytes(request.into_body(), 16 << 10).await.expect("a body");
        let asked: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        let digest = EnrolToken::digest_of(asked["secret"].as_str().expect("a secret"));
        let mut secrets = self.secrets.lock().expect("nobody panicked");
        let answer = |status, body: serde_json::Value| {
            let response = Response::builder().status(status);
            response.body(Body::from(body.to_string())).expect("a good answer")
        };
        if secrets.contains(&digest) {
            let message = serde_json::json!({ "message": "this token was used before" });
            return answer(StatusCode::UNAUTHORIZED, message);
        }
        secrets.push(digest);
        let csr = asked["csr"].as_str().expect("a request");
        let issued = self.authority.issue_agent(csr, Clock::system().now()).expect("a good one");
        answer(
            StatusCode::OK,
            serde_json::json!({
                "certificate": issued.certificate_pem,
                "ca": self.authority.certificate_pem(),
                "id": issued.id.to_string(),
                "name": asked["name"],
            }),
        )
    }

    /// Acknowledges everything, asks for all that the ring holds, and for a probe.
    async fn talk(
        &self,
        mut socket: Socket,
        id: &str,
        session: u64,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let (mut encoder, mut decoder) = (StreamEncoder::new(), StreamDecoder::new());
        let hello = Hello { pulse: Some(session), wants_ticks: true, ..Hello::default() };
        socket.send(encoder.encode(&Message::Hello(hello))?).await?;
        let id = id.to_owned();
        loop {
            let Some(message) = decoder.decode(&socket.recv().await?)? else { continue };
            let mut answers = Vec::new();
            let heard = match message {
                Message::Hello(hello) => {
                    let ring = hello.ring.expect("it records");
                    if ring.newest > 0 {
                        let (from, to) = (ring.oldest, ring.newest);
                        answers.push(Message::Backfill(Backfill { request: 9, from, to }));
                    }
                    answers.push(Message::Probe(Probe {
                        id: 3,
                        server: "x".to_owned(),
                        address: "127.0.0.1:1".to_owned(),
                        key: String::new(),
                    }));
                    Heard::Hello(id.clone(), hello)
                }
                Message::Records(records) => {
                    let up_to = records.records.last().expect("a record").sequence;
                    answers.push(Message::Ack(Ack { up_to }));
                    Heard::Records(id.clone(), records)
                }
                Message::BackfillEnd(end) => Heard::BackfillEnd(end.missing),
                // On a busy machine an echo may come late.
                Message::Alive(_) => continue,
                // This hub has nothing run.
                Message::Runbooks(_) => continue,
                Message::ProbeResult(_) => Heard::Declined(id.clone()),
                Message::Goodbye(reason) => Heard::Goodbye(id.clone(), reason),
                other => panic!("unexpected: {other:?}"),
            };
            self.tell.send(heard).await?;
            for answer in answers {
                socket.send(encoder.encode(&answer)?).await?;
            }
        }
    }
}

/// Answers every pulse whose tag is right.
async fn echo(socket: Datagrams, house: Arc<House>) {
    loop {
        let (datagram, from) = socket.recv::<DATAGRAM_BYTES>().await;
        let (body, tag) = split(&datagram).expect("it has the right length");
        let pulse = Pulse::decode(body).expect("a pulse");
        let key = house.keys.lock().expect("nobody panicked")[pulse.session as usize - 1].clone();
        assert!(key.verify(body, tag), "the tag is right");
        let body = pulse.echo().encode();
        socket.send(&join(&body, &key.tag(&body)), from);
        let _ = house.tell.send(Heard::Pulse(pulse.session)).await;
    }
}
