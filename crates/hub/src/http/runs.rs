//! Commands on servers: `/api/runs` and `/api/runbooks`. Only operators and administrators get
//! here, and what a server said is told to those alone who see it.

mod stream;
mod wish;

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use watchfire_api::runs::{RunList, RunOutput, RunRow, RunWish, RunbookList};
use watchfire_identity::Action;

use super::AppState;
use super::asker::Asker;
use super::changer::Changer;
use super::reply::Refusal;
use crate::runs::{Job, NoRun};
pub(super) use stream::stream;

/// The largest wish, in bytes: ten thousand names, an envelope and what the command reads.
pub(super) const MAX_BODY_BYTES: usize = 4 << 20;
/// How many runs are listed when the asker does not say, and at most.
const USUAL_LIMIT: usize = 20;
const MOST: usize = 100;
/// How long somebody may wait for a change: a request has ten seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// What `GET /api/runs` may be asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    limit: Option<usize>,
}

/// What `GET /api/runs/{id}` may be asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OneQuery {
    /// The last change that the asker knows of: the answer waits for another one.
    since: Option<u64>,
    /// How long it waits, in milliseconds.
    wait_ms: Option<u64>,
    /// Whether the servers are told one by one.
    targets: Option<bool>,
}

/// What `GET /api/runs/{id}/output` may be asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OutputQuery {
    after: Option<u32>,
}

/// `GET /api/runs?limit=N`: newest first.
pub(super) async fn list(
    State(app): State<AppState>,
    asker: Asker,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<RunList>, Refusal> {
    may_look(&asker)?;
    let Query(query) = query.map_err(|error| bad(&error, "use limit=NUMBER"))?;
    let limit = query.limit.unwrap_or(USUAL_LIMIT).min(MOST);
    let runs = app.parts.runs.list(&asker.account.scope, limit).await?;
    Ok(Json(RunList { runs }))
}

/// `POST /api/runs`
pub(super) async fn start(
    State(app): State<AppState>,
    changer: Changer,
    body: Result<Json<RunWish>, JsonRejection>,
) -> Result<(StatusCode, Json<RunRow>), Refusal> {
    changer.may(Action::Run)?;
    let Json(wish) = body.map_err(|error| Refusal::new(error.status(), error.body_text()))?;
    let account = &changer.account;
    let wish = wish::wanted(wish, &account.name)?;
    if !matches!(wish.job, Job::Signed { .. }) {
        changer.may_run_unsigned(&app)?;
    }
    let id = app.parts.runs.start(account, wish).await?;
    let row = app.parts.runs.one(&account.scope, &id).await?;
    Ok((StatusCode::CREATED, Json(row)))
}

/// `GET /api/runs/{id}?since=CHANGE&wait_ms=N&targets=false`
pub(super) async fn one(
    State(app): State<AppState>,
    asker: Asker,
    Path(id): Path<String>,
    query: Result<Query<OneQuery>, QueryRejection>,
) -> Result<Json<RunRow>, Refusal> {
    may_look(&asker)?;
    let hint = "use since=CHANGE with wait_ms=MILLISECONDS, and targets=true or false";
    let Query(query) = query.map_err(|error| bad(&error, hint))?;
    let (runs, scope) = (&app.parts.runs, &asker.account.scope);
    let mut row = runs.one(scope, &id).await?;
    if let (Some(since), Some(mut changes)) = (query.since, runs.changes(&id)) {
        let wait = Duration::from_millis(query.wait_ms.unwrap_or(0)).min(LONGEST_WAIT);
        // Other servers' changes may end it early; it is asked again then.
        let changed = async { drop(changes.wait_for(|now| *now > since).await) };
        let _ = app.parts.clock.within(wait, changed).await;
        row = runs.one(scope, &id).await?;
    }
    if query.targets == Some(false) {
        row.targets = Vec::new();
    }
    Ok(Json(row))
}

/// `DELETE /api/runs/{id}`: it is ended where it runs and not begun elsewhere.
pub(super) async fn cancel(
    State(app): State<AppState>,
    changer: Changer,
    Path(id): Path<String>,
) -> Result<Json<RunRow>, Refusal> {
    changer.may(Action::Run)?;
    app.parts.runs.cancel(&changer.account, &id).await?;
    Ok(Json(app.parts.runs.one(&changer.account.scope, &id).await?))
}

/// `GET /api/runs/{id}/output?after=PLACE`
pub(super) async fn output(
    State(app): State<AppState>,
    asker: Asker,
    Path(id): Path<String>,
    query: Result<Query<OutputQuery>, QueryRejection>,
) -> Result<Json<RunOutput>, Refusal> {
    may_look(&asker)?;
    let Query(query) = query.map_err(|error| bad(&error, "use after=NUMBER"))?;
    let after = query.after.unwrap_or(0);
    Ok(Json(app.parts.runs.output(&asker.account.scope, &id, after).await?))
}

/// `GET /api/runbooks`
pub(super) async fn runbooks(
    State(app): State<AppState>,
    asker: Asker,
) -> Result<Json<RunbookList>, Refusal> {
    may_look(&asker)?;
    Ok(Json(app.parts.runs.runbooks(&asker.account.scope)))
}

impl From<NoRun> for Refusal {
    fn from(error: NoRun) -> Self {
        match &error {
            NoRun::Unknown => Self::not_found("run"),
            NoRun::Store(error) => Self::fault(error),
            NoRun::Wrong(why) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, why.as_str()),
            NoRun::TooMany => Self::new(StatusCode::TOO_MANY_REQUESTS, error.to_string()),
        }
    }
}

fn may_look(asker: &Asker) -> Result<(), Refusal> {
    match asker.may(Action::Run) {
        true => Ok(()),
        false => Err(Refusal::new(StatusCode::FORBIDDEN, "your role does not allow that")),
    }
}

fn bad(error: &QueryRejection, hint: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, format!("{}: {hint}", error.body_text()))
}
