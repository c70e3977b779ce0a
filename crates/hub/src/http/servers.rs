use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use watchfire_api::agent::ProcessRow;
use watchfire_api::hub::{ProcessList, ServerDetail, ServerList};
use watchfire_identity::Action;
use watchfire_model::{ProcessQuery, ProcessSort, ServerName};

use super::guard::Caller;
use super::reply::Refusal;
use super::{App, AppState, rows};

/// How many processes are listed when the caller does not say.
const USUAL_TOP: usize = 50;

/// `GET /api/servers`
pub(super) async fn list(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Json<ServerList>, Refusal> {
    caller.may(Action::ViewFleet)?;
    let fleet = &app.parts.fleet;
    let reader = caller.reader(fleet);
    let mut servers: Vec<_> = fleet
        .indices()
        .into_iter()
        .filter(|index| caller.sees(&fleet.config(*index).server.labels))
        .map(|index| rows::row(fleet, &reader, index))
        .collect();
    servers.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Json(ServerList { servers, now_unix_ms: app.parts.clock.now().unix_ms }))
}

/// `GET /api/servers/{name}`
pub(super) async fn one(
    State(app): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<ServerDetail>, Refusal> {
    let index = app.server(&caller, &name)?;
    let fleet = &app.parts.fleet;
    Ok(Json(rows::detail(fleet, &caller.reader(fleet), index, app.parts.clock.now())))
}

/// What `GET /api/servers/{name}/processes` may be asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProcessQuestion {
    top: Option<usize>,
    sort: Option<String>,
    name: Option<String>,
}

const QUESTION_HINT: &str = "use top=NUMBER, sort=cpu|rss|pid|name|io and name=TEXT";

impl ProcessQuestion {
    fn understood(self) -> Result<ProcessQuery, Refusal> {
        let sort = match self.sort {
            None => ProcessSort::default(),
            Some(word) => ProcessSort::from_word(&word).ok_or_else(|| {
                let what = format!("{word:?} is no order: {QUESTION_HINT}");
                Refusal::new(StatusCode::BAD_REQUEST, what)
            })?,
        };
        Ok(ProcessQuery { sort, top: Some(self.top.unwrap_or(USUAL_TOP)), name: self.name })
    }
}

/// `GET /api/servers/{name}/processes?top=&sort=cpu|rss|pid|name|io&name=`
pub(super) async fn processes(
    State(app): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    query: Result<Query<ProcessQuestion>, QueryRejection>,
) -> Result<Json<ProcessList>, Refusal> {
    let index = app.server(&caller, &name)?;
    let Query(query) = query.map_err(|error| {
        Refusal::new(StatusCode::BAD_REQUEST, format!("{}: {QUESTION_HINT}", error.body_text()))
    })?;
    let query = query.understood()?;
    let table = app.parts.fleet.processes_of(index);
    let Some(table) = table else {
        return Ok(Json(ProcessList { at_unix_ms: 0, total: 0, processes: Vec::new() }));
    };
    Ok(Json(ProcessList {
        at_unix_ms: table.at.unix_ms,
        total: table.total,
        processes: table.select(&query).into_iter().map(ProcessRow::from).collect(),
    }))
}

impl App {
    /// The server's place, when the caller may know of it.
    pub(super) fn server(&self, caller: &Caller, name: &str) -> Result<usize, Refusal> {
        caller.may(Action::ViewFleet)?;
        let fleet = &self.parts.fleet;
        ServerName::new(name)
            .ok()
            .and_then(|name| fleet.index(&name))
            .filter(|index| caller.sees(&fleet.config(*index).server.labels))
            .ok_or_else(|| Refusal::not_found("server"))
    }
}
