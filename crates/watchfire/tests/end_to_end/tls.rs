//! Who may talk to a hub and to an agent: TLS 1.3 alone, certificates of the
//! hub's own authority that hold now, and a token goes to the hub that made it.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use watchfire_identity::certificate::{Authority, HUB_NAME, MachineKey, agent_name};
use watchfire_model::Moment;
use watchfire_runtime::socket::{Socket, SocketLimits};
use watchfire_runtime::tls::{Credentials, TlsClient, TlsServer};
use watchfire_runtime::{Clock, Secret};
use watchfire_testkit::smtp::Sink;

use crate::fixture::{Enrolled, Hub, LONG, Lab, Plan, token};

const DAY: Duration = Duration::from_secs(24 * 3600);
const LIMITS: SocketLimits = SocketLimits { read_buffer: 4096, incoming: 65536, outgoing: 65536 };

/// A hub and an agent that belongs to it.
struct House {
    lab: Lab,
    agent: Enrolled,
    key: MachineKey,
    hub_address: SocketAddr,
    authority: Authority,
    _hub: Hub,
    _sink: Sink,
}

impl House {
    fn new() -> Self {
        let (lab, sink) = (Lab::new(), Sink::start());
        let hub = lab.hub(&Plan::mailing(&sink));
        let (hub_address, token) = token(&lab.path("hub.toml").display().to_string(), "web-1");
        let mut agent = Enrolled::new(&lab, "web-1");
        let joined = agent.join(hub_address, &token);
        assert!(joined.well, "{}", joined.words);
        agent.start();
        let read = |path: &str| std::fs::read_to_string(lab.path(path)).unwrap();
        let ca = ["hub-data/identity/ca-key.pem", "hub-data/identity/ca.pem"].map(read);
        let authority = Authority::from_pem(&ca[0], &ca[1]).unwrap();
        let key = MachineKey::from_pem(&read("web-1-data/identity/key.pem")).unwrap();
        Self { lab, agent, key, hub_address, authority, _hub: hub, _sink: sink }
    }

    /// True when this client gets a stream at the hub.
    async fn hub_takes(&self, client: &TlsClient) -> bool {
        opens(self.hub_address, client, HUB_NAME).await
    }

    /// True when this client gets a stream at the agent.
    async fn agent_takes(&self, client: &TlsClient) -> bool {
        opens(self.agent.address, client, &agent_name(self.key.id())).await
    }

    /// A client that trusts this hub's authority, with a certificate that `by` gave.
    fn client(&self, by: &Authority, role: Role, at: Moment) -> TlsClient {
        let (key, ca_pem) = (MachineKey::generate(), self.authority.certificate_pem().to_owned());
        let certificate_pem = issued(by, &key, role, at);
        let key_pem = Secret::new(key.pem().as_str());
        TlsClient::new(&Credentials { certificate_pem, key_pem, ca_pem }).unwrap()
    }
}

#[derive(Clone, Copy)]
enum Role {
    Hub,
    Agent,
}

fn issued(by: &Authority, key: &MachineKey, role: Role, at: Moment) -> String {
    let issued = match role {
        Role::Hub => by.issue_hub(key, &[], at),
        Role::Agent => by.issue_agent(&key.signing_request(), at),
    };
    issued.unwrap().certificate_pem
}

async fn opens(address: SocketAddr, client: &TlsClient, name: &str) -> bool {
    let stream = TcpStream::connect(address).await.unwrap();
    let Ok(tls) = client.connect(stream, name, LONG, &Clock::system()).await else { return false };
    Socket::dial(tls, name, "/stream", Default::default(), LIMITS).await.is_ok()
}

