//! The router as a stranger, a viewer and an administrator meet it.

mod access;
mod acknowledge;
mod alertmanager;
mod alerts;
mod audit;
mod bombs;
mod changer;
mod channels;
mod edges;
mod enrol;
mod install;
mod logins;
mod metrics;
mod others;
mod past;
mod prometheus;
mod rule_files;
mod runs;
mod sessions;
mod silences;
mod step_up;
mod stream;
mod tokens;
mod totp;
mod users;

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use futures_util::FutureExt;
use tower::ServiceExt;
use watchfire_identity::Role;
use watchfire_identity::limit::HOLD;
use watchfire_identity::password::{self, PasswordHash};
use watchfire_identity::token::TokenKey;
use watchfire_model::{IncidentId, ProcessTable, Scope, Status};
use watchfire_runtime::http::{Peer, TlsPeer};
use watchfire_runtime::{ManualClock, Shutdown, ShutdownHandle};
use watchfire_store::Store;

use super::install::Installer;
use super::{AppState, Parts, REQUEST_TIME, ROUTES, hosts, page};
use crate::accounts::Account;
use crate::ack_links::AckLinks;
use crate::acks::Acks;
use crate::agents::Agents;
use crate::alerts::{AlertDesk, Tools};
use crate::config::Locked;
use crate::disk::Disk;
use crate::enrolment::Enrolment;
use crate::events::{Event, Events};
use crate::factors::Factors;
use crate::fleet::Fleet;
use crate::historian::Historian;
use crate::identity::HubIdentity;
use crate::muting::Muting;
use crate::outgoing::HandOvers;
use crate::pushed::{Pushes, Senders};
use crate::rules::{Board, Files, Made};
use crate::runs::Runs;
use crate::self_test::SelfTests;
use crate::silences::Silences;
use crate::testing::{fleet_of, manual_clock, open_incident, settle, team, watched};

/// The password of every user here.
const PASSWORD: &str = "correct horse battery staple";
/// What the hub hands out as its own program.
const PROGRAM: &[u8] = b"#!/bin/sh\necho watchfire\n";
/// Hashing costs a while, so all tests share one hash.
static HASH: LazyLock<PasswordHash> =
    LazyLock::new(|| password::hash(PASSWORD).expect("there is memory"));

/// A hub with a server of team a and one of team b, each with an incident;
/// `ann` sees team a, `olga` too and who was told, `root` everything.
struct House {
    app: Router,
    state: AppState,
    fleet: Arc<Fleet>,
    store: Store,
    events: Events,
    hand: ManualClock,
    end: ShutdownHandle,
    agents: Arc<Agents>,
    enrolment: Arc<Enrolment>,
    identity: Arc<HubIdentity>,
    incident_a: IncidentId,
    incident_b: IncidentId,
    folder: tempfile::TempDir,
}

/// An answer, read to its end.
#[derive(Debug, Clone, PartialEq)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

/// A session as a browser keeps it.
#[derive(Debug, Clone)]
struct Seat {
    cookie: String,
    csrf: String,
}

/// What fires: nothing yet.
fn alert_desk(fleet: &Arc<Fleet>, store: &Store, events: &Events) -> Arc<AlertDesk> {
    Arc::new(AlertDesk::new(Tools {
        fleet: fleet.clone(),
        store: store.clone(),
        recipients: Vec::new(),
        muting: Arc::default(),
        events: events.clone(),
        courier: Arc::default(),
        ack_links: None,
        public_url: "https://hub.test".to_owned(),
        hub_id: "hub.test".to_owned(),
        wording: Default::default(),
    }))
}

impl House {
    fn new() -> Self {
        Self::with(|_| {})
    }

