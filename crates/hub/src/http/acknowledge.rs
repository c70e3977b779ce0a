//! Who looks after an incident, from the page and from programs.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use watchfire_api::hub::IncidentRow;
use watchfire_identity::Action;
use watchfire_model::{Incident, IncidentId, Scope};
use watchfire_runtime::task;

use super::changer::Changer;
use super::reply::Refusal;
use super::{App, AppState};
use crate::acks::{AckError, Acks, Actor};
use crate::reader::Reader;

/// The largest body: a note in JSON, every byte of it escaped.
pub(super) const MAX_BODY_BYTES: usize = 6 * crate::acks::MAX_NOTE_BYTES + 1024;

/// What `POST /api/incidents/{id}/acknowledge` may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    note: Option<String>,
}

/// What `POST /api/incidents/{id}/notes` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    text: String,
}

/// `POST /api/incidents/{id}/acknowledge`, with or without `{"note": "…"}`.
pub(super) async fn acknowledge(
    State(app): State<AppState>,
    changer: Changer,
    Path(id): Path<String>,
    body: Result<Option<Json<Wish>>, JsonRejection>,
) -> Result<Json<IncidentRow>, Refusal> {
    let id = app.changed_by(&changer, &id).await?;
    let note = body.map_err(bad_body)?.and_then(|Json(wish)| wish.note);
    let note = note.filter(|note| !note.trim().is_empty());
    app.act(&changer, move |acks, actor| acks.acknowledge(id, actor, note.as_deref())).await
}

/// `DELETE /api/incidents/{id}/acknowledge`: nobody looks after it any more.
pub(super) async fn take_back(
    State(app): State<AppState>,
    changer: Changer,
    Path(id): Path<String>,
) -> Result<Json<IncidentRow>, Refusal> {
    let id = app.changed_by(&changer, &id).await?;
    app.act(&changer, move |acks, actor| acks.take_back(id, actor)).await
}

/// `POST /api/incidents/{id}/notes` with `{"text": "…"}`.
pub(super) async fn note(
    State(app): State<AppState>,
    changer: Changer,
    Path(id): Path<String>,
    body: Result<Json<Note>, JsonRejection>,
) -> Result<Json<IncidentRow>, Refusal> {
    let id = app.changed_by(&changer, &id).await?;
    let Json(note) = body.map_err(bad_body)?;
    app.act(&changer, move |acks, actor| acks.note(id, actor, &note.text)).await
}

impl App {
    /// The number of an incident that the changer may know of and may do something about.
    async fn changed_by(&self, changer: &Changer, id: &str) -> Result<IncidentId, Refusal> {
        changer.may(Action::Acknowledge)?;
        let missing = || Refusal::not_found("incident");
        let id = id.parse().map(IncidentId).map_err(|_| missing())?;
        let incident = self.stored(move |store| store.incident(id)).await?;
        let seen = incident.filter(|incident| self.is_in(&changer.account.scope, incident));
        seen.map(|incident| incident.id).ok_or_else(missing)
    }

    async fn act(
        &self,
        changer: &Changer,
        work: impl FnOnce(&Acks, &Actor<'_>) -> Result<Incident, AckError> + Send + 'static,
    ) -> Result<Json<IncidentRow>, Refusal> {
        let user = changer.account.name.clone();
        let incident = self.tend(user, "", work).await?.map_err(refused)?;
        let reader = Reader::new(&self.parts.fleet, &changer.account.scope);
        Ok(Json(IncidentRow::from(&reader.incident(&incident))))
    }

    /// Does what `user` asks for, where it may block.
    pub(super) async fn tend(
        &self,
        user: String,
        how: &'static str,
        work: impl FnOnce(&Acks, &Actor<'_>) -> Result<Incident, AckError> + Send + 'static,
    ) -> Result<Result<Incident, AckError>, Refusal> {
        let (acks, at) = (self.parts.acks.clone(), self.parts.clock.now());
        let done =
            task::blocking("acknowledge", move || work(&acks, &Actor { user: &user, at, how }));
        match done.await.map_err(Refusal::fault)? {
            Err(AckError::Store(error)) => Err(Refusal::fault(error)),
            done => Ok(done),
        }
    }

    /// Whether an incident is among those of a scope. Incidents of servers that the config has
    /// no more are for nobody; those of alerts that are about no server have labels of their own.
    pub(super) fn is_in(&self, scope: &Scope, incident: &Incident) -> bool {
        if let Some(labels) = &incident.labels {
            return scope.holds(labels);
        }
        let fleet = &self.parts.fleet;
        let index = fleet.index(&incident.server);
        index.is_some_and(|index| scope.holds(&fleet.config(index).server.labels))
    }
}

fn bad_body(error: JsonRejection) -> Refusal {
    Refusal::new(error.status(), error.body_text())
}

fn refused(error: AckError) -> Refusal {
    let status = match &error {
        AckError::NotFound => return Refusal::not_found("incident"),
        AckError::BadNote => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::CONFLICT,
    };
    Refusal::new(status, error.to_string())
}
