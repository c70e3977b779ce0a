//! What the audit says, and that every change gets into it.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use serde::Deserialize;
use std::sync::{Arc, OnceLock};
use watchfire_api::audit::AuditPage;
use watchfire_identity::{Action, Object};
use watchfire_store::MAX_AUDIT_PAGE;

use super::asker::{Asker, address};
use super::reply::Refusal;
use super::{App, AppState};
use crate::accounts::Account;
use crate::audit::AuditEntry;

/// What programs post every few seconds: facts, which leave their own traces, and no changes.
const FACTS: [&str; 2] = ["/api/v2/alerts", "/api/v1/write"];

/// What `GET /api/audit` may be asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
}

/// `GET /api/audit`: for administrators who see every server, because it names them all.
pub(super) async fn list(
    State(app): State<AppState>,
    asker: Asker,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<AuditPage>, Refusal> {
    Refusal::unless(asker.account.may(Action::ReadAudit, &Object::Whole), "audit")?;
    let Query(wanted) = wanted.map_err(|error| {
        let hint = "use after=NUMBER and limit=NUMBER";
        Refusal::new(StatusCode::BAD_REQUEST, format!("{}: {hint}", error.body_text()))
    })?;
    let most = wanted.limit.unwrap_or(MAX_AUDIT_PAGE);
    let lines = app.audit.after(wanted.after, most).await.map_err(Refusal::fault)?;
    let newest = app.audit.length().await.map_err(Refusal::fault)?;
    Ok(Json(AuditPage { lines, newest }))
}

/// Who changes something with a request, once that is known.
#[derive(Clone, Default)]
struct Doer(Arc<OnceLock<AuditEntry>>);

/// Records a change that was not made after all: the line of [`App::record_change`] says that it
/// was asked for.
pub(super) async fn outcome(
    State(app): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let doer = Doer::default();
    request.extensions_mut().insert(doer.clone());
    let response = next.run(request).await;
    let status = response.status();
    if let Some(asked) = doer.0.get()
        && (status.is_client_error() || status.is_server_error())
    {
        let entry = AuditEntry { outcome: format!("not done: {status}"), ..asked.clone() };
        app.audit.note_refused(entry).await;
    }
    response
}

impl App {
    /// Records that `account` is about to change something. Where that cannot be written down
    /// there is no change either.
    pub(super) async fn record_change(
        &self,
        parts: &Parts,
        account: &Account,
        token: Option<&str>,
    ) -> Result<(), Refusal> {
        let path = parts.uri.path();
        if matches!(parts.method, Method::GET | Method::HEAD) || FACTS.contains(&path) {
            return Ok(());
        }
        if !self.audit.has_place_for_change(&account.name) {
            let what = "you change too much at a time: wait a minute";
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, what).retry_after(60));
        }
        let entry = AuditEntry {
            who: account.name.clone(),
            action: "change".to_owned(),
            object: format!("{} {path}", parts.method),
            from: address(self, parts)?.to_string(),
            outcome: "begun".to_owned(),
            detail: token.map_or_else(String::new, |token| format!("by the token {token}")),
        };
        if let Some(doer) = parts.extensions.get::<Doer>() {
            // One request is of one user, so there is nothing in it yet.
            let _ = doer.0.set(entry.clone());
        }
        self.audit.record(entry).await.map_err(Refusal::fault)
    }
}