    /// A house in which `change` made something different.
    fn with(change: impl FnOnce(&mut Parts)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a new store");
        let (clock, hand) = manual_clock();
        let (incident_a, incident_b) =
            (open_incident(&store, "a-1", 0), open_incident(&store, "b-1", 0));
        let fleet = fleet_of(&["a-1", "b-1"], &[], &clock);
        for index in fleet.indices() {
            fleet.status(index, Status::default());
            fleet.processes(index, ProcessTable::default());
        }
        let events = Events::new();
        let (shutdown, end) = Shutdown::new();
        let identity = HubIdentity::open(folder.path(), 0, clock.now()).expect("is made");
        let identity = Arc::new(identity);
        // Servers of hub.toml: b-1 with a login, new-1 without an agent as yet.
        let mut configured = vec![watched("b-1", "127.0.0.1:9"), watched("new-1", "127.0.0.1:9")];
        configured[1].login = None;
        let agents =
            Agents::new(store.clone(), fleet.clone(), configured, &[], Box::new(|_, _| {}));
        let agents = Arc::new(agents);
        let enrolment =
            Enrolment::new(identity.clone(), store.clone(), agents.clone(), clock.clone());
        let enrolment = Arc::new(enrolment);
        let program = folder.path().join("program");
        std::fs::write(&program, PROGRAM).expect("room");
        let muting = Arc::new(Muting::default());
        let alerts = alert_desk(&fleet, &store, &events);
        let silences = Silences::open(store.clone(), fleet.clone(), muting.clone(), clock.clone());
        let mut parts = Parts {
            fleet: fleet.clone(),
            store: store.clone(),
            accounts: vec![
                account("ann", Role::Viewer, team("a")),
                account("olga", Role::Operator, team("a")),
                account("root", Role::Admin, Scope::everything()),
            ],
            events: events.clone(),
            clock: clock.clone(),
            mail_configured: false,
            trusted_proxies: vec!["192.0.2.200".parse().expect("an address")],
            hosts: hosts("https://hub.test:5100/watch"),
            shutdown,
            agents: agents.clone(),
            enrolment: enrolment.clone(),
            installer: Installer::of(std::fs::File::open(&program), "hub.test:5100".to_owned()),
            on_stream: Arc::new(|_| Box::pin(async {})),
            past: past::past(&clock),
            sources: prometheus::sources(),
            elsewhere: None,
            question_limits: super::QuestionLimits::default(),
            senders: Senders::default(),
            pushes: Pushes::new(Historian::new(None, clock.clone()), clock.clone()),
            hand_overs: HandOvers::default(),
            recipients: ["ann", "olga"]
                .map(|name| crate::testing::recipient(name, team("a")))
                .into(),
            self_tests: self_tests(&store),
            muting,
            silences: Arc::new(silences.with_alerts(alerts.clone())),
            runs: Arc::new(Runs::open(store.clone(), fleet.clone(), clock.clone())),
            alerts,
            acks: Acks::new(store.clone(), {
                let events = events.clone();
                Arc::new(move |incident| events.tell(Event::of(incident)))
            }),
            ack_links: Arc::new(ack_links()),
            token_key: TokenKey::generate(),
            open_on_loopback: false,
            disk: Arc::new(Disk::new(folder.path(), store.clone(), None)),
            rules: Board::default(),
            made: Made::open(store.clone(), Board::default(), clock.clone()).0,
            public_url: "https://hub.test".to_owned(),
            // See the tests of step-up.
            unsigned_runs_need_proof: false,
            factors: Factors::open(store.clone()).expect("a store"),
        };
        let built_in = Locked {
            file: watchfire_alert::rules::built_in(),
            text: watchfire_alert::rules::BUILT_IN.into(),
        };
        parts.rules.show_files(Files { locked: [built_in].into(), has_made: true });
        change(&mut parts);
        let state = super::state(parts);
        Self {
            app: super::routes(state.clone()),
            state,
            fleet,
            store,
            events,
            hand,
            end,
            incident_a,
            agents,
            enrolment,
            identity,
            incident_b,
            folder,
        }
    }

    /// Sends a request from the address 192.0.2.`host`.
    async fn send_from(&self, host: u8, request: Request<Body>) -> Answer {
        self.send_as(peer(host), request).await
    }

    async fn send_as(&self, peer: Peer, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(peer);
        let localhost = HeaderValue::from_static("localhost:5100");
        request.headers_mut().entry(header::HOST).or_insert(localhost);
        let answer = self.app.clone().oneshot(request).await.expect("a router answers always");
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, 1 << 20).await.expect("a short body");
        let body = String::from_utf8(body.to_vec()).expect("text");
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Sends a request over TLS, without a certificate, from 192.0.2.`host`.
    async fn send_over_tls(&self, host: u8, request: Request<Body>) -> Answer {
        let tls = TlsPeer { certificate: None, pulse_key: [0; 32] };
        self.send_as(Peer { tls: Some(Arc::new(tls)), ..peer(host) }, request).await
    }

