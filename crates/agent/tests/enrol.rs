//! How an agent gets a hub, over real TLS: by a token, by an invitation; and who
//! gets what from an agent that has one.

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use common::{Running, start_today, user};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use watchfire_agent::{Agent, AgentConfig, JoinError, JoinRequest, Joined, invite, join};
use watchfire_api::enrol::{AdoptReply, EnrolReply, EnrolRequest};
use watchfire_identity::certificate::{Authority, HUB_NAME, MachineKey, agent_name};
use watchfire_identity::enrol::EnrolToken;
use watchfire_identity::{Scope, SystemRandomness};
use watchfire_model::{Labels, ServerName};
use watchfire_runtime::http::{HttpLimits, Plain, Transport, serve};
use watchfire_runtime::task::{self, Task};
use watchfire_runtime::tls::{Credentials, TlsClient, TlsError, TlsServer, TlsStream};
use watchfire_runtime::{Clock, Secret, Shutdown, ShutdownHandle};

const LIMIT: Duration = Duration::from_secs(60);

fn credentials(authority: &Authority, key: &MachineKey, certificate_pem: String) -> Credentials {
    Credentials {
        certificate_pem,
        key_pem: Secret::new(key.pem().as_str()),
        ca_pem: authority.certificate_pem().to_owned(),
    }
}

fn of_hub(authority: &Authority) -> Credentials {
    let key = MachineKey::generate();
    let issued = authority.issue_hub(&key, &[], Clock::system().now()).expect("is issued");
    credentials(authority, &key, issued.certificate_pem)
}

fn of_agent(authority: &Authority) -> Credentials {
    let key = MachineKey::generate();
    let issued = authority.issue_agent(&key.signing_request(), Clock::system().now());
    credentials(authority, &key, issued.expect("is issued").certificate_pem)
}

/// A hub as far as `/enrol` goes.
struct Hub {
    address: SocketAddr,
    authority: Arc<Authority>,
    /// What came, as it came.
    asked: Arc<Mutex<Vec<String>>>,
    _end: ShutdownHandle,
    _task: Task<()>,
}

/// What a hub answers to a request to enrol.
type Answers = fn(&Authority, &EnrolRequest) -> (u16, String);

fn well(authority: &Authority, asked: &EnrolRequest) -> (u16, String) {
    let issued = authority.issue_agent(&asked.csr, Clock::system().now()).expect("is issued");
    let reply = EnrolReply {
        certificate: issued.certificate_pem,
        ca: authority.certificate_pem().to_owned(),
        id: issued.id.to_string(),
        name: asked.name.clone(),
    };
    (200, serde_json::to_string(&reply).expect("JSON"))
}

