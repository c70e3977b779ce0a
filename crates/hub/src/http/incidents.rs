use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use watchfire_api::hub::{
    AlertRow, IncidentDetail, IncidentList, IncidentRow, NotificationRow, TimelineRow,
};
use watchfire_identity::Action;
use watchfire_model::{
    Incident, IncidentId, Notification, NotificationId, ServerName, Severity, TimelineEntry,
};
use watchfire_runtime::task;
use watchfire_store::{IncidentFilter, MAX_ALERTS_SHOWN, Store, StoreError, StoredAlert};

use super::guard::Caller;
use super::reply::Refusal;
use super::{App, AppState};
use crate::foreign::Foreign;

/// How many incidents are listed when the caller does not say, and at most.
const USUAL_LIMIT: usize = 100;
/// In the place of a subject that may name servers which the caller may not know.
pub(super) const NOT_SHOWN: &str = "not shown: it may name servers that you may not see";

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

/// `GET /api/incidents/{id}`: all that belongs together, as far as the caller may know of it. A
/// viewer is shown only how they were told themselves.
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
    let mut family = app.stored(move |store| store.family(id)).await?;
    family.retain(|member| member.id != id && app.may_see(&caller, member));
    let all = caller.may(Action::ViewDeliveries).is_ok();
    let name = caller.session.account.name.clone();
    let members: Vec<Incident> = family.iter().chain([&incident]).cloned().collect();
    let seen = move |one: &Notification| all || one.user == name;
    let told = app.stored(move |store| Told::read(store, &members, seen)).await?;
    let reader = caller.reader(&app.parts.fleet);
    let stored = || told.timeline.iter().map(|entry| &entry.text);
    let causes = || family.iter().chain([&incident]).map(|member| &member.cause);
    let knows_all = causes().chain(stored()).all(|text| reader.reads_all_of(text));
    let sees_all = caller.session.account.scope.is_everything();
    let mut notifications = told.notifications;
    // What another user was told is in that user's words, and may be of other servers too.
    let others =
        notifications.iter_mut().filter(|(_, one)| one.user != caller.session.account.name);
    others
        .filter(|(is_shared, _)| !knows_all || *is_shared && !sees_all)
        .for_each(|(_, one)| one.subject = NOT_SHOWN.to_owned());
    let row = |incident: &Incident| IncidentRow::from(&reader.incident(incident));
    let foreign = Foreign::new(&app.parts.fleet, &caller.session.account.scope);
    Ok(Json(IncidentDetail {
        row: row(&incident),
        family: family.iter().map(row).collect(),
        alerts: told.alerts.iter().map(|alert| alert_row(&app, &foreign, alert)).collect(),
        timeline: reader.timeline(told.timeline).iter().map(TimelineRow::from).collect(),
        notifications: notifications.into_iter().map(|(_, one)| one).collect(),
    }))
}

/// What is stored of incidents that belong together.
struct Told {
    timeline: Vec<TimelineEntry>,
    alerts: Vec<StoredAlert>,
    /// With each, whether it told of other incidents too.
    notifications: Vec<(bool, NotificationRow)>,
}

impl Told {
    fn read(
        store: &Store,
        members: &[Incident],
        seen: impl Fn(&Notification) -> bool,
    ) -> Result<Self, StoreError> {
        let (mut timeline, mut alerts) = (Vec::new(), Vec::new());
        let mut letters: BTreeMap<NotificationId, (bool, Notification)> = BTreeMap::new();
        for Incident { id, .. } in members {
            timeline.extend(store.timeline(*id)?);
            alerts.extend(store.alerts_of(*id)?);
            let shared = store.shared_letters_of(*id)?.into_iter().map(|one| (true, one));
            let own = store.notifications_of(*id)?.into_iter().map(|one| (false, one));
            letters.extend(own.chain(shared).map(|(shared, one)| (one.id, (shared, one))));
        }
        if members.len() > 1 {
            timeline.sort_by_key(|entry| entry.at.unix_ms);
        }
        alerts.sort_by_key(|alert| alert.id);
        // The newest ones are those that matter.
        alerts.drain(..alerts.len().saturating_sub(MAX_ALERTS_SHOWN));
        let mut notifications = Vec::new();
        for (shared, letter) in letters.into_values().filter(|(_, letter)| seen(letter)) {
            let deliveries = store.deliveries_of(letter.id)?;
            notifications.push((shared, NotificationRow::new(&letter, &deliveries)));
        }
        Ok(Self { timeline, alerts, notifications })
    }
}

fn alert_row(app: &App, foreign: &Foreign<'_>, alert: &StoredAlert) -> AlertRow {
    let facts = &alert.facts;
    let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let told = facts.annotations.iter();
    AlertRow {
        id: alert.id,
        incident: facts.incident.0,
        source: facts.source.clone(),
        labels: facts.labels.iter().map(pair).collect(),
        annotations: told.map(|(name, text)| (name.clone(), foreign.redact(text).into())).collect(),
        value: facts.value.filter(|value| value.is_finite()),
        severity: Severity::of_label(facts.labels.get("severity")).as_str().to_owned(),
        starts_unix_ms: facts.starts_unix_ms,
        over_unix_ms: alert.over_unix_ms,
        generator_url: foreign.generator_url(&facts.source, &facts.generator_url),
        muted: app.parts.alerts.muted(alert.id),
    }
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

    fn may_see(&self, caller: &Caller, incident: &Incident) -> bool {
        self.is_in(&caller.session.account.scope, incident)
    }

    pub(super) async fn stored<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let store = self.parts.store.clone();
        let read = task::blocking("read", move || read(&store)).await;
        read.map_err(Refusal::fault)?.map_err(Refusal::fault)
    }
}
