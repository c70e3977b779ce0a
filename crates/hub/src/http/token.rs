//! Tokens of the hub, as agents give them: for programs that cannot keep a session.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Query, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use watchfire_api::agent::{LoginReply, LoginRequest};
use watchfire_identity::token::Audience;
use watchfire_identity::{Scope as TokenScope, may_change};
use watchfire_runtime::config::{Located, duration};

use super::AppState;
use super::asker::{address, basic, challenged};
use super::guard::same_origin;
use super::login::Login;
use super::reply::Refusal;
use super::second::Way;

/// How long a token lives when nothing is said.
const USUAL: Duration = Duration::from_secs(30 * 60);
/// How long it may live at most. One that is lost ends sooner when its user's password changes.
const LONGEST: Duration = Duration::from_secs(90 * 86_400);

const WHO_ARE_YOU: &str = "log in with name and password";

#[derive(Deserialize)]
pub(super) struct Wish {
    lives: Option<String>,
    scope: Option<String>,
}

/// `GET /login` with Basic and `POST /login` with Basic or JSON: `{"token": "…"}`, which
/// opens what its user may read. `?lives=30d` makes it live longer than half an hour, and
/// `?scope=change` lets it change what its user may.
pub(super) async fn log_in(
    State(app): State<AppState>,
    wish: Query<Wish>,
    request: Request,
) -> Result<Response, Response> {
    let headers = request.headers().clone();
    let answer = given(&app, wish.0, request).await;
    answer.map_err(|refusal| challenged(refusal, &headers))
}

async fn given(app: &AppState, wish: Wish, request: Request) -> Result<Response, Refusal> {
    same_origin(request.headers())?;
    let lives = wish.lives.as_deref().map_or(Ok(USUAL), lives)?;
    let scopes = scopes(wish.scope.as_deref())?;
    let (parts, body) = request.into_parts();
    let address = address(app, &parts)?;
    let shown = match parts.headers.get(header::AUTHORIZATION) {
        Some(value) => value
            .to_str()
            .ok()
            .and_then(|value| value.split_once(' '))
            .and_then(|(kind, encoded)| basic(kind, encoded)),
        None if parts.method == Method::POST
            && parts.headers.contains_key(header::CONTENT_TYPE) =>
        {
            let body: Result<Json<LoginRequest>, JsonRejection> =
                Json::from_request(Request::from_parts(parts, body), &()).await;
            let Json(asked) =
                body.map_err(|error| Refusal::new(error.status(), error.body_text()))?;
            Some(asked)
        }
        None => None,
    };
    let asked = shown.ok_or_else(|| Refusal::new(StatusCode::UNAUTHORIZED, WHO_ARE_YOU))?;
    let Login { account, at: now, .. } = app.check(address, asked, &Way::Program, None).await?;
    if scopes.contains(&TokenScope::Change) && !may_change(account.role) {
        let what = "your role may change nothing: ask for a token without scope=change";
        return Err(Refusal::new(StatusCode::FORBIDDEN, what));
    }
    let key = &app.parts.token_key;
    let epoch = key.epoch(&account.password);
    let token = key.issue(&account.name, Audience::Hub, scopes, &epoch, now, lives);
    Ok(Json(LoginReply { token }).into_response())
}

fn lives(text: &str) -> Result<Duration, Refusal> {
    let wish = duration(&Located::default_value(text.to_owned())).ok();
    wish.filter(|wish| (Duration::from_secs(60)..=LONGEST).contains(wish)).ok_or_else(|| {
        let what = format!("{text:?} is no life of a token: write 1m to 90d, as in lives=30d");
        Refusal::new(StatusCode::BAD_REQUEST, what)
    })
}

/// What a token opens: reading, and changing only where that is asked for.
fn scopes(wish: Option<&str>) -> Result<&'static [TokenScope], Refusal> {
    match wish {
        None | Some("read") => Ok(&[TokenScope::Read]),
        Some("change") => Ok(&[TokenScope::Read, TokenScope::Change]),
        Some(other) => {
            let what = format!("{other:?} is no scope of a hub's token: use read or change");
            Err(Refusal::new(StatusCode::BAD_REQUEST, what))
        }
    }
}
