//! The page and the API. Every path but the page's own files and the login is
//! behind a session, a role and the scope of the user's servers; what a user
//! may not know of is answered like what does not exist.

mod ack;
mod acknowledge;
mod alertmanager;
mod asker;
mod audit;
mod changer;
mod channels;
mod client;
mod enrol;
mod events;
mod guard;
mod headers;
mod incidents;
mod install;
mod login;
mod metrics;
mod open;
mod page;
mod past;
mod prometheus;
mod reply;
mod route;
mod rows;
mod rule_files;
mod runs;
mod second;
mod servers;
mod session;
mod sessions;
mod silences;
mod stream;
mod token;
mod tokens;
mod totp;
mod users;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware;
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, patch, post};
use axum::{Json, Router};
use futures_util::future::BoxFuture;
use tokio::sync::{Semaphore, oneshot};
use tower::ServiceExt;
use watchfire_alert::Recipient;
use watchfire_api::enrol::{ENROL_PATH, MAX_BODY_BYTES};
use watchfire_identity::certificate::HUB_NAME;
use watchfire_identity::limit::LoginLimiter;
use watchfire_identity::token::TokenKey;
use watchfire_model::Moment;
use watchfire_runtime::http::{HostNames, Peer};
use watchfire_runtime::net::Network;
use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_store::Store;

use crate::accounts::Account;
use crate::ack_links::AckLinks;
use crate::acks::Acks;
use crate::address::host_and_port;
use crate::agents::Agents;
use crate::alerts::AlertDesk;
use crate::api_tokens::ApiTokens;
use crate::audit::Audit;
use crate::dial::Rarely;
use crate::disk::Disk;
use crate::enrolment::Enrolment;
use crate::events::Events;
use crate::factors::Factors;
use crate::fleet::Fleet;
use crate::muting::Muting;
use crate::outgoing::HandOvers;
use crate::people::People;
use crate::pushed::{Pushes, Senders};
use crate::rules::{Board, Made};
use crate::runs::Runs;
use crate::self_test::SelfTests;
use crate::silences::Silences;
use alertmanager::Posting;
use asker::Recall;
pub(crate) use install::Installer;
use open::OpenDoor;
pub(crate) use past::{EventsAsked, Heard, HeardEvents, Past, Ran, Recorded, RunsAsked};
pub(crate) use prometheus::{Elsewhere, QuestionLimits, Sources};
use prometheus::{Questions, Writing};
use reply::Refusal;
use session::Sessions;
pub(crate) use stream::{Accepted, OnStream};

/// How long a request may take once its header is there, body included. A live
/// stream has begun its answer by then.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// The largest request body, in bytes.
const MAX_BODY: usize = 64 << 10;
/// Passwords that are hashed at a time: each takes 19 MiB and a core.
const MAX_HASHING: usize = 2;
/// Logins that wait for their turn; further ones are told to come again.
const MAX_WAITING: usize = 64;

