use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use watchfire_api::hub::{IncidentDetail, IncidentList, IncidentRow, NotificationRow, TimelineRow};
use watchfire_identity::Action;
use watchfire_model::{Incident, IncidentId, Notification, ServerName};
use watchfire_runtime::task;
use watchfire_store::{IncidentFilter, Store, StoreError};

use super::guard::Caller;
use super::reply::Refusal;
use super::{App, AppState};

/// How many incidents are listed when the caller does not say, and at most.
const USUAL_LIMIT: usize = 100;
/// In the place of a subject that may name servers which the caller may not know.
const NOT_SHOWN: &str = "not shown: it may name servers that you may not see";

/// What `GET /api/incidents` may be asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IncidentQuery {
    open: Option<bool>,
    server: Option<String>,
    before: Option<i64>,
    limit: Option<usize>,
}

/// `GET /api/incidents?open=true&server=NAME&before=ID&limit=N`: newest first.
pub(super) async fn list(
    State(app): State<AppState>,
    caller: Caller,
    query: Result<Query<IncidentQuery>, QueryRejection>,
) -> Result<Json<IncidentList>, Refusal> {
    caller.may(Action::ViewIncidents)?;
    let Query(query) = query.map_err(|error| {
        let hint = "use open=true, server=NAME, before=ID and limit=NUMBER";
        Refusal::new(StatusCode::BAD_REQUEST, format!("{}: {hint}", error.body_text()))
    })?;
    let server = match query.server {
        Some(name) => Some(ServerName::new(&name).map_err(|_| Refusal::not_found("server"))?),
        None => None,
    };
    let limit = query.limit.unwrap_or(USUAL_LIMIT).min(USUAL_LIMIT);
    let filter = IncidentFilter {
        open_only: query.open.unwrap_or(false),
        server,
        kind: None,
        before_id: query.before.map(IncidentId),
        limit: watchfire_store::MAX_PAGE,
    };
    let incidents = app.visible(&caller, filter, limit).await?;
    let reader = caller.reader(&app.parts.fleet);
    let rows = incidents.iter().map(|incident| IncidentRow::from(&reader.incident(incident)));
    Ok(Json(IncidentList { incidents: rows.collect() }))
}

/// `GET /api/incidents/{id}`: a viewer is shown only how they were told themselves.
pub(super) async fn one(
    State(app): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<IncidentDetail>, Refusal> {
    caller.may(Action::ViewIncidents)?;
    let id = id.parse().map(IncidentId).map_err(|_| Refusal::not_found("incident"))?;
    let incident = app.stored(move |store| store.incident(id)).await?;
    let incident = incident.filter(|incident| app.may_see(&caller, incident));
    let incident = incident.ok_or_else(|| Refusal::not_found("incident"))?;
    let all = caller.may(Action::ViewDeliveries).is_ok();
    let name = caller.session.account.name.clone();
    let (timeline, mut notifications) = app
        .stored(move |store| {
            let mut notifications = Vec::new();
            let seen = |one: &Notification| all || one.user == name;
            for notification in store.notifications_of(id)?.into_iter().filter(seen) {
                let deliveries = store.deliveries_of(notification.id)?;
                notifications.push(NotificationRow::new(&notification, &deliveries));
            }
            Ok((store.timeline(id)?, notifications))
        })
        .await?;
    let reader = caller.reader(&app.parts.fleet);
    let mut stored = timeline.iter().map(|entry| &entry.text);
    let knows_all =
        reader.reads_all_of(&incident.cause) && stored.all(|text| reader.reads_all_of(text));
    if !knows_all {
        // What another user was told is in that user's words.
        let name = &caller.session.account.name;
        let others = notifications.iter_mut().filter(|one| one.user != *name);
        others.for_each(|one| one.subject = NOT_SHOWN.to_owned());
    }
    let incident = reader.incident(&incident);
    Ok(Json(IncidentDetail {
        row: IncidentRow::from(&incident),
        family: Vec::new(),
        alerts: Vec::new(),
        timeline: reader.timeline(timeline).iter().map(TimelineRow::from).collect(),
        notifications,
    }))
}

impl App {
    /// The newest incidents that the caller may see. Pages of the store are
    /// read until there are enough, because others' incidents lie between.
    async fn visible(
        self: &std::sync::Arc<Self>,
        caller: &Caller,
        mut filter: IncidentFilter,
        limit: usize,
    ) -> Result<Vec<Incident>, Refusal> {
        let mut visible = Vec::new();
        loop {
            let asked = filter.clone();
            let page = self.stored(move |store| store.incidents(&asked)).await?;
            let whole = page.len() < filter.limit;
            filter.before_id = page.last().map(|incident| incident.id);
            visible.extend(page.into_iter().filter(|incident| self.may_see(caller, incident)));
            visible.truncate(limit);
            if whole || visible.len() >= limit {
                return Ok(visible);
            }
        }
    }

    /// Incidents of servers that the config has no more are for nobody. Those of alerts that are
    /// about no server have labels of their own.
    fn may_see(&self, caller: &Caller, incident: &Incident) -> bool {
        if let Some(labels) = &incident.labels {
            return caller.sees(labels);
        }
        let fleet = &self.parts.fleet;
        let index = fleet.index(&incident.server);
        index.is_some_and(|index| caller.sees(&fleet.config(index).server.labels))
    }

    async fn stored<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let store = self.parts.store.clone();
        let read = task::blocking("read", move || read(&store)).await;
        read.map_err(Refusal::fault)?.map_err(Refusal::fault)
    }
}
