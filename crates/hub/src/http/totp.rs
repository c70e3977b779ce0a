//! One's own authenticator app, and proving anew who one is.

use std::net::IpAddr;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use watchfire_api::agent::{LoginRequest, Message};
use watchfire_api::totp::{
    CodeWish, PasswordWish, RecoveryCodes, StepUp, TotpSecretReply, TotpStanding,
};
use watchfire_runtime::http::Peer;

use super::guard::Caller;
use super::reply::Refusal;
use super::second::{Way, too_many_codes};
use super::{App, AppState, client, to_the_end};
use crate::audit::AuditEntry;
use crate::factors::NotOn;

/// What an app shows beside the user's name.
const ISSUER: &str = "Watchfire";

/// `GET /api/totp`
pub(super) async fn standing(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Json<TotpStanding>, Refusal> {
    let user = &caller.session.account.name;
    let standing = app.parts.factors.standing(user).await.map_err(Refusal::fault)?;
    Ok(Json(TotpStanding {
        on: standing.is_some(),
        since_unix_ms: standing.map(|standing| standing.since_unix_ms),
        recovery_codes_left: standing.map_or(0, |standing| standing.recovery_codes_left),
    }))
}

/// `POST /api/totp`: wants the password, or who has stolen a session would make a second factor of
/// their own, and shut the user out.
pub(super) async fn begin(
    State(app): State<AppState>,
    caller: Caller,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Result<Json<PasswordWish>, JsonRejection>,
) -> Result<Json<TotpSecretReply>, Refusal> {
    let Json(wish) = body.map_err(|error| Refusal::new(error.status(), error.body_text()))?;
    let user = &caller.session.account.name;
    if app.parts.factors.has(user) {
        return Err(is_on());
    }
    app.password_again(&caller, of(&app, &peer, &headers), wish.password).await?;
    let now = app.parts.clock.now();
    let secret = app.parts.factors.begin(user, &caller.session.mark, now).ok_or_else(is_on)?;
    let url = secret.otpauth_url(ISSUER, user).to_string();
    Ok(Json(TotpSecretReply { secret: secret.to_base32().to_string(), url }))
}

/// `POST /api/totp/confirm`: it is on, and other sessions of the user end: nobody knows who began
/// them.
pub(super) async fn confirm(
    State(app): State<AppState>,
    caller: Caller,
    body: Result<Json<CodeWish>, JsonRejection>,
) -> Result<Json<RecoveryCodes>, Refusal> {
    let Json(wish) = body.map_err(|error| Refusal::new(error.status(), error.body_text()))?;
    let recovery_codes = to_the_end(async move {
        let session = &caller.session;
        let (user, now) = (&session.account.name, app.parts.clock.now());
        let entry = entry(&caller, "totp.on", user);
        let asked = (user.as_str(), session.mark.as_str());
        let codes = app.parts.factors.confirm(asked, &wish.code, entry, now).await?;
        app.sessions.end_of(user, Some(&session.mark));
        app.sessions.confirm(&caller.session_id, true, now);
        Ok::<_, NotOn>(codes.iter().map(|code| code.reveal().to_string()).collect())
    });
    Ok(Json(RecoveryCodes { recovery_codes: recovery_codes.await?? }))
}

/// `POST /api/totp/off`
pub(super) async fn turn_off(
    State(app): State<AppState>,
    caller: Caller,
    body: Result<Json<CodeWish>, JsonRejection>,
) -> Result<Json<Message>, Refusal> {
    let Json(wish) = body.map_err(|error| Refusal::new(error.status(), error.body_text()))?;
    let account = &caller.session.account;
    if !app.parts.factors.has(&account.name) {
        return Err(Refusal::new(StatusCode::CONFLICT, "there is no second factor to turn off"));
    }
    let now = app.parts.clock.now();
    app.check_code(account, &wish.code, StatusCode::FORBIDDEN, now).await?;
    let turned_off = to_the_end(async move {
        let user = &caller.session.account.name;
        app.parts.factors.turn_off(user, entry(&caller, "totp.off", user), now).await
    });
    turned_off.await?.map_err(Refusal::fault)?;
    Ok(Json(Message::new("the second factor is off: the password alone logs in")))
}

/// `POST /api/step-up`
pub(super) async fn step_up(
    State(app): State<AppState>,
    caller: Caller,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Result<Json<StepUp>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Json(wish) = body.map_err(|error| Refusal::new(error.status(), error.body_text()))?;
    let account = &caller.session.account;
    let now = app.parts.clock.now();
    let has_second = app.parts.factors.has(&account.name);
    match (wish.code, wish.password) {
        (Some(code), None) if has_second => {
            app.check_code(account, &code, StatusCode::FORBIDDEN, now).await?;
        }
        (None, Some(password)) if !has_second => {
            app.password_again(&caller, of(&app, &peer, &headers), password).await?;
        }
        _ => {
            let what = if has_second { "a code" } else { "the password" };
            let what = format!("you prove it by {what}, and by nothing else");
            return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, what));
        }
    }
    app.sessions.confirm(&caller.session_id, has_second, app.parts.clock.now());
    Ok(Json(Message::new("for five minutes you may do what is more than usual")).into_response())
}

impl App {
    /// Checks the caller's own password, within the limits of logins.
    pub(super) async fn password_again(
        &self,
        caller: &Caller,
        address: IpAddr,
        password: String,
    ) -> Result<(), Refusal> {
        let username = caller.session.account.name.clone();
        let asked = LoginRequest { username, password };
        match self.check(address, asked, &Way::Again, None).await {
            Ok(_) => Ok(()),
            // The session stands, so it is no 401.
            Err(refusal) => Err(refusal.instead_of_401(StatusCode::FORBIDDEN)),
        }
    }
}

/// A line of the audit for a change of the caller's.
pub(super) fn entry(caller: &Caller, action: &str, object: &str) -> AuditEntry {
    AuditEntry {
        who: caller.session.account.name.clone(),
        action: action.to_owned(),
        object: object.to_owned(),
        from: caller.session.from.clone(),
        outcome: "ok".to_owned(),
        detail: String::new(),
    }
}

fn of(app: &App, peer: &Peer, headers: &HeaderMap) -> IpAddr {
    client::address(peer.remote.ip(), headers, &app.parts.trusted_proxies)
}

fn is_on() -> Refusal {
    Refusal::new(StatusCode::CONFLICT, "the second factor is on: turn it off first, with a code")
}

impl From<NotOn> for Refusal {
    fn from(error: NotOn) -> Self {
        match error {
            NotOn::IsOn => is_on(),
            NotOn::NotBegun => {
                let what = "begin anew: a secret is to be confirmed within ten minutes, by the \
                     session that it was shown to";
                Self::new(StatusCode::CONFLICT, what)
            }
            NotOn::Wrong => {
                let what = "the app shows another code: is the clock of the telephone right?";
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, what)
            }
            NotOn::TooMany(wait) => too_many_codes(wait),
            NotOn::Store(error) => Self::fault(error),
        }
    }
}