/// A path and what answers it.
type Route = (&'static str, fn() -> MethodRouter<AppState>);

/// Every path but those of the page's files, which are in [`page`]. The tests
/// walk this table, and want to be told of each path who gets which answer.
const ROUTES: [Route; 51] = [
    ("/healthz", || get(healthz)),
    ("/login", || get(token::log_in).post(token::log_in)),
    ("/api/login", || post(login::log_in)),
    ("/api/logout", || post(login::log_out)),
    ("/api/me", || get(login::me)),
    ("/api/servers", || get(servers::list)),
    ("/api/servers/{name}", || get(servers::one)),
    ("/api/servers/{name}/stats", || get(past::stats)),
    ("/api/servers/{name}/processes", || get(past::processes)),
    ("/api/servers/{name}/range", || get(past::range)),
    ("/api/servers/{name}/events", || get(past::events)),
    ("/api/servers/{name}/route", || get(route::route)),
    ("/api/channels", || get(channels::list)),
    ("/api/channels/{number}/test", || post(channels::test)),
    ("/api/channels/tests/{id}", || get(channels::outcome)),
    ("/api/processes", || get(past::runs)),
    ("/api/incidents", || get(incidents::list)),
    ("/api/incidents/{id}", || get(incidents::one)),
    ("/api/silences", || get(silences::list).post(silences::make)),
    ("/api/silences/{id}", || get(silences::one).delete(silences::end)),
    ("/api/incidents/{id}/acknowledge", || {
        post(acknowledge::acknowledge)
            .delete(acknowledge::take_back)
            .layer(DefaultBodyLimit::max(acknowledge::MAX_BODY_BYTES))
    }),
    ("/api/incidents/{id}/notes", || {
        post(acknowledge::note).layer(DefaultBodyLimit::max(acknowledge::MAX_BODY_BYTES))
    }),
    ("/api/runs", || {
        get(runs::list).post(runs::start).layer(DefaultBodyLimit::max(runs::MAX_BODY_BYTES))
    }),
    ("/api/runs/{id}", || get(runs::one).delete(runs::cancel)),
    ("/api/runs/{id}/output", || get(runs::output)),
    ("/api/runs/{id}/stream", || get(runs::stream)),
    ("/api/runbooks", || get(runs::runbooks)),
    ("/ack", || get(ack::show).post(ack::press).layer(DefaultBodyLimit::max(ack::MAX_BODY_BYTES))),
    ("/api/rules/files", || get(rule_files::list)),
    ("/api/rules/files/{*file}", || {
        get(rule_files::one)
            .put(rule_files::put)
            .delete(rule_files::remove)
            .layer(DefaultBodyLimit::max(rule_files::MAX_BODY_BYTES))
    }),
    ("/api/rules/check", || {
        post(rule_files::check).layer(DefaultBodyLimit::max(rule_files::MAX_BODY_BYTES))
    }),
    ("/api/sessions", || get(sessions::list)),
    ("/api/sessions/{id}", || delete(sessions::end)),
    ("/api/totp", || get(totp::standing).post(totp::begin)),
    ("/api/totp/confirm", || post(totp::confirm)),
    ("/api/totp/off", || post(totp::turn_off)),
    ("/api/step-up", || post(totp::step_up)),
    ("/api/tokens", || get(tokens::list).post(tokens::make)),
    ("/api/tokens/{id}", || delete(tokens::end)),
    ("/api/users", || get(users::list).post(users::add)),
    ("/api/users/{name}", || patch(users::change).delete(users::remove)),
    ("/api/users/{name}/password", || post(users::new_password)),
    ("/api/users/{name}/totp", || delete(users::reset_totp)),
    ("/api/password", || post(users::own_password)),
    ("/api/audit", || get(audit::list)),
    ("/api/events", || get(events::stream)),
    (ENROL_PATH, || post(enrol::enrol).layer(DefaultBodyLimit::max(MAX_BODY_BYTES))),
    ("/install", || get(install::script)),
    ("/install/watchfire", || get(install::program)),
    ("/stream", || get(stream::stream)),
    ("/metrics", || get(metrics::metrics)),
];

/// What the API answers from.
pub(crate) struct Parts {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) store: Store,
    pub(crate) accounts: Vec<Account>,
    pub(crate) events: Events,
    pub(crate) clock: Clock,
    pub(crate) mail_configured: bool,
    /// The proxies whose word on whom they speak for is believed.
    pub(crate) trusted_proxies: Vec<Network>,
    /// The names that it answers to.
    pub(crate) hosts: HostNames,
    pub(crate) shutdown: Shutdown,
    pub(crate) agents: Arc<Agents>,
    pub(crate) enrolment: Arc<Enrolment>,
    pub(crate) installer: Installer,
    pub(crate) on_stream: OnStream,
    /// What is kept of the past.
    pub(crate) past: Past,
    /// The series that a user may ask about.
    pub(crate) sources: Sources,
    /// Who answers questions about them instead.
    pub(crate) elsewhere: Option<Elsewhere>,
    /// What questions about them may cost.
    pub(crate) question_limits: QuestionLimits,
    /// Who may push series, and where what they push goes.
    pub(crate) senders: Senders,
    pub(crate) pushes: Pushes,
    /// How the handing over to other stores stands.
    pub(crate) hand_overs: HandOvers,
    /// Who is told, and what nobody is told of.
    pub(crate) recipients: Arc<[Recipient]>,
    pub(crate) muting: Arc<Muting>,
    /// Sends tests by channels.
    pub(crate) self_tests: Arc<SelfTests>,
    pub(crate) silences: Arc<Silences>,
    /// Commands on servers.
    pub(crate) runs: Arc<Runs>,
    /// What fires.
    pub(crate) alerts: Arc<AlertDesk>,
    /// Who looks after what, and the links by which letters let their users say so.
    pub(crate) acks: Acks,
    pub(crate) ack_links: Arc<AckLinks>,
    /// Signs the tokens of programs.
    pub(crate) token_key: TokenKey,
    /// Whether this machine needs no login.
    pub(crate) open_on_loopback: bool,
    /// Whether the hub's own disk has room.
    pub(crate) disk: Arc<Disk>,
    /// Rules and their alerts.
    pub(crate) rules: Board,
    /// Files of rules that are made.
    pub(crate) made: Made,
    /// What links begin with.
    pub(crate) public_url: String,
    /// Whether what nobody signed is run only for who showed a second factor a short while ago.
    pub(crate) unsigned_runs_need_proof: bool,
    /// What users show besides their passwords.
    pub(crate) factors: Factors,
}

