//! A whole hub at its port: who gets in with which certificate.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use watchfire_api::enrol::{EnrolReply, EnrolRequest};
use watchfire_hub::{Admin, Hub, HubConfig, MadeToken, TokenWish};
use watchfire_identity::certificate::{Authority, HUB_NAME, MachineKey};
use watchfire_runtime::config::{Outside, Overrides, Source};
use watchfire_runtime::socket::{CloseReason, Socket, SocketError, SocketLimits};
use watchfire_runtime::tls::{Credentials, TlsClient, TlsError, TlsStream};
use watchfire_runtime::{Clock, Secret, Shutdown, ShutdownHandle};
use watchfire_store::{Store, StoredAgent};
use watchfire_wire::{Hello, MAX_FRAME_BYTES, Message, PROTOCOL, encode};

/// Longer than any machine needs for one exchange on loopback.
const PATIENCE: Duration = Duration::from_secs(30);
const LIMITS: SocketLimits =
    SocketLimits { read_buffer: 4096, incoming: MAX_FRAME_BYTES, outgoing: MAX_FRAME_BYTES };

struct House {
    folder: tempfile::TempDir,
    address: SocketAddr,
    admin: Admin,
    end: ShutdownHandle,
    running: tokio::task::JoinHandle<()>,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let hub = Hub::bind(config(folder.path(), "anywhere"), Clock::system()).await;
        let hub = hub.expect("it starts");
        let address = hub.local_addr();
        let (shutdown, end) = Shutdown::new();
        let running = tokio::spawn(hub.run(shutdown, end.clone()));
        let admin = Admin::open(&folder.path().join("data"), Clock::system()).expect("it opens");
        Self { folder, address, admin, end, running }
    }

    fn token(&self) -> MadeToken {
        let wish = TokenWish { name: None, labels: [].into(), valid: Duration::from_secs(900) };
        self.admin.token(&wish).expect("is made")
    }

    async fn connect(&self, client: &TlsClient) -> Result<TlsStream, TlsError> {
        let stream = TcpStream::connect(self.address).await.expect("it listens");
        client.connect(stream, HUB_NAME, PATIENCE, &Clock::system()).await
    }

    /// Enrols an agent, and gives what it dials with from then on.
    async fn enrol(&self, key: &MachineKey, name: &str) -> TlsClient {
        let token = self.token().token;
        let request = EnrolRequest {
            secret: token.secret().to_owned(),
            name: name.to_owned(),
            labels: [].into(),
            csr: key.signing_request(),
            version: "1".to_owned(),
        };
        let client = TlsClient::enrol_pinned_to_ca(*token.ca.as_bytes());
        let stream = self.connect(&client).await.expect("it is the right hub");
        let (status, body) = post(stream, serde_json::to_vec(&request).expect("JSON")).await;
        assert_eq!(status, StatusCode::OK, "{body:?}");
        let reply: EnrolReply = serde_json::from_slice(&body).expect("a reply");
        client_of(key, reply.certificate, reply.ca)
    }

    async fn stream(&self, client: &TlsClient) -> Result<Socket, SocketError> {
        let connection = self.connect(client).await.expect("the certificate is of the hub's CA");
        Socket::dial(connection, HUB_NAME, "/stream", HeaderMap::new(), LIMITS).await
    }

    async fn end(self) {
        self.end.request();
        self.running.await.expect("it ends");
    }
}

fn config(folder: &Path, plain: &str) -> HubConfig {
    let text = format!(
        "listen = \"127.0.0.1:0\"\ndata = \"data\"\ntime_zone = \"UTC\"\nplain = \"{plain}\"\n"
    );
    let source = Source::from_text(&folder.join("hub.toml"), text);
    let outside = <dyn Outside>::machine(folder);
    HubConfig::from_source(&source, &Overrides::none(), &outside).expect("a good config")
}

fn client_of(key: &MachineKey, certificate_pem: String, ca_pem: String) -> TlsClient {
    let key_pem = Secret::new(key.pem().as_str());
    TlsClient::new(&Credentials { certificate_pem, key_pem, ca_pem }).expect("they are good")
}

async fn post(stream: TlsStream, body: Vec<u8>) -> (StatusCode, Bytes) {
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.expect("it speaks HTTP");
    tokio::spawn(connection);
    let request = Request::post("/enrol")
        // A name that the hub has never heard of.
        .header("host", "somewhere.test:5100")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .expect("a good request");
    let answer = sender.send_request(request).await.expect("an answer");
    let status = answer.status();
    (status, answer.into_body().collect().await.expect("a body").to_bytes())
}

