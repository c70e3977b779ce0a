use std::net::SocketAddr;
use std::sync::Mutex;

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use tokio::net::TcpListener;
use watchfire_api::enrol::{AdoptReply, AdoptRequest};
use watchfire_identity::certificate::{AgentId, MachineKey};
use watchfire_runtime::http::{HttpLimits, Plain, Transport, serve};
use watchfire_runtime::tls::{Credentials, TlsServer};
use watchfire_runtime::{Secret, Shutdown, ShutdownHandle};

use super::*;
use crate::adopt::AdoptError;

fn office() -> (tempfile::TempDir, Admin) {
    let folder = tempfile::tempdir().expect("a folder");
    Store::open(folder.path()).expect("a new store");
    let admin = Admin::open(folder.path(), Clock::system()).expect("it opens");
    (folder, admin)
}

fn wish(valid_s: u64) -> TokenWish {
    let labels = [("role".to_owned(), "web".to_owned())].into();
    TokenWish { name: Some("web-1".to_owned()), labels, valid: Duration::from_secs(valid_s) }
}

/// An agent that was invited, as far as the hub can tell.
struct Invited {
    address: SocketAddr,
    code: InviteCode,
    key: AgentId,
    took: Arc<Mutex<Option<AdoptRequest>>>,
    _end: ShutdownHandle,
}

impl Invited {
    async fn new(name: &'static str) -> Self {
        Self::asking_for(name, MachineKey::generate(), None).await
    }

