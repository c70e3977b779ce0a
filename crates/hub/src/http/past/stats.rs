use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use watchfire_api::agent::StatsReply;
use watchfire_api::past::ServerStats;
use watchfire_model::Status;

use super::super::AppState;
use super::super::asker::Asker;
use super::super::reply::Refusal;
use super::{bad, moment, nothing_then};

/// What `GET /api/servers/{name}/stats` may be asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct StatsQuestion {
    at: Option<String>,
}

/// `GET /api/servers/{name}/stats?at=`: the newest status, or the last one at a moment or
/// before it.
pub(in crate::http) async fn stats(
    State(app): State<AppState>,
    asker: Asker,
    Path(name): Path<String>,
    query: Result<Query<StatsQuestion>, QueryRejection>,
) -> Result<Json<ServerStats>, Refusal> {
    let index = app.server_in(&asker.account.scope, &name)?;
    let Query(query) =
        query.map_err(|error| bad(format!("{}: use at=MOMENT", error.body_text())))?;
    let (fleet, now_ms) = (&app.parts.fleet, app.parts.clock.now().unix_ms);
    let server = fleet.config(index).server.name.clone();
    let asked = query.at.as_deref().map(|text| moment("at", text, now_ms)).transpose()?;
    let answer = |status: &Status| {
        Json(ServerStats {
            server: server.to_string(),
            asked_unix_ms: asked,
            at_unix_ms: status.at.unix_ms,
            status: StatsReply::from(status),
        })
    };
    if asked.is_none()
        && let Some((_, newest)) = fleet.snapshot(index).status
    {
        return Ok(answer(&newest));
    }
    let (of, at_ms) = (server.clone(), asked.unwrap_or(now_ms));
    let found = app.parts.past.ask(move |recorded, _| recorded.status_at(&of, at_ms)).await?;
    found.as_ref().map(answer).ok_or_else(|| nothing_then(&server))
}
