//! What Prometheus tells of itself, and what the hub has none of.

use axum::response::Response;
use serde_json::json;

use super::answer;
use super::notes::Notes;
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

/// `/api/v1/alertmanagers`: the hub tells its users itself.
pub(super) async fn alertmanagers(_: Asker) -> Response {
    let data = json!({ "activeAlertmanagers": [], "droppedAlertmanagers": [] });
    answer::data(&data, &Notes::default())
}