    /// One that asks for a certificate of the key `other` if there is one.
    async fn asking_for(name: &'static str, key: MachineKey, other: Option<MachineKey>) -> Self {
        let code = InviteCode::new(key.public_key_fingerprint(), &mut SystemRandomness);
        let credentials = Credentials {
            certificate_pem: key.self_signed(Clock::system().now()),
            key_pem: Secret::new(key.pem().as_str()),
            ca_pem: String::new(),
        };
        let tls = Some(TlsServer::new(&credentials).expect("they are good"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it has one");
        let (shutdown, end) = Shutdown::new();
        let took: Arc<Mutex<Option<AdoptRequest>>> = Arc::default();
        let (id, csr) = (key.id(), other.as_ref().unwrap_or(&key).signing_request());
        let (secret, takes) = (code.secret().to_owned(), took.clone());
        let answer = move |_, request: Request<Body>| {
            let (csr, secret, takes) = (csr.clone(), secret.clone(), takes.clone());
            async move {
                assert_eq!(request.uri().path(), "/adopt");
                let body = to_bytes(request.into_body(), 1 << 20).await.expect("a body");
                let asked: AdoptRequest = serde_json::from_slice(&body).expect("a request");
                if asked.secret != secret {
                    let mut no = Response::new(Body::from(r#"{"message":"no such\u001b code"}"#));
                    *no.status_mut() = StatusCode::UNAUTHORIZED;
                    return no;
                }
                if asked.certificate.is_none() {
                    let labels = [("site".to_owned(), "fra".to_owned())].into();
                    let reply = AdoptReply { csr, name: name.to_owned(), labels };
                    return Response::new(Body::from(serde_json::to_vec(&reply).expect("JSON")));
                }
                *takes.lock().expect("whole") = Some(asked);
                Response::new(Body::from("{}"))
            }
        };
        let transport = Transport { tls, plain: Plain::Never };
        let (limits, clock) = (HttpLimits::default(), Clock::system());
        tokio::spawn(serve(listener, transport, answer, limits, Arc::default(), clock, shutdown));
        Self { address, code, key: id, took, _end: end }
    }

    fn took(&self) -> Option<AdoptRequest> {
        self.took.lock().expect("whole").clone()
    }
}

#[tokio::test]
async fn an_invited_agent_is_taken_in_with_its_address() {
    let (_folder, admin) = office();
    let agent = Invited::new("db-1").await;
    let address = agent.address.to_string();
    assert_eq!(admin.adopt(&address, &agent.code).await.expect("is taken in"), "db-1");
    let took = agent.took().expect("it has its certificate");
    assert_eq!(took.ca.as_deref(), Some(admin.identity.ca_pem()));
    assert_eq!(took.hub_id, Some(admin.identity.fingerprint().to_string()));
    let server = admin.servers().expect("readable").remove(0);
    assert_eq!((server.name.as_str(), server.agent), ("db-1", agent.key.to_string()));
    assert_eq!((server.address, server.labels.get("site")), (Some(address), Some("fra")));
}

#[tokio::test]
async fn nobody_but_the_invited_agent_sees_the_secret() {
    let (_folder, admin) = office();
    let (agent, other) = (Invited::new("db-1").await, Invited::new("db-1").await);
    let error = admin.adopt(&other.address.to_string(), &agent.code).await.expect_err("another");
    assert!(matches!(error, AdminError::Adopt(AdoptError::OtherAgent { .. })), "{error}");
    // The right key, and a secret that was made up.
    let forged = InviteCode::new(agent.code.key, &mut SystemRandomness);
    let error = admin.adopt(&agent.address.to_string(), &forged).await.expect_err("no such code");
    assert!(error.to_string().contains("no such code"), "{error}");
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let nobody = closed.local_addr().expect("it has one").to_string();
    drop(closed);
    let error = admin.adopt(&nobody, &agent.code).await.expect_err("nobody is there");
    assert!(matches!(error, AdminError::Adopt(AdoptError::Unreachable { .. })), "{error}");
    assert!(admin.servers().expect("readable").is_empty());
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_given() {
    let (_folder, admin) = office();
    let first = Invited::new("db-1").await;
    admin.adopt(&first.address.to_string(), &first.code).await.expect("is taken in");
    let second = Invited::new("db-1").await;
    let error = admin.adopt(&second.address.to_string(), &second.code).await.expect_err("taken");
    assert!(matches!(error, AdminError::Store(StoreError::NameTaken { .. })), "{error}");
    assert_eq!(second.took(), None, "it keeps its invitation");
    let other = Some(MachineKey::generate());
    let third = Invited::asking_for("db-3", MachineKey::generate(), other).await;
    let error = admin.adopt(&third.address.to_string(), &third.code).await.expect_err("two keys");
    assert!(matches!(error, AdminError::OtherKey), "{error}");
    assert_eq!(third.took(), None);
}

#[test]
fn a_token_is_kept_as_its_digest_with_what_it_gives() {
    let (_folder, admin) = office();
    let made = admin.token(&wish(900)).expect("is made");
    assert_eq!(made.token.ca, admin.identity.fingerprint());
    let kept = admin.store.enrol_tokens().expect("readable").remove(0);
    assert_eq!((kept.digest, kept.name.as_deref()), (made.token.digest(), Some("web-1")));
    assert_eq!(kept.labels.get("role"), Some("web"));
    assert_eq!(kept.expires_unix_ms - kept.created_unix_ms, 900_000);
    assert_eq!(kept.expires_unix_ms, made.expires_unix_ms);
    for wrong in [wish(0), wish(7 * 24 * 3600 + 1)] {
        assert!(matches!(admin.token(&wrong), Err(AdminError::Valid)));
    }
    let wrong = TokenWish { name: Some("a b".to_owned()), ..wish(9) };
    assert!(matches!(admin.token(&wrong), Err(AdminError::Name(_))));
    let wrong = TokenWish { labels: [("name".to_owned(), String::new())].into(), ..wish(9) };
    assert!(matches!(admin.token(&wrong), Err(AdminError::Labels(_))));
}

#[tokio::test]
async fn servers_are_renamed_and_removed_by_name_or_id() {
    let (_folder, admin) = office();
    let agent = Invited::new("db-1").await;
    admin.adopt(&agent.address.to_string(), &agent.code).await.expect("is taken in");
    admin.rename("db-1", "db-2").expect("is renamed");
    assert_eq!(admin.servers().expect("readable")[0].name, "db-2");
    let error = admin.rename("db-1", "db-3").expect_err("it is called otherwise").to_string();
    assert!(error.contains("hint: `watchfire server list`"), "{error}");
    assert!(admin.rename("db-2", "d b").is_err());
    admin.remove(&agent.key.to_string()).expect("is removed");
    assert!(admin.servers().expect("readable").is_empty());
    assert!(matches!(admin.remove("db-2"), Err(AdminError::NoServer { .. })));
}

#[test]
fn a_folder_without_a_hub_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = Admin::open(folder.path(), Clock::system()).expect_err("nothing is there");
    assert!(error.to_string().contains("hint: start the hub once"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("ours").count(), 0, "nothing was made");
}
