//! For whoever only wants to know whether the hub answers.

use axum::extract::State;
use axum::http::StatusCode;

use crate::http::AppState;

/// `/-/healthy`
pub(super) async fn healthy() -> &'static str {
    "Watchfire is healthy.\n"
}

/// `/-/ready` and `/readyz`: the hub listens once it can answer, and stops before it ends.
pub(super) async fn ready(State(app): State<AppState>) -> (StatusCode, &'static str) {
    if app.parts.shutdown.is_requested() {
        (StatusCode::SERVICE_UNAVAILABLE, "Watchfire is ending.\n")
    } else {
        (StatusCode::OK, "Watchfire is ready.\n")
    }
}
