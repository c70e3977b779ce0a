use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use watchfire_api::agent::ProcessRow;
use watchfire_api::hub::ProcessList;
use watchfire_model::{ProcessQuery, ProcessSort, ProcessTable};

use super::super::AppState;
use super::super::asker::Asker;
use super::super::reply::Refusal;
use super::{bad, moment, nothing_then};

/// How many processes are listed when the caller does not say.
const USUAL_TOP: usize = 50;

/// What `GET /api/servers/{name}/processes` may be asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ProcessQuestion {
    at: Option<String>,
    #[serde(alias = "limit")]
    top: Option<usize>,
    sort: Option<String>,
    name: Option<String>,
}

const QUESTION_HINT: &str =
    "use at=MOMENT, top=NUMBER (or limit), sort=cpu|rss|pid|name|io and name=TEXT";

impl ProcessQuestion {
    fn understood(self) -> Result<ProcessQuery, Refusal> {
        let sort = match self.sort {
            None => ProcessSort::default(),
            Some(word) => ProcessSort::from_word(&word)
                .ok_or_else(|| bad(format!("{word:?} is no order: {QUESTION_HINT}")))?,
        };
        Ok(ProcessQuery { sort, top: Some(self.top.unwrap_or(USUAL_TOP)), name: self.name })
    }
}

/// `GET /api/servers/{name}/processes?at=&top=&sort=cpu|rss|pid|name|io&name=`: the newest
/// table, or the last one at a moment or before it.
pub(in crate::http) async fn processes(
    State(app): State<AppState>,
    asker: Asker,
    Path(name): Path<String>,
    query: Result<Query<ProcessQuestion>, QueryRejection>,
) -> Result<Json<ProcessList>, Refusal> {
    let index = app.server_in(&asker.account.scope, &name)?;
    let Query(query) =
        query.map_err(|error| bad(format!("{}: {QUESTION_HINT}", error.body_text())))?;
    let now_ms = app.parts.clock.now().unix_ms;
    let asked = query.at.as_deref().map(|text| moment("at", text, now_ms)).transpose()?;
    let query = query.understood()?;
    let Some(at_ms) = asked else {
        let table = app.parts.fleet.processes_of(index);
        let none = ProcessList { at_unix_ms: 0, total: 0, processes: Vec::new() };
        return Ok(Json(table.map_or(none, |table| listed(&table, &query))));
    };
    let server = app.parts.fleet.config(index).server.name.clone();
    let of = server.clone();
    let found = app.parts.past.ask(move |recorded, _| recorded.processes_at(&of, at_ms)).await?;
    let table = found.ok_or_else(|| nothing_then(&server))?;
    Ok(Json(listed(&table, &query)))
}

fn listed(table: &ProcessTable, query: &ProcessQuery) -> ProcessList {
    ProcessList {
        at_unix_ms: table.at.unix_ms,
        total: table.total,
        processes: table.select(query).into_iter().map(ProcessRow::from).collect(),
    }
}
