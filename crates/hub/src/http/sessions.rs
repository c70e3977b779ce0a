//! The sessions that stand open, and their end: one's own, and for administrators of every server
//! those of others.

use axum::Json;
use axum::extract::{Path, State};
use watchfire_api::agent::Message;
use watchfire_api::sessions::{SessionList, SessionRow};
use watchfire_identity::{Action, Object, Verdict};

use super::AppState;
use super::guard::Caller;
use super::reply::Refusal;
use super::session::{LIFE, Session};
use crate::audit::AuditEntry;

/// `GET /api/sessions`: newest first.
pub(super) async fn list(State(app): State<AppState>, caller: Caller) -> Json<SessionList> {
    let all = app.sessions.all(app.parts.clock.now());
    let seen = all.iter().filter(|session| is_for(&caller, session));
    Json(SessionList { sessions: seen.map(|session| row(&caller, session)).collect() })
}

/// `DELETE /api/sessions/{id}`: its live streams end with it.
pub(super) async fn end(
    State(app): State<AppState>,
    caller: Caller,
    Path(mark): Path<String>,
) -> Result<Json<Message>, Refusal> {
    let all = app.sessions.all(app.parts.clock.now());
    let found = all.into_iter().find(|session| session.mark == mark);
    let found = found.filter(|session| is_for(&caller, session));
    let session = found.ok_or_else(|| Refusal::not_found("session"))?;
    let entry = AuditEntry {
        who: caller.session.account.name.clone(),
        action: "session.end".to_owned(),
        object: format!("session {mark} of {}", session.account.name),
        from: caller.session.from.clone(),
        outcome: "ok".to_owned(),
        detail: String::new(),
    };
    // A session must not stay open because the disk is full.
    app.sessions.end_marked(&mark);
    app.audit.note(entry).await;
    Ok(Json(Message::new("the session is ended")))
}

/// True when the caller may know of a session and end it.
fn is_for(caller: &Caller, session: &Session) -> bool {
    let account = &caller.session.account;
    account.name == session.account.name
        || account.may(Action::EndSessions, &Object::Whole) == Verdict::Yes
}

fn row(caller: &Caller, session: &Session) -> SessionRow {
    SessionRow {
        id: session.mark.clone(),
        user: session.account.name.clone(),
        role: session.account.role.to_string(),
        from: session.from.clone(),
        began_unix_ms: session.began.unix_ms,
        ends_unix_ms: session.began.after(LIFE).unix_ms,
        is_this: session.mark == caller.session.mark,
    }
}