impl Hub {
    async fn start(answers: Answers) -> Self {
        let authority = Arc::new(Authority::generate(Clock::system().now()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let tls = Some(TlsServer::new(&of_hub(&authority)).expect("they fit"));
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (shutdown, end) = Shutdown::new();
        let answer = {
            let (authority, asked) = (Arc::clone(&authority), Arc::clone(&asked));
            move |_, request: Request<Body>| {
                let (authority, asked) = (Arc::clone(&authority), Arc::clone(&asked));
                async move {
                    let (parts, body) = request.into_parts();
                    let body = to_bytes(body, 16 << 10).await.expect("a body");
                    let text = String::from_utf8_lossy(&body).into_owned();
                    asked.lock().expect("whole").push(format!("{} {text}", parts.uri));
                    let read = serde_json::from_slice(&body).expect("a request to enrol");
                    let (status, text) = answers(&authority, &read);
                    let response = Response::builder().status(status);
                    response.body(Body::from(text)).expect("a response")
                }
            }
        };
        let serving = serve(
            listener,
            Transport { tls, plain: Plain::Never },
            answer,
            HttpLimits::default(),
            Arc::default(),
            Clock::system(),
            shutdown,
        );
        let task = task::spawn("hub", serving);
        Self { address, authority, asked, _end: end, _task: task }
    }

    fn token(&self) -> EnrolToken {
        EnrolToken::new(self.authority.fingerprint(), &mut SystemRandomness)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("whole").clone()
    }
}

async fn join_with(data: &Path, hub: SocketAddr, token: EnrolToken) -> Result<Joined, JoinError> {
    let mut labels = Labels::new();
    labels.insert("role", "web").expect("a label");
    let request = JoinRequest {
        data: data.to_owned(),
        hub: hub.to_string(),
        token,
        name: ServerName::new("web-1").expect("a name"),
        labels,
    };
    join(request, &Clock::system()).await
}

#[tokio::test]
async fn a_server_joins_and_the_running_agent_takes_it() {
    let hub = Hub::start(well).await;
    let agent = start_today(|_| {}).await;
    let token = hub.token();
    let joined = join_with(&agent.data(), hub.address, token.clone()).await.expect("joins");
    assert_eq!((joined.name.as_str(), joined.hub), ("web-1", hub.address.to_string()));
    let asked = hub.asked();
    let [asked] = &asked[..] else { panic!("{asked:?}") };
    let body = asked.strip_prefix("/enrol ").expect("the path");
    let asked: EnrolRequest = serde_json::from_str(body).expect("a request to enrol");
    assert_eq!((asked.secret.as_str(), asked.name.as_str()), (token.secret(), "web-1"));
    assert_eq!(asked.labels.into_iter().collect::<Vec<_>>(), [("role".into(), "web".into())]);

    // Its own certificate of before is trusted by nobody, the new one by the hub.
    let client = TlsClient::new(&of_hub(&hub.authority)).expect("they fit");
    let name = agent_name(joined.id);
    let before = dial(&agent, &client, &name).await.expect_err("signed itself");
    assert!(matches!(before, TlsError::NotTrusted(_)), "{before}");
    let stream = loop {
        agent.hand.advance(Duration::from_secs(2));
        tokio::task::yield_now().await;
        if let Ok(stream) = dial(&agent, &client, &name).await {
            break stream;
        }
    };
    let answer = ask(stream, "GET /healthz HTTP/1.1\r\nHost: any.name\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_wrong_hub_sees_nothing() {
    let (hub, other) = (Hub::start(well).await, Hub::start(well).await);
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let error = join_with(&data, other.address, hub.token()).await.expect_err("another hub");
    assert!(matches!(error, JoinError::WrongHub { .. }), "{error:?}");
    let words = error.to_string();
    assert!(words.starts_with("this is not the hub that made the token"), "{words}");
    assert!(words.contains("the token was not sent"), "{words}");
    assert!(other.asked().is_empty());
    assert!(!data.join("identity/hub.json").exists());

    // One that shows the right CA and has no certificate of it.
    let mut forged = of_hub(&other.authority);
    forged.ca_pem = hub.authority.certificate_pem().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let canary = task::spawn("canary", async move {
        let tls = TlsServer::new(&forged).expect("they fit");
        let (stream, _) = listener.accept().await.expect("dials");
        let mut heard = Vec::new();
        if let Ok(mut stream) = tls.accept(stream, LIMIT, &Clock::system()).await {
            let _ = stream.read_to_end(&mut heard).await;
        }
        heard
    });
    let error = join_with(&data, address, hub.token()).await.expect_err("a forged one");
    assert!(matches!(error, JoinError::NotTrusted { .. }), "{error:?}");
    assert!(canary.join().await.expect("ends").is_empty(), "not a byte was said");
}

#[tokio::test]
async fn each_refusal_has_its_words() {
    let refuse =
        |status: u16, words: &str, expected: &str| (status, words.to_owned(), expected.to_owned());
    let hubs: [(Answers, _); 5] = [
        (
            |_, _| (401, r#"{"message":"the token is over"}"#.into()),
            refuse(401, "the token is over", "watchfire hub token"),
        ),
        (
            |_, _| (409, r#"{"message":"web-1 is another's"}"#.into()),
            refuse(409, "web-1 is another's", "--name"),
        ),
        (|_, _| (429, "x".into()), refuse(429, "it gave no reason", "in a minute")),
        (|_, _| (500, r#"{"message":"a\u001b[31mb"}"#.into()), refuse(500, "a[31mb", "status 500")),
        (|_, _| (200, "{}".into()), refuse(200, "not understood", "update")),
    ];
    for (answers, (status, words, hint)) in hubs {
        let hub = Hub::start(answers).await;
        let folder = tempfile::tempdir().expect("a folder");
        let error = join_with(folder.path(), hub.address, hub.token()).await.expect_err("refused");
        let told = error.to_string();
        assert!(told.contains(&words) && told.contains(&hint), "{status}: {told}");
        assert!(!folder.path().join("identity/hub.json").exists());
    }
}

#[tokio::test]
async fn what_does_not_hold_is_not_kept() {
    let other_ca: Answers = |_, asked| well(&Authority::generate(Clock::system().now()), asked);
    let long_ago: Answers = |authority, asked| {
        let then = Clock::system().now().before(Duration::from_secs(100 * 86_400));
        let (status, body) = well(authority, asked);
        let mut reply: EnrolReply = serde_json::from_str(&body).expect("JSON");
        let issued = authority.issue_agent(&asked.csr, then).expect("is issued");
        reply.certificate = issued.certificate_pem;
        (status, serde_json::to_string(&reply).expect("JSON"))
    };
    for (answers, words) in [(other_ca, "not the one of the token"), (long_ago, "`date -u`")] {
        let hub = Hub::start(answers).await;
        let folder = tempfile::tempdir().expect("a folder");
        let error = join_with(folder.path(), hub.address, hub.token()).await.expect_err("no good");
        assert!(error.to_string().contains(words), "{error}");
        assert!(!folder.path().join("identity/hub.json").exists());
    }
}

#[tokio::test]
async fn a_hub_that_is_not_there_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let folder = tempfile::tempdir().expect("a folder");
    let token = EnrolToken::new(
        Authority::generate(Clock::system().now()).fingerprint(),
        &mut SystemRandomness,
    );
    let error = join_with(folder.path(), address, token.clone()).await.expect_err("nobody");
    assert!(matches!(error, JoinError::NotReached { .. }), "{error:?}");
    assert!(error.to_string().contains("watchfire invite"), "{error}");
    // Something else listens there.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let other = task::spawn("other", async move {
        let (mut stream, _) = listener.accept().await.expect("dials");
        stream.write_all(b"220 mail.example.org ESMTP\r\n").await.expect("it reads");
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard).await;
    });
    let error = join_with(folder.path(), address, token).await.expect_err("no TLS");
    assert!(matches!(error, JoinError::NoTls { .. }), "{error:?}");
    drop(other);
}

async fn dial(agent: &Running, client: &TlsClient, name: &str) -> Result<TlsStream, TlsError> {
    let stream = TcpStream::connect(agent.address).await.expect("it listens");
    let mut stream = client.connect(stream, name, LIMIT, &Clock::system()).await?;
    stream.flush().await.map_err(|error| TlsError::of(&error))?;
    Ok(stream)
}

/// Sends a request without the end of its header, and takes what comes.
async fn ask(mut stream: TlsStream, request: &str) -> String {
    let request = format!("{request}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// An agent with a hub, which may be asked over TLS.
struct Enrolled {
    agent: Running,
    authority: Authority,
    name: String,
}

async fn enrolled() -> Enrolled {
    let agent = start_today(|config| {
        config.users = vec![user("ada", &[Scope::Read, Scope::Stream])];
    })
    .await;
    let authority = Authority::generate(Clock::system().now());
    let invitation = invite(&agent.data(), agent.clock.now()).expect("is made");
    let pinned = TlsClient::enrol_pinned_to_key(*invitation.code.key.as_bytes());
    let secret = invitation.code.secret();
    let first = adopt(&agent, &pinned, &format!(r#"{{"secret":"{secret}"}}"#)).await;
    assert!(first.starts_with("HTTP/1.1 200"), "{first}");
    let reply: AdoptReply = serde_json::from_str(body(&first)).expect("an answer");
    let issued = authority.issue_agent(&reply.csr, Clock::system().now()).expect("is issued");
    let offer = serde_json::json!({
        "secret": secret,
        "certificate": issued.certificate_pem,
        "ca": authority.certificate_pem(),
        "hub_id": authority.fingerprint().to_string(),
    });
    let second = adopt(&agent, &pinned, &offer.to_string()).await;
    assert!(second.starts_with("HTTP/1.1 200"), "{second}");
    let third = adopt(&agent, &pinned, &offer.to_string()).await;
    assert!(third.starts_with("HTTP/1.1 401"), "an invitation is good once: {third}");
    Enrolled { agent, authority, name: agent_name(issued.id) }
}

/// `POST /adopt`, by a host name that the agent does not know.
async fn adopt(agent: &Running, client: &TlsClient, body: &str) -> String {
    let stream = dial(agent, client, "web-1.example.org").await.expect("the key is right");
    let request = format!(
        "POST /adopt HTTP/1.1\r\nHost: web-1.example.org:5000\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = stream;
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("an answer").1
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("nothing came")
}

const STREAM: &str = "GET /stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

#[tokio::test]
async fn each_certificate_opens_its_own_doors() {
    let Enrolled { agent, authority, name } = enrolled().await;
    let hub = TlsClient::new(&of_hub(&authority)).expect("they fit");
    let neighbour = TlsClient::new(&of_agent(&authority)).expect("they fit");
    let nobody = TlsClient::enrol_pinned_to_ca(*authority.fingerprint().as_bytes());
    let asked = async |client: &TlsClient, request: &str| {
        let stream = dial(&agent, client, &name).await.expect("a handshake");
        status(&ask(stream, request).await).to_owned()
    };
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n");
    // Everybody's token rules hold for the hub as well, but for its stream.
    for path in ["/stats", "/processlist", "/metrics"] {
        assert_eq!(asked(&hub, &get(path)).await, "401", "{path}");
        assert_eq!(asked(&nobody, &get(path)).await, "401", "{path}");
    }
    assert_eq!(asked(&nobody, &get("/healthz")).await, "200");
    assert_eq!(asked(&nobody, &get("/stream")).await, "401");
    assert_eq!(asked(&hub, &get("/stream")).await, "426");
    let foreign = "GET /healthz HTTP/1.1\r\nHost: evil.test\r\n";
    assert_eq!(asked(&nobody, foreign).await, "421");
    // A neighbour was answered by the handshake; the rest is not for it.
    for path in ["/healthz", "/stats", "/stream", "/login", "/adopt", "/fallback", "/"] {
        assert_eq!(asked(&neighbour, &get(path)).await, "403", "{path}");
    }
    assert_eq!(asked(&neighbour, &STREAM.replace("Host: x", "Host: localhost")).await, "403");
    // With a token as ever, over TLS.
    let token = agent.token("ada").await;
    agent.hand.advance(Duration::from_secs(1));
    let with_token = format!("{}Authorization: Bearer {token}\r\n", get("/stats"));
    assert_eq!(asked(&nobody, &with_token).await, "200");
}

#[tokio::test]
async fn the_hubs_stream_needs_no_token() {
    let Enrolled { agent, authority, name } = enrolled().await;
    let hub = TlsClient::new(&of_hub(&authority)).expect("they fit");
    let mut stream = dial(&agent, &hub, &name).await.expect("a handshake");
    let request = format!("{STREAM}Connection: upgrade\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.expect("it answers");
    assert_eq!(&answer, b"HTTP/1.1 101");
}

#[tokio::test]
async fn certificates_of_other_hubs_end_in_the_handshake() {
    let Enrolled { agent, authority, name } = enrolled().await;
    let other = Authority::generate(Clock::system().now());
    let mut credentials = of_hub(&other);
    // It knows whom it dials, and shows what another hub gave.
    credentials.ca_pem = authority.certificate_pem().to_owned();
    let client = TlsClient::new(&credentials).expect("they fit");
    let refused = match dial(&agent, &client, &name).await {
        Err(error) => error.to_string(),
        Ok(mut stream) => {
            let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
            let mut answer = Vec::new();
            let error = stream.read_to_end(&mut answer).await.expect_err("an alert");
            assert!(answer.is_empty());
            TlsError::of(&error).to_string()
        }
    };
    assert!(refused.contains("refused"), "{refused}");
    assert_eq!(agent.counters.handshakes_failed(), 1);
    // And the other way round: who looks for another agent does not find it here.
    let client = TlsClient::new(&of_hub(&authority)).expect("they fit");
    let wrong = agent_name(MachineKey::generate().id());
    let error = dial(&agent, &client, &wrong).await.expect_err("another agent");
    assert!(matches!(error, TlsError::OtherIdentity(_)), "{error}");
    assert_ne!(wrong, HUB_NAME);
}

#[tokio::test]
async fn an_adoption_needs_tls_and_an_invitation() {
    let agent = start_today(|_| {}).await;
    let plain = agent.ask("POST", "/adopt", "", r#"{"secret":"x"}"#).await;
    assert_eq!(plain.status, 403);
    assert!(plain.message().contains("TLS"), "{plain:?}");
    let invitation = invite(&agent.data(), agent.clock.now()).expect("is made");
    let pinned = TlsClient::enrol_pinned_to_key(*invitation.code.key.as_bytes());
    assert!(status(&adopt(&agent, &pinned, "x").await) == "400");
    for _ in 0..5 {
        let answer = adopt(&agent, &pinned, r#"{"secret":"wrong"}"#).await;
        assert_eq!(status(&answer), "401");
        assert!(body(&answer).contains("watchfire invite"), "{answer}");
    }
    // Whoever guesses waits, and so does everybody else at that address.
    let answer = adopt(&agent, &pinned, r#"{"secret":"wrong"}"#).await;
    assert_eq!(status(&answer), "429");
    assert_eq!(agent.counters.adoptions_refused(), 6);
    agent.hand.advance(Duration::from_secs(61));
    let secret = invitation.code.secret();
    let half = format!(r#"{{"secret":"{secret}","ca":"x"}}"#);
    assert_eq!(status(&adopt(&agent, &pinned, &half).await), "400");
    let right = format!(r#"{{"secret":"{secret}"}}"#);
    let answer = adopt(&agent, &pinned, &right).await;
    assert_eq!(status(&answer), "200", "{answer}");
    let huge = format!(r#"{{"secret":"{}"}}"#, "x".repeat(17 << 10));
    assert_eq!(status(&adopt(&agent, &pinned, &huge).await), "413");
    // Another key than the invitation's is not talked to.
    let other = TlsClient::enrol_pinned_to_key([7; 32]);
    let error = dial(&agent, &other, "x").await.expect_err("another key");
    assert!(matches!(error, TlsError::OtherIdentity(_)), "{error}");
}

#[tokio::test]
async fn plain_http_may_be_shut() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = AgentConfig::new(folder.path().join("data"));
    config.listen.set_port(0);
    config.plain = Plain::Never;
    config.record.enabled = false;
    let agent = Agent::bind(config, Clock::system()).await.expect("it binds");
    let address = agent.local_addr();
    let (shutdown, _end) = Shutdown::new();
    let running = task::spawn("agent", agent.run(shutdown));
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 426"), "{answer}");
    drop(running);
}
