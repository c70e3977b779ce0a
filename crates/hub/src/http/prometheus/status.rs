//! What Prometheus tells of itself, and what the hub has none of.

use axum::response::Response;
use serde_json::json;

use super::answer;
use super::error::ApiError;
use super::notes::Notes;
use super::params::Params;
use crate::http::asker::Asker;

/// The version whose interface this is. Front ends choose by it what they may ask for; what
/// follows the plus is ours, and does not count when versions are compared (semver, section 10).
const VERSION: &str = concat!("3.5.0+watchfire.", env!("CARGO_PKG_VERSION"));

/// `/api/v1/status/buildinfo`
pub(super) async fn build_info(_: Asker) -> Response {
    let data = json!({
        "version": VERSION,
        "revision": "",
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    });
    answer::data(&data, &Notes::default())
}

/// `/api/v1/rules?type=`: the hub has no rules yet.
pub(super) async fn rules(_: Asker, params: Params) -> Result<Response, ApiError> {
    match params.get("type") {
        None | Some("alert" | "record") => {}
        Some(other) => {
            return Err(ApiError::parameter("type", format!("not supported value {other:?}")));
        }
    }
    Ok(answer::data(&json!({ "groups": [] }), &Notes::default()))
}

/// `/api/v1/alerts`: without rules there are no alerts.
pub(super) async fn alerts(_: Asker) -> Response {
    answer::data(&json!({ "alerts": [] }), &Notes::default())
}

/// `/api/v1/alertmanagers`: the hub tells its users itself.
pub(super) async fn alertmanagers(_: Asker) -> Response {
    let data = json!({ "activeAlertmanagers": [], "droppedAlertmanagers": [] });
    answer::data(&data, &Notes::default())
}
