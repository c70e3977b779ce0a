use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use watchfire_api::past::{RunList, RunRow};

use super::super::AppState;
use super::super::asker::Asker;
use super::super::reply::Refusal;
use super::{Ran, RunsAsked, bad, span};

/// The time that is looked through when the caller does not say.
const USUAL_SPAN: Duration = Duration::from_secs(24 * 3600);
/// How many runs are listed when the caller does not say, and at most.
const USUAL_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;
/// The longest name that is looked for, in bytes. The kernel's own have 15.
const MAX_NAME_BYTES: usize = 256;

const HINT: &str = "use name=NAME, from=MOMENT, to=MOMENT and limit=NUMBER";

/// What `GET /api/processes` may be asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct RunsQuestion {
    name: String,
    from: Option<String>,
    to: Option<String>,
    limit: Option<usize>,
}

/// `GET /api/processes?name=NAME&from=&to=&limit=`: every server and time where a process
/// of that name ran, newest first.
pub(in crate::http) async fn runs(
    State(app): State<AppState>,
    asker: Asker,
    query: Result<Query<RunsQuestion>, QueryRejection>,
) -> Result<Json<RunList>, Refusal> {
    let Query(query) = query.map_err(|error| bad(format!("{}: {HINT}", error.body_text())))?;
    if query.name.is_empty() || query.name.len() > MAX_NAME_BYTES {
        return Err(bad(format!("name is a process's short name, up to 15 letters: {HINT}")));
    }
    let now_ms = app.parts.clock.now().unix_ms;
    let (from_ms, to_ms) = span(query.from.as_deref(), query.to.as_deref(), USUAL_SPAN, now_ms)?;
    let limit = query.limit.unwrap_or(USUAL_LIMIT).clamp(1, MAX_LIMIT);
    let asked = RunsAsked { name: query.name, from_ms, to_ms, limit: limit + 1 };
    let scope = asker.account.scope.clone();
    let found = app.parts.past.ask(move |recorded, _| recorded.runs_of(&scope, &asked)).await?;
    // A server may have left the caller's scope while that was read.
    let fleet = &app.parts.fleet;
    let seen = |ran: &Ran| {
        let index = fleet.index(&ran.server);
        index.is_some_and(|index| asker.sees(&fleet.config(index).server.labels))
    };
    let mut runs: Vec<RunRow> = found.into_iter().filter(seen).map(row).collect();
    let more = runs.len() > limit;
    runs.truncate(limit);
    Ok(Json(RunList { runs, more }))
}

fn row(ran: Ran) -> RunRow {
    RunRow {
        server: ran.server.to_string(),
        from_unix_ms: ran.from_ms,
        to_unix_ms: ran.to_ms,
        pids: ran.pids,
        processes: ran.processes,
    }
}