/// Reads on until the stream is over.
async fn over(mut socket: Socket) -> SocketError {
    let reading = async {
        loop {
            if let Err(error) = socket.recv().await {
                return error;
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("the hub ends it")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_streams_until_it_is_removed() {
    let house = House::new().await;
    let key = MachineKey::generate();
    let client = house.enrol(&key, "web-1").await;
    let mut socket = house.stream(&client).await.expect("it is let in");
    let hello = tokio::time::timeout(PATIENCE, socket.recv()).await.expect("in time");
    hello.expect("the hub says hello");
    house.admin.remove("web-1").expect("is removed");
    let why = over(socket).await;
    assert!(matches!(why, SocketError::Closed(Some(CloseReason::Forbidden))), "{why:?}");
    // The certificate is as good as before, and of no use.
    let again = house.stream(&client).await.expect("the upgrade is taken");
    let why = over(again).await;
    assert!(matches!(why, SocketError::Closed(Some(CloseReason::Forbidden))), "{why:?}");
    // Another key under the same name is another one, and may come.
    let other = house.enrol(&MachineKey::generate(), "web-1").await;
    house.stream(&other).await.expect("it is let in");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_streams_without_an_agents_certificate() {
    let house = House::new().await;
    let nobody = TlsClient::enrol_pinned_to_ca(*house.token().token.ca.as_bytes());
    let refused = house.stream(&nobody).await.expect_err("no certificate");
    assert!(matches!(refused, SocketError::Refused(401)), "{refused}");
    // A plain connection has none either.
    let plain = TcpStream::connect(house.address).await.expect("it listens");
    let refused = Socket::dial(plain, "localhost", "/stream", HeaderMap::new(), LIMITS).await;
    assert!(matches!(refused, Err(SocketError::Refused(401))));
    // The same of another hub's authority does not even finish its handshake.
    let (clock, key) = (Clock::system(), MachineKey::generate());
    let other = Authority::generate(clock.now());
    let issued = other.issue_agent(&key.signing_request(), clock.now()).expect("is issued");
    let ca = std::fs::read_to_string(house.folder.path().join("data/identity/ca.pem"));
    let stranger = client_of(&key, issued.certificate_pem, ca.expect("it is there"));
    let refused = match house.connect(&stranger).await {
        // A server judges the client's certificate when the client is through.
        Ok(stream) => {
            Socket::dial(stream, HUB_NAME, "/stream", HeaderMap::new(), LIMITS).await.is_err()
        }
        Err(_) => true,
    };
    assert!(refused);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_shown_to_the_hub_that_made_it_alone() {
    let (house, other) = (House::new().await, House::new().await);
    let pinned = TlsClient::enrol_pinned_to_ca(*other.token().token.ca.as_bytes());
    let refused = house.connect(&pinned).await.expect_err("another hub");
    assert!(matches!(refused, TlsError::OtherIdentity(_)), "{refused}");
    let (one, two) = (house.admin.join_address(), other.admin.join_address());
    assert_eq!(one.expect("readable"), Some(house.address.to_string()));
    assert_eq!(two.expect("readable"), Some(other.address.to_string()));
    house.end().await;
    other.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enrolled_server_is_known_after_a_restart() {
    let house = House::new().await;
    let key = MachineKey::generate();
    let client = house.enrol(&key, "web-1").await;
    let House { folder, admin, end, running, .. } = house;
    end.request();
    running.await.expect("it ends");
    drop(admin);
    // This time it takes nothing but TLS.
    let hub = Hub::bind(config(folder.path(), "never"), Clock::system()).await.expect("it starts");
    let address = hub.local_addr();
    let (shutdown, end) = Shutdown::new();
    let running = tokio::spawn(hub.run(shutdown, end.clone()));
    let admin = Admin::open(&folder.path().join("data"), Clock::system()).expect("it opens");
    let house = House { folder, address, admin, end, running };
    house.stream(&client).await.expect("it is let in");
    let plain = TcpStream::connect(address).await.expect("it listens");
    let refused = Socket::dial(plain, "localhost", "/stream", HeaderMap::new(), LIMITS).await;
    assert!(matches!(refused, Err(SocketError::Refused(426))));
    house.end().await;
}

/// Says hello in this minor version, and gives why the hub closes the stream: with the
/// reason that this side gives, if it took the hello.
async fn speak(house: &House, client: &TlsClient, minor: u32) -> Option<CloseReason> {
    let mut socket = house.stream(client).await.expect("it is let in");
    let hello = Hello { minor, ..Hello::default() };
    let sent = socket.send(encode(&Message::Hello(hello)).expect("it fits")).await;
    // A stream that is refused for another reason takes nothing.
    drop(sent);
    socket.close(CloseReason::Normal).await;
    match over(socket).await {
        SocketError::Closed(why) => why,
        other => panic!("{other}"),
    }
}

/// The same, once the stream before it has left its seat.
async fn speak_alone(house: &House, client: &TlsClient, minor: u32) -> Option<CloseReason> {
    let alone = async {
        loop {
            match speak(house, client, minor).await {
                Some(CloseReason::Replaced) => tokio::task::yield_now().await,
                why => return why,
            }
        }
    };
    tokio::time::timeout(PATIENCE, alone).await.expect("the stream before leaves")
}

/// Waits until the hub has stored that this server's agent spoke this minor version.
async fn written_down(house: &House, server: &str, minor: u32) {
    let store = Store::open(&house.folder.path().join("data")).expect("it is there");
    let newest = format!("{}.{minor}", PROTOCOL.major);
    let is_stored = || {
        let agents = store.agents().expect("readable");
        let spoke = |agent: &StoredAgent| agent.last_protocol.as_ref() == Some(&newest);
        agents.iter().any(|agent| agent.name == server && spoke(agent))
    };
    let stored = async {
        while !is_stored() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, stored).await.expect("it is written down");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_protocol_than_before_is_refused_until_an_administrator_allows_it() {
    let house = House::new().await;
    let client = house.enrol(&MachineKey::generate(), "web-1").await;
    let (old, new) = (PROTOCOL.minor, PROTOCOL.minor + 1);
    assert_eq!(speak_alone(&house, &client, old).await, Some(CloseReason::Normal));
    assert_eq!(speak_alone(&house, &client, new).await, Some(CloseReason::Normal));
    assert_eq!(speak_alone(&house, &client, old).await, Some(CloseReason::Older));
    assert_eq!(speak_alone(&house, &client, new).await, Some(CloseReason::Normal));
    // Nor does another token change that: the key is the same agent's.
    let key = MachineKey::generate();
    let third = house.enrol(&key, "web-3").await;
    assert_eq!(speak_alone(&house, &third, new).await, Some(CloseReason::Normal));
    written_down(&house, "web-3", new).await;
    house.admin.remove("web-3").expect("there is such a server");
    let third = house.enrol(&key, "web-3").await;
    assert_eq!(speak_alone(&house, &third, old).await, Some(CloseReason::Older));
    // Another agent is not held to it.
    let other = house.enrol(&MachineKey::generate(), "web-2").await;
    assert_eq!(speak_alone(&house, &other, old).await, Some(CloseReason::Normal));
    // It is remembered over a restart of the hub, which writes it down within a second.
    written_down(&house, "web-1", new).await;
    house.admin.allow_older("web-1").expect("there is such a server");
    let refused =
        async { while speak_alone(&house, &client, old).await == Some(CloseReason::Older) {} };
    tokio::time::timeout(PATIENCE, refused).await.expect("the hub hears of it");
    assert_eq!(speak_alone(&house, &client, old).await, Some(CloseReason::Normal));
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_are_told_that_the_hub_ends() {
    let house = House::new().await;
    let client = house.enrol(&MachineKey::generate(), "web-1").await;
    let mut socket = house.stream(&client).await.expect("it is let in");
    socket.recv().await.expect("the hub says hello");
    // It has much on its way to the hub, which must not take the reason with it.
    for _ in 0..20 {
        let hello = encode(&Message::Hello(Hello::default())).expect("it fits");
        socket.send(hello).await.expect("it is open");
    }
    let (why, ()) = tokio::join!(over(socket), house.end());
    assert!(matches!(why, SocketError::Closed(Some(CloseReason::Away))), "{why:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_lost_its_authority_says_so_instead_of_making_another() {
    let house = House::new().await;
    house.enrol(&MachineKey::generate(), "web-1").await;
    let House { folder, admin, end, running, .. } = house;
    end.request();
    running.await.expect("it ends");
    drop(admin);
    let data = folder.path().join("data");
    std::fs::remove_dir_all(data.join("identity")).expect("ours");
    let words = match Hub::bind(config(folder.path(), "never"), Clock::system()).await {
        Ok(_) => panic!("web-1 would refuse another authority"),
        Err(error) => error.to_string(),
    };
    assert!(words.contains("number is 1") && words.contains("touch"), "{words}");
    let refused = Admin::open(&data, Clock::system()).map(|_| ()).expect_err("nor does a command");
    assert!(refused.to_string().contains("backup"), "{refused}");
    std::fs::write(data.join("new-authority"), "").expect("ours");
    Hub::bind(config(folder.path(), "never"), Clock::system()).await.expect("it is wanted");
}
