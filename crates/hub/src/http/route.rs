//! Who would be told of a server, when and how.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use watchfire_alert::Recipient;
use watchfire_alert::told::{News, Telling};
use watchfire_api::route::{Muted, Route, RouteRow};
use watchfire_api::when::{WHEN_HINT, read_moment};
use watchfire_identity::Action;
use watchfire_model::{Channel, Severity};

use super::AppState;
use super::asker::Asker;
use super::reply::Refusal;
use crate::desk::severity;

const HINT: &str = "use severity=info, warning or critical, and at=MOMENT";

/// What `GET /api/servers/{name}/route` may be asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteQuestion {
    severity: Option<String>,
    at: Option<String>,
}

/// `GET /api/servers/{name}/route?severity=&at=`: a viewer is shown only how they would be told
/// themselves.
pub(super) async fn route(
    State(app): State<AppState>,
    asker: Asker,
    Path(name): Path<String>,
    query: Result<Query<RouteQuestion>, QueryRejection>,
) -> Result<Json<Route>, Refusal> {
    let index = app.server_in(&asker.account.scope, &name)?;
    let Query(query) = query.map_err(|error| bad(&error.body_text()))?;
    let config = app.parts.fleet.config(index);
    let labels = &config.server.labels;
    let severity = match query.severity.as_deref() {
        Some(word) => Severity::parse(word).ok_or_else(|| bad("no such severity"))?,
        None => severity(labels),
    };
    let now_ms = app.parts.clock.now().unix_ms;
    let at_ms = match query.at.as_deref() {
        Some(text) => read_moment(text, now_ms).ok_or_else(|| bad(WHEN_HINT))?,
        None => now_ms,
    };
    let knows_all = asker.may(Action::ViewDeliveries);
    let known = |user: &&Recipient| knows_all || user.name == asker.account.name;
    let news = News { labels, severity };
    let users = app.parts.recipients.iter().filter(known);
    let users = users.filter_map(|user| row(user, &user.telling(&news, at_ms)));
    let muted = app.parts.muting.planned(labels, at_ms);
    Ok(Json(Route {
        server: config.server.name.to_string(),
        severity: severity.to_string(),
        at_unix_ms: at_ms,
        muted: muted.map(|mute| Muted { why: mute.why, until_unix_ms: mute.until_ms }),
        users: users.collect(),
    }))
}

fn row(user: &Recipient, telling: &Telling<'_>) -> Option<RouteRow> {
    let (told, channels, not_before_unix_ms) = match telling {
        Telling::NotTheirs => return None,
        Telling::Muted(_) | Telling::Unreachable => (false, &[][..], None),
        Telling::Told { channels, not_before_ms, .. } => (true, *channels, *not_before_ms),
    };
    Some(RouteRow {
        user: user.name.clone(),
        told,
        words: telling.to_string(),
        not_before_unix_ms,
        channels: channels.iter().map(shown).collect(),
    })
}

/// A mail address is no secret; what stands in other channels may be one.
pub(super) fn shown(channel: &Channel) -> String {
    match channel.scheme() {
        "mailto" | "terminal" => channel.as_str().to_owned(),
        scheme => format!("{scheme}://…"),
    }
}

fn bad(why: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, format!("{why}: {HINT}"))
}
