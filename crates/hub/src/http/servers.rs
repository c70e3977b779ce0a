use axum::Json;
use axum::extract::{Path, State};
use watchfire_api::hub::{ServerDetail, ServerList};
use watchfire_identity::Action;
use watchfire_model::{Scope, ServerName};

use super::guard::Caller;
use super::reply::Refusal;
use super::{App, AppState, rows};

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

impl App {
    /// The server's place, when the caller may know of it.
    pub(super) fn server(&self, caller: &Caller, name: &str) -> Result<usize, Refusal> {
        caller.may(Action::ViewFleet)?;
        self.server_in(&caller.session.account.scope, name)
    }

    /// The place of a server in `scope`; one outside is like one that is not there.
    pub(super) fn server_in(&self, scope: &Scope, name: &str) -> Result<usize, Refusal> {
        let fleet = &self.parts.fleet;
        ServerName::new(name)
            .ok()
            .and_then(|name| fleet.index(&name))
            .filter(|index| scope.holds(&fleet.config(*index).server.labels))
            .ok_or_else(|| Refusal::not_found("server"))
    }
}
