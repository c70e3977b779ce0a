use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::PoisonError;
use watchfire_api::agent::{LoginRequest, Message};
use watchfire_api::hub::{HubInfo, LoginReply, Me};
use watchfire_identity::password;
use watchfire_runtime::http::Peer;
use watchfire_runtime::task;

use super::guard::{COOKIE, Caller, same_origin};
use super::reply::Refusal;
use super::session::{LIFE, Session};
use super::{App, AppState};
use crate::accounts::Account;

/// `POST /api/login`: takes a password, gives a session in a cookie.
pub(super) async fn log_in(
    State(app): State<AppState>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Result<Json<LoginRequest>, JsonRejection>,
) -> Result<Response, Refusal> {
    same_origin(&headers)?;
    let Json(asked) = body.map_err(|error| Refusal::new(error.status(), error.body_text()))?;
    let now = app.parts.clock.now();
    let address = peer.remote.ip();
    // Before the limiter, which counts a try that it lets pass.
    let _waiting = app.waiting.clone().try_acquire_owned().map_err(|_| {
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many are logging in; try again")
            .retry_after(1)
    })?;
    app.limited(|limiter| limiter.check(now, address, &asked.username)).map_err(|wait| {
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many tries; wait a moment")
            .retry_after(wait.as_secs() + 1)
    })?;
    let name = asked.username.clone();
    let Some(account) = app.verify(asked).await? else {
        app.limited(|limiter| limiter.failed(now, address, &name));
        // A name that nobody has may be a password typed into the wrong field.
        let known = app.parts.accounts.iter().any(|account| account.name == name);
        let user = if known { name.as_str() } else { "(unknown)" };
        tracing::warn!(?user, %address, "a login was refused");
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "the user or the password is wrong"));
    };
    app.limited(|limiter| limiter.succeeded(now, address, &name));
    tracing::info!(user = ?name, %address, "logged in");
    let (id, session) = app.sessions.begin(account, now);
    let secure = headers.get(header::ORIGIN).is_some_and(|o| o.as_bytes().starts_with(b"https:"));
    let secure = if secure { "; Secure" } else { "" };
    let life = LIFE.as_secs();
    let cookie =
        format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Strict; Max-Age={life}{secure}");
    Ok(([(header::SET_COOKIE, cookie)], Json(reply(&session))).into_response())
}

/// `POST /api/logout`
pub(super) async fn log_out(State(app): State<AppState>, caller: Caller) -> Response {
    app.sessions.end(&caller.session_id);
    let cookie = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    ([(header::SET_COOKIE, cookie)], Json(Message::new("logged out"))).into_response()
}

/// `GET /api/me`
pub(super) async fn me(State(app): State<AppState>, caller: Caller) -> Json<Me> {
    Json(Me {
        login: reply(&caller.session),
        hub: HubInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_unix_ms: app.started.unix_ms,
            mail_configured: app.parts.mail_configured,
        },
    })
}

impl App {
    /// The account, when name and password are right. An unknown name costs as
    /// much work as a wrong password, so that the time tells nothing.
    async fn verify(&self, asked: LoginRequest) -> Result<Option<Account>, Refusal> {
        let account = self.parts.accounts.iter().find(|one| one.name == asked.username).cloned();
        let place = self.hashing.clone().acquire_owned().await.map_err(Refusal::fault)?;
        task::blocking("password", move || {
            let _place = place;
            let hash = account.as_ref().map_or(password::decoy(), |account| &account.password);
            let right = hash.verify(&asked.password);
            account.filter(|_| right)
        })
        .await
        .map_err(Refusal::fault)
    }

    fn limited<T>(&self, act: impl FnOnce(&mut watchfire_identity::limit::LoginLimiter) -> T) -> T {
        act(&mut self.limiter.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn reply(session: &Session) -> LoginReply {
    LoginReply {
        user: session.account.name.clone(),
        role: session.account.role.to_string(),
        csrf: session.csrf.clone(),
    }
}