    /// Sends a login that is held up: it has no answer until [`HOLD`] is over.
    async fn send_held(&self, host: u8, request: Request<Body>) -> Answer {
        let mut sending = std::pin::pin!(self.send_from(host, request));
        for moved in [Duration::ZERO, HOLD - Duration::from_millis(1)] {
            self.hand.advance(moved);
            settle().await;
            let answer = sending.as_mut().now_or_never();
            assert!(answer.is_none(), "after {moved:?}: {answer:?}");
        }
        self.hand.advance(Duration::from_millis(1));
        sending.await
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        self.send_from(1, request).await
    }

    async fn get(&self, path: &str, seat: Option<&Seat>) -> Answer {
        self.send(asking(Method::GET, path, seat)).await
    }

    async fn log_in(&self, user: &str) -> Seat {
        let answer = self.send(login(user, PASSWORD)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let set = answer.header("set-cookie");
        let cookie = set.split(';').next().expect("a cookie has a value").to_owned();
        let reply: watchfire_api::hub::LoginReply =
            serde_json::from_str(&answer.body).expect("a login's reply");
        Seat { cookie, csrf: reply.csrf }
    }

    /// `path` of the route table with its places filled for the server and incident of team b.
    fn of_team_b(&self, path: &str) -> String {
        let path = path.replace("{*file}", "built-in");
        path.replace("{name}", "b-1").replace("{id}", &self.incident_b.0.to_string())
    }

    fn of_team_a(&self, path: &str) -> String {
        let path = path.replace("{*file}", "built-in");
        path.replace("{name}", "a-1").replace("{id}", &self.incident_a.0.to_string())
    }
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}

/// The links that letters of this hub would hold.
fn ack_links() -> AckLinks {
    let users = [("ann", Role::Viewer), ("olga", Role::Operator)];
    AckLinks::new(&TokenKey::from_bytes([9; 32]), "https://hub.test:5100/watch", users)
}

fn account(name: &str, role: Role, scope: Scope) -> Account {
    Account { name: name.to_owned(), role, scope, password: HASH.clone() }
}

/// A connection from the address 192.0.2.`host`.
fn peer(host: u8) -> Peer {
    let remote = SocketAddr::from(([192, 0, 2, host], 4000));
    Peer { remote, tls: None }
}

fn asking(method: Method, path: &str, seat: Option<&Seat>) -> Request<Body> {
    let mut request =
        Request::builder().method(method).uri(path).header(header::HOST, "localhost:5100");
    if let Some(seat) = seat {
        request = request.header(header::COOKIE, &seat.cookie);
    }
    request.body(Body::empty()).expect("a good request")
}

/// A change that the page of `seat` makes.
fn changing(method: Method, path: &str, seat: &Seat, body: &serde_json::Value) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    request
        .header(header::HOST, "localhost:5100")
        .header(header::COOKIE, &seat.cookie)
        .header("x-watchfire-csrf", &seat.csrf)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .expect("a good request")
}

/// The value of a key of an answer.
fn told(answer: &Answer, key: &str) -> serde_json::Value {
    let body: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    body[key].clone()
}

fn login(user: &str, password: &str) -> Request<Body> {
    let body = serde_json::json!({ "username": user, "password": password });
    Request::post("/api/login")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .expect("a good request")
}

/// Every path that the router knows, as in its tables.
fn paths() -> impl Iterator<Item = &'static str> {
    let files = page::FILES.iter().map(|(path, ..)| *path);
    ROUTES
        .iter()
        .chain(&super::prometheus::ROUTES)
        .chain(&super::alertmanager::ROUTES)
        .map(|(path, _)| *path)
        .chain(files)
}

/// Tests of channels: `ann` has one, and nobody else has any.
fn self_tests(store: &Store) -> Arc<SelfTests> {
    let mut ann = crate::config::User::administrator("ann");
    ann.channels = vec![watchfire_model::Channel::new("slack://a/b/secret")];
    let names = ("http://hub.test".to_owned(), "hub.test".to_owned());
    Arc::new(SelfTests::new(store.clone(), vec![ann], names, Arc::default()))
}
