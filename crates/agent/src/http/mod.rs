//! What the agent answers: the interface of the first system, in the order
//! framing, `Host`, path, token, method.

mod app;
mod auth;
mod host;
mod login;
mod path;
mod processes;
mod reply;
mod routes;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::{Request, Response, StatusCode};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use tower::ServiceExt;
use watchfire_runtime::http::Peer;

pub(crate) use app::{About, App, Parts};
pub(crate) use host::{HostNames, is_host_name};

/// How long a request may take once its header is there, body included.
const REQUEST_TIME: Duration = Duration::from_secs(10);

/// Answers one request.
pub(crate) async fn handle(
    app: Arc<App>,
    peer: Peer,
    request: Request<Incoming>,
) -> Response<Body> {
    let method = request.method().clone();
    let answered = app.clock.within(REQUEST_TIME, answer(&app, peer, request)).await;
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
    request: Request<Incoming>,
) -> (&'static str, Response<Body>) {
    // hyper would take it where a proxy in front might not, and then both would
    // see different requests.
    if request.headers().contains_key(header::TRANSFER_ENCODING) {
        let words = "send the body with a Content-Length, not with a Transfer-Encoding";
        return ("", reply::closing(StatusCode::BAD_REQUEST, words));
    }
    if let Err(refusal) = app.hosts.check(&request) {
        return ("", refusal.into_response());
    }
    let mut request = request.map(Body::new);
    *request.uri_mut() = path::normal(request.uri());
    let route = routes::name(request.uri().path());
    request.extensions_mut().insert(peer);
    request.extensions_mut().insert(Arc::clone(app));
    let answer = app.router().oneshot(request).await;
    match answer {
        Ok(response) => (route, response),
        Err(never) => match never {},
    }
}
