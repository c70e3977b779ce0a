use std::sync::Arc;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Response, StatusCode};
use axum::response::IntoResponse;
use watchfire_api::fallback::{Exchange, MAX_EXCHANGE_BYTES};
use watchfire_identity::certificate::AgentId;

use super::{App, reply, who};

/// `POST /fallback`: another agent of the same hub tells what it sees of it, and asks the same.
/// Whoever is not one of those that the hub named hears what every neighbour hears.
pub(super) async fn exchange(
    app: &Arc<App>,
    agent: AgentId,
    request: Request<Body>,
) -> Response<Body> {
    let desk = app.uplink.fallback.as_ref().filter(|desk| desk.knows(agent));
    let Some(desk) = desk.filter(|_| request.method() == Method::POST) else {
        return who::nothing_for_neighbours();
    };
    let body = to_bytes(request.into_body(), MAX_EXCHANGE_BYTES).await.ok();
    let said = body.and_then(|body| serde_json::from_slice::<Exchange>(&body).ok());
    let Some(said) = said else {
        return reply::closing(StatusCode::BAD_REQUEST, "this is no exchange between agents");
    };
    match desk.answer(agent, &said, app.clock.now()) {
        Some(answer) => Json(answer).into_response(),
        None => reply::closing(StatusCode::TOO_MANY_REQUESTS, "this is asked too often"),
    }
}