struct App {
    parts: Parts,
    started: Moment,
    /// Those who may log in.
    people: People,
    tokens: ApiTokens,
    sessions: Sessions,
    limiter: Mutex<LoginLimiter>,
    hashing: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// Streams of agents that were removed.
    removed: Rarely,
    recall: Recall,
    questions: Questions,
    /// For a rehearsal of rules.
    rehearsing: Arc<Semaphore>,
    /// For the reading of files of rules that somebody writes.
    checking: Arc<Semaphore>,
    writing: Writing,
    posting: Posting,
    open: OpenDoor,
    ack_pace: ack::Pace,
    audit: Audit,
}

type AppState = Arc<App>;

/// The names that the hub answers to: the one in `public_url`, this machine's,
/// and the one that its certificate has for agents.
pub(crate) fn hosts(public_url: &str) -> HostNames {
    let public = host_and_port(public_url).0;
    let uname = rustix::system::uname();
    let own = uname.nodename().to_str().unwrap_or("");
    HostNames::new([public, own, HUB_NAME])
}

/// Answers requests by `router`.
pub(crate) fn answer(
    router: Router,
) -> impl Fn(Peer, Request) -> BoxFuture<'static, Response> + Clone + Send + 'static {
    move |peer, mut request| {
        request.extensions_mut().insert(peer);
        let answering = router.clone().oneshot(request);
        Box::pin(async move {
            match answering.await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        })
    }
}

/// Every route of the hub.
pub(crate) fn router(parts: Parts) -> Router {
    routes(state(parts))
}

fn state(mut parts: Parts) -> AppState {
    // From here on they change, and `people` alone knows them.
    let accounts = std::mem::take(&mut parts.accounts);
    let mut named: Vec<_> = parts.recipients.iter().map(|user| user.name.clone()).collect();
    named.sort();
    let people = People::open(parts.store.clone(), accounts, named);
    let tokens = ApiTokens::open(parts.store.clone(), |user, epoch| {
        let account = people.find(user);
        account.is_some_and(|account| tokens::epoch(&parts.token_key, &account) == epoch)
    });
    let started = parts.clock.now();
    let audit = Audit::new(parts.store.clone(), parts.clock.clone());
    let questions = Questions::new(parts.sources.clone(), parts.question_limits.clone());
    Arc::new(App {
        parts,
        started,
        people,
        tokens,
        sessions: Sessions::default(),
        limiter: Mutex::new(LoginLimiter::new()),
        hashing: Arc::new(Semaphore::new(MAX_HASHING)),
        waiting: Arc::new(Semaphore::new(MAX_WAITING)),
        removed: Rarely::default(),
        recall: Recall::default(),
        questions,
        rehearsing: Arc::new(Semaphore::new(1)),
        checking: Arc::new(Semaphore::new(rule_files::AT_A_TIME)),
        writing: Writing::default(),
        posting: Posting::default(),
        open: OpenDoor::default(),
        ack_pace: ack::Pace::default(),
        audit,
    })
}

/// Does what must not be left half-way when whoever asked goes away.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Refusal> {
    let (tell, told) = oneshot::channel();
    task::spawn("change", async move { drop(tell.send(work.await)) }).detach();
    told.await.map_err(Refusal::fault)
}

fn routes(app: AppState) -> Router {
    let routes = Router::new().merge(page::routes());
    let ours = ROUTES.iter().chain(&prometheus::ROUTES).chain(&alertmanager::ROUTES);
    let routes = ours.fold(routes, |router, (path, answer)| router.route(path, answer()));
    routes
        .fallback(reply::no_such_path)
        .method_not_allowed_fallback(reply::wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(app.clone(), audit::outcome))
        .layer(middleware::from_fn_with_state(app.clone(), headers::guard))
        .with_state(app)
}

/// `GET /healthz`: that the hub answers, and whether its disk has room: it is well even without.
async fn healthz(State(app): State<AppState>) -> Json<serde_json::Value> {
    let disk = if app.parts.disk.full_since().is_some() { "full" } else { "ok" };
    Json(serde_json::json!({ "status": "ok", "disk": disk }))
}

#[cfg(test)]
mod tests;