/// A28, at the port of the hub and at that of an agent.
#[tokio::test]
async fn only_certificates_that_hold_open_a_stream() {
    let house = House::new();
    let now = Clock::system().now();
    let (own, other) = (&house.authority, Authority::generate(now));
    let (hub, agent) = (Role::Hub, Role::Agent);
    // What follows would prove nothing if these were refused as well.
    assert!(house.agent_takes(&house.client(own, hub, now)).await, "another key of the hub's");
    assert!(house.hub_takes(&house.client(own, agent, now)).await, "it is closed with a reason");

    let long_ago = now.before(400 * DAY);
    for (what, by, at) in [
        ("of another authority", &other, now),
        ("that has ended", own, long_ago),
        ("that has not begun", own, now.after(30 * DAY)),
    ] {
        assert!(!house.hub_takes(&house.client(by, agent, at)).await, "the hub: one {what}");
        assert!(!house.agent_takes(&house.client(by, hub, at)).await, "the agent: one {what}");
    }
    assert!(!house.hub_takes(&house.client(own, hub, now)).await, "a hub's is no agent's");
    assert!(!house.agent_takes(&house.client(own, agent, now)).await, "an agent is no hub");
    let nobody = TlsClient::enrol_pinned_to_ca(*own.fingerprint().as_bytes());
    assert!(!house.hub_takes(&nobody).await, "the hub: none at all");
    let nobody = TlsClient::enrol_pinned_to_key(*house.key.public_key_fingerprint().as_bytes());
    assert!(!house.agent_takes(&nobody).await, "the agent: none at all");
}

/// A28: a client that knows TLS 1.2 and nothing newer hears an alert, and that is all.
#[test]
fn tls_1_2_is_not_spoken() {
    let house = House::new();
    for address in [house.hub_address, house.agent.address] {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(&client_hello_of_tls_1_2()).unwrap();
        let mut answer = Vec::new();
        // It may be reset behind the alert, because not all was read.
        let _ = stream.read_to_end(&mut answer);
        // A record of the kind alert (21), two bytes: fatal (2), protocol_version (70).
        assert_eq!(answer, [21, 3, 3, 0, 2, 2, 70], "{address}");
    }
}

/// RFC 5246, 7.4.1.2, with the extensions that a server needs to choose anything.
fn client_hello_of_tls_1_2() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]); // random
    body.push(0); // no session to resume
    body.extend([0, 4, 0xC0, 0x2B, 0xC0, 0x2F]); // ECDHE with AES_128_GCM_SHA256
    body.extend([1, 0]); // no compression
    let extensions = [
        &[0, 10, 0, 4, 0, 2, 0, 23][..],  // supported_groups: secp256r1
        &[0, 11, 0, 2, 1, 0],             // ec_point_formats: uncompressed
        &[0, 13, 0, 6, 0, 4, 4, 3, 8, 4], // signature_algorithms: ECDSA and RSA-PSS, SHA-256
    ]
    .concat();
    body.extend([0, u8::try_from(extensions.len()).unwrap()]);
    body.extend(extensions);
    let length = u8::try_from(body.len()).unwrap();
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(body);
    record
}

/// A25: whoever sits at the address of the hub and is not the hub hears nothing.
#[test]
fn a_token_is_not_sent_to_another_hub() {
    let house = House::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let now = Clock::system().now();
    let (other, key) = (Authority::generate(now), MachineKey::generate());
    let canary = TlsServer::new(&Credentials {
        certificate_pem: issued(&other, &key, Role::Hub, now),
        key_pem: Secret::new(key.pem().as_str()),
        ca_pem: other.certificate_pem().to_owned(),
    });
    let canary = canary.unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let shaking = runtime.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        canary.accept(stream, LONG, &Clock::system()).await.map(drop)
    });
    let (_, token) = token(&house.lab.path("hub.toml").display().to_string(), "web-2");
    let joined = Enrolled::new(&house.lab, "web-2").join(address, &token);
    assert!(!joined.well && joined.words.contains("the token was not sent"), "{}", joined.words);
    assert!(!joined.words.contains(&token), "{}", joined.words);
    let shaken = runtime.block_on(shaking).unwrap();
    assert!(shaken.is_err(), "it left before the handshake was over, and so before any byte");
}
