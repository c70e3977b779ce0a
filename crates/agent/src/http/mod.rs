//! What the agent answers: the interface of the first system, in the order
//! framing, `Host`, path, token, method.

mod adopt;
mod app;
mod auth;
mod details;
mod fallback;
mod login;
mod metrics;
mod path;
mod processes;
mod reply;
mod routes;
mod run;
mod who;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::{Request, Response, StatusCode};
use tower::ServiceExt;
use watchfire_api::fallback::FALLBACK_PATH;
use watchfire_runtime::http::{HostError, Peer};

pub(crate) use app::{App, Parts};
pub(crate) use watchfire_runtime::http::{HostNames, is_host_name};

/// How long a request may take once its header is there, body included.
const REQUEST_TIME: Duration = Duration::from_secs(10);

/// Answers one request.
pub(crate) async fn handle(app: Arc<App>, peer: Peer, request: Request<Body>) -> Response<Body> {
    let method = request.method().clone();
    let time = if path::normal(request.uri()).path() == routes::RUN_PATH {
        run::RUN_TIME
    } else {
        REQUEST_TIME
    };
    let answered = app.clock.within(time, answer(&app, peer.clone(), request)).await;
    let (route, mut response) = answered.unwrap_or_else(|| {
        ("", reply::closing(StatusCode::REQUEST_TIMEOUT, "the request took too long"))
    });
    // Neither path nor query are logged: a token may be in either.
    tracing::debug!(%method, route, status = response.status().as_u16(), peer = %peer.remote, "answered");
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn answer(
    app: &Arc<App>,
    peer: Peer,
    request: Request<Body>,
) -> (&'static str, Response<Body>) {
    // hyper would take it where a proxy in front might not, and then both would
    // see different requests.
    if request.headers().contains_key(header::TRANSFER_ENCODING) {
        let words = "send the body with a Content-Length, not with a Transfer-Encoding";
        return ("", reply::closing(StatusCode::BAD_REQUEST, words));
    }
    let caller = who::caller(&peer);
    if let who::Caller::Neighbour(agent) = caller {
        return match agent.filter(|_| request.uri().path() == FALLBACK_PATH) {
            Some(agent) => (FALLBACK_PATH, fallback::exchange(app, agent, request).await),
            None => ("", who::nothing_for_neighbours()),
        };
    }
    let normal = path::normal(request.uri());
    let route = routes::name(normal.path());
    // A hub may call this machine by any name, and it is no browser that a name
    // could lead astray: it has shown its certificate or has to show a secret.
    let by_browser = caller == who::Caller::Stranger
        && !(route == watchfire_api::enrol::ADOPT_PATH && peer.tls.is_some());
    if by_browser && let Err(error) = app.hosts.check(&request) {
        return ("", reply::closing(error.status(), foreign_host(error)));
    }
    let mut request = request;
    *request.uri_mut() = normal;
    request.extensions_mut().insert(peer);
    request.extensions_mut().insert(Arc::clone(app));
    let answer = app.router().oneshot(request).await;
    match answer {
        Ok(response) => (route, response),
        Err(never) => match never {},
    }
}

/// The words for a host that is not ours, with what to do about it.
fn foreign_host(error: HostError) -> String {
    match error {
        HostError::Foreign => {
            format!("{error}: use this agent's address, or add the name to `hosts` in agent.toml")
        }
        _ => error.to_string(),
    }
}
