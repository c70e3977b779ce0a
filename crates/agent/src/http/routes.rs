use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Method, Request, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::any;
use axum::{Extension, Json, Router};
use watchfire_api::agent::{ProcessRow, StatsReply};
use watchfire_api::enrol::ADOPT_PATH;
use watchfire_identity::Scope;
use watchfire_runtime::socket::upgrade;
use watchfire_runtime::task;

use super::auth::{Place, authorise};
use super::processes::Question;
use super::reply::Refusal;
use super::who::{self, Opener};
use super::{App, Peer, adopt, details, login, metrics, reply, run};
use crate::sampler::with_rates;
use crate::uplink;
use crate::uplink::session::{self, Begun};

/// How long the first callers wait for the second reading, which has rates.
const PATIENCE: Duration = Duration::from_secs(2);

/// Every path that the agent answers. `/healthz` and `/login` need no token,
/// `/adopt` an open invitation, and `/stream` none of the hub's own certificate;
/// `tests/access.rs` and `tests/tls.rs` hold the whole table.
const PATHS: [&str; 8] =
    ["/healthz", "/login", "/stats", "/processlist", RUN_PATH, "/metrics", "/stream", ADOPT_PATH];

/// The one path whose answer takes as long as a command does.
pub(super) const RUN_PATH: &str = "/run";

/// The name of a path for the log.
pub(super) fn name(path: &str) -> &'static str {
    PATHS.into_iter().find(|known| *known == path).unwrap_or("other")
}

/// Handlers take every method and look at it after the token, so that without
/// one nothing but 401 is to be seen.
pub(super) fn all() -> Router {
    Router::new()
        .route("/healthz", any(healthz))
        .route("/login", any(login_route))
        .route("/stats", any(stats))
        .route("/processlist", any(processlist))
        .route(RUN_PATH, any(run_route))
        .route("/metrics", any(metrics_route))
        .route("/stream", any(stream_route))
        .route(ADOPT_PATH, any(adopt_route))
        .fallback(nothing_here)
}

type TheApp = Extension<Arc<App>>;

type Answer = Result<Response<Body>, Refusal>;

async fn healthz(method: Method) -> Answer {
    if reads(&method) {
        Ok("ok\n".into_response())
    } else {
        Err(reply::wrong_method("GET, HEAD").into())
    }
}

async fn login_route(
    Extension(app): TheApp,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Answer {
    login::login(app, peer, request).await
}

async fn stats(Extension(app): TheApp, request: Request<Body>) -> Answer {
    let (parts, _) = request.into_parts();
    may_read(&app, &parts)?;
    let sample = with_rates(&app.samples.status, &app.clock, PATIENCE).await;
    let sample = sample.ok_or_else(not_yet)?;
    Ok(Json(StatsReply::from(&sample.value)).into_response())
}

async fn processlist(Extension(app): TheApp, request: Request<Body>) -> Answer {
    let (parts, _) = request.into_parts();
    may_read(&app, &parts)?;
    let question = Question::read(&parts.uri)
        .map_err(|words| reply::message(StatusCode::BAD_REQUEST, words))?;
    app.samples.demand.ask(app.clock.now());
    let sample = with_rates(&app.samples.processes, &app.clock, PATIENCE).await;
    let sample = sample.ok_or_else(not_yet)?;
    let rows = question.answer(&sample.value.processes);
    if !question.details() {
        return Ok(Json(rows.into_iter().map(ProcessRow::from).collect::<Vec<_>>()).into_response());
    }
    let named = rows.into_iter().map(|row| (ProcessRow::from(row), row.start_time_ms));
    let rows = details::fill(&app, named.take(details::MAX_DETAILED).collect()).await?;
    Ok(Json(rows).into_response())
}

async fn run_route(Extension(app): TheApp, request: Request<Body>) -> Answer {
    run::run(&app, request).await
}

async fn metrics_route(
    Extension(app): TheApp,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Answer {
    let (parts, _) = request.into_parts();
    metrics::metrics(&app, peer, &parts).await
}

/// A hub that comes with an invitation.
async fn adopt_route(
    Extension(app): TheApp,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Answer {
    adopt::adopt(app, peer, request).await
}

/// A hub that shows its certificate needs no token.
async fn stream_route(
    Extension(app): TheApp,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Answer {
    let (parts, body) = request.into_parts();
    let begun = match who::opener(&app, &peer, &parts)? {
        Opener::Hub { pulse_key } => Begun::Taken { pulse_key },
        Opener::User(user) => Begun::Token { user },
    };
    let request = Request::from_parts(parts, body);
    let place = app.take_stream();
    let Ok((response, opening)) = upgrade(request, uplink::LIMITS) else {
        let words = "this path is a WebSocket: ask for an upgrade with GET";
        return Err(reply::message(StatusCode::UPGRADE_REQUIRED, words).into());
    };
    let place = place.ok_or_else(|| {
        app.counters.streams_refused.add(1);
        let words = "all streams of this agent are taken: close another one";
        reply::message(StatusCode::SERVICE_UNAVAILABLE, words)
    })?;
    let up = Arc::clone(&app.uplink);
    let streamed = async move {
        match opening.await {
            Ok(socket) => drop(session::run(up, socket, begun).await),
            Err(error) => tracing::debug!(%error, "a stream did not begin"),
        }
        drop(place);
    };
    // A task of our own, so that a panic in it is seen and counted.
    task::spawn("stream", async move { drop(task::spawn("session", streamed).join().await) })
        .detach();
    Ok(response)
}

async fn nothing_here() -> Response<Body> {
    reply::message(StatusCode::NOT_FOUND, "there is nothing here: see /stats and /processlist")
}

/// A token that opens reading, and a method that reads.
fn may_read(app: &App, parts: &Parts) -> Result<(), Refusal> {
    authorise(app, parts, Place::HeaderOrQuery, &[Scope::Read])?;
    if reads(&parts.method) { Ok(()) } else { Err(reply::wrong_method("GET, HEAD").into()) }
}

/// True for a method that changes nothing.
pub(super) fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn not_yet() -> Response<Body> {
    reply::message(StatusCode::SERVICE_UNAVAILABLE, "nothing was read yet: come again in a second")
}
