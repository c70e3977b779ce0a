//! The page and the API. Every path but the page's own files and the login is
//! behind a session, a role and the scope of the user's servers; what a user
//! may not know of is answered like what does not exist.

mod events;
mod guard;
mod headers;
mod incidents;
mod login;
mod page;
mod reply;
mod rows;
mod servers;
mod session;

use std::sync::{Arc, Mutex};

use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::sync::Semaphore;
use watchfire_identity::limit::LoginLimiter;
use watchfire_model::Moment;
use watchfire_runtime::{Clock, Shutdown};
use watchfire_store::Store;

use crate::accounts::Account;
use crate::events::Events;
use crate::fleet::Fleet;
use session::Sessions;

/// The largest request body, in bytes.
const MAX_BODY: usize = 64 << 10;
/// Passwords that are hashed at a time: each takes 19 MiB and a core.
const MAX_HASHING: usize = 2;
/// Logins that wait for their turn; further ones are told to come again.
const MAX_WAITING: usize = 64;

/// What the API answers from.
pub(crate) struct Parts {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) store: Store,
    pub(crate) accounts: Vec<Account>,
    pub(crate) events: Events,
    pub(crate) clock: Clock,
    pub(crate) mail_configured: bool,
    pub(crate) shutdown: Shutdown,
}

struct App {
    parts: Parts,
    started: Moment,
    sessions: Sessions,
    limiter: Mutex<LoginLimiter>,
    hashing: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

type AppState = Arc<App>;

/// Every route of the hub.
pub(crate) fn router(parts: Parts) -> Router {
    let started = parts.clock.now();
    let app = Arc::new(App {
        parts,
        started,
        sessions: Sessions::default(),
        limiter: Mutex::new(LoginLimiter::new()),
        hashing: Arc::new(Semaphore::new(MAX_HASHING)),
        waiting: Arc::new(Semaphore::new(MAX_WAITING)),
    });
    let api = Router::new()
        .route("/login", post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/me", get(login::me))
        .route("/servers", get(servers::list))
        .route("/servers/{name}", get(servers::one))
        .route("/servers/{name}/processes", get(servers::processes))
        .route("/incidents", get(incidents::list))
        .route("/incidents/{id}", get(incidents::one))
        .route("/events", get(events::stream))
        .fallback(reply::no_such_path);
    Router::new()
        .route("/healthz", get(|| async { Json(serde_json::json!({ "status": "ok" })) }))
        .nest("/api", api)
        .merge(page::routes())
        .fallback(reply::no_such_path)
        .method_not_allowed_fallback(reply::wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn(headers::guard))
        .with_state(app)
}
