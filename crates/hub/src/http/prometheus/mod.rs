//! The HTTP interface of Prometheus 3 over the fleet's series, so that what asks Prometheus can
//! ask the hub: `/api/v1/…`, `/federate`, `/-/ready` and its kin.
//!
//! ```text
//! who (http::asker) -> params -> questions (turn, time limit) -> promql over the user's series
//!                                                                         |
//! client <- pieces of text, written as they are taken (body) <------------+
//! ```
//!
//! Every answer holds the series of the user's servers alone: the source is made for the user's
//! scope, so that nothing here could forget to look.

mod answer;
mod body;
mod elsewhere;
mod error;
mod federate;
mod health;
mod json;
mod listing;
mod names;
mod notes;
mod params;
mod query;
mod questions;
mod rules;
mod status;
mod targets;
mod write;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use watchfire_model::{Scope, SeriesSource};

use super::{AppState, Route};
use crate::http::asker::Asker;
pub(crate) use elsewhere::Elsewhere;
use error::ApiError;
use params::Params;
pub(crate) use questions::QuestionLimits;
pub(super) use questions::Questions;
pub(super) use write::Writing;

/// Makes the source of the series that a user with this scope may see.
pub(crate) type Sources = Arc<dyn Fn(&Scope) -> Box<dyn SeriesSource> + Send + Sync>;

/// The largest form, in bytes: a question may be as long as the language allows, and its
/// escapes make it longer.
const MAX_FORM: usize = 256 << 10;

/// A path that takes its parameters from the address or from a form.
macro_rules! asked {
    ($path:literal, $handler:path) => {
        ($path, || get($handler).merge(post($handler)).layer(DefaultBodyLimit::max(MAX_FORM)))
    };
}

/// The paths of Prometheus.
pub(super) const ROUTES: [Route; 18] = [
    asked!("/api/v1/query", query::instant),
    asked!("/api/v1/query_range", query::range),
    asked!("/api/v1/query_exemplars", query::exemplars),
    asked!("/api/v1/format_query", query::format),
    asked!("/api/v1/series", listing::series),
    asked!("/api/v1/labels", listing::label_names),
    ("/api/v1/label/{name}/values", || get(listing::label_values)),
    ("/api/v1/metadata", || get(listing::metadata)),
    ("/api/v1/targets", || get(targets::targets)),
    ("/api/v1/rules", || get(rules::rules)),
    ("/api/v1/alerts", || get(rules::alerts)),
    ("/api/v1/alertmanagers", || get(status::alertmanagers)),
    ("/api/v1/status/buildinfo", || get(status::build_info)),
    ("/api/v1/write", || post(write::write)),
    ("/federate", || get(federate::federate)),
    ("/-/ready", || get(health::ready)),
    ("/-/healthy", || get(health::healthy)),
    ("/readyz", || get(health::ready)),
];

/// What another store answers, where one has the history and the asker has servers.
async fn elsewhere(
    app: &AppState,
    asker: &Asker,
    path: &str,
    params: &Params,
) -> Result<Option<axum::response::Response>, ApiError> {
    match &app.parts.elsewhere {
        Some(elsewhere) => elsewhere.ask(path, params, asker, &app.parts.fleet).await,
        None => Ok(None),
    }
}
