pub(super) mod origin;
mod recognise;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, BodyDataStream, to_bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use tokio::sync::OwnedSemaphorePermit;
use watchfire_api::agent::{LoginReply, LoginRequest};
use watchfire_identity::limit::{Admission, HOLD};
use watchfire_identity::password::{self, PasswordHash};
use watchfire_identity::token::Audience;
use watchfire_model::Moment;
use watchfire_runtime::{Secret, task};

use super::reply::Refusal;
use super::{App, Peer, reply};
use crate::config::User;

pub(super) use recognise::{is_basic, recognise};

/// The largest body that is read, in bytes.
const MAX_BODY_BYTES: usize = 64 << 10;
/// A larger body is taken and dropped up to this many bytes: a client that
/// still sends would otherwise see a broken connection instead of the answer.
const MAX_DROPPED_BYTES: usize = 4 << 20;

const WHO_ARE_YOU: &str = "log in with name and password";

/// Who a stranger says to be.
struct Credentials {
    user: String,
    password: Secret,
}

/// `GET /login` with HTTP Basic, `POST /login` with Basic or JSON.
pub(super) async fn login(
    app: Arc<App>,
    peer: Peer,
    request: Request<Body>,
) -> Result<Response<Body>, Refusal> {
    let (parts, body) = request.into_parts();
    let posted = parts.method == Method::POST;
    if !posted && !matches!(parts.method, Method::GET | Method::HEAD) {
        return Err(reply::wrong_method("GET, HEAD, POST").into());
    }
    origin::check(&parts.headers)?;
    let credentials = match parts.headers.get(header::AUTHORIZATION) {
        Some(value) => basic(value),
        None if posted => from_body(&parts, body).await?,
        None => None,
    };
    let credentials = credentials.ok_or_else(|| reply::login_required(WHO_ARE_YOU))?;
    let address = peer.remote.ip();
    let user = check(&app, address, credentials).await?;
    tracing::info!(user = ?user.name, %address, "logged in");
    let token = token(&app, user, app.clock.now());
    Ok(Json(LoginReply { token }).into_response())
}

/// The user with the right name and password. Known and unknown names take the
/// same way and the same time.
async fn check(app: &App, address: IpAddr, credentials: Credentials) -> Result<&User, Refusal> {
    let Credentials { user, password } = credentials;
    let Ok(place) = Arc::clone(&app.waiting).try_acquire_owned() else {
        app.counters.logins_busy.add(1);
        return Err(
            reply::too_many("too many are logging in: come again", Duration::from_secs(1)).into()
        );
    };
    let came = app.clock.now();
    let known = app.users.get(&user);
    let admission = app.limiter().admit(came, address, &user, known.is_some());
    let right = match admission {
        Admission::Open | Admission::Quiet(_) => {
            let hash = known
                .map_or_else(|| password::decoy().clone(), |known| known.password_hash.clone());
            verify(app, place, hash, password).await?
        }
        Admission::Refused(_) => {
            // Whoever is only held up takes no place.
            drop(place);
            false
        }
    };
    let now = app.clock.now();
    app.limiter().settle(now, address, &user, admission, known.is_some() && right);
    match known {
        Some(known) if right => Ok(known),
        _ => Err(refuse(app, address, known, came, admission).await),
    }
}

fn token(app: &App, user: &User, now: Moment) -> String {
    let epoch = app.key.epoch(&user.password_hash);
    let (name, scopes) = (&user.name, &user.scopes);
    app.key.issue(name, Audience::Agent, scopes, &epoch, now, app.token_lives)
}

/// The no to a try that came at `came`.
async fn refuse(
    app: &App,
    address: IpAddr,
    known: Option<&User>,
    came: Moment,
    admission: Admission,
) -> Refusal {
    match admission {
        Admission::Open => {
            app.counters.logins_failed.add(1);
            // A name that nobody has may be a password typed into the wrong field.
            let user = known.map_or("(unknown)", |known| known.name.as_str());
            tracing::warn!(?user, %address, "a login failed");
            reply::login_required("name or password is wrong").into()
        }
        Admission::Quiet(wait) | Admission::Refused(wait) => {
            app.counters.logins_limited.add(1);
            tracing::debug!(%address, "a login is refused after too many wrong ones");
            app.clock.sleep_until(came.after(HOLD)).await;
            reply::too_many("too many wrong logins: wait", wait).into()
        }
    }
}

/// The places are held by the work itself: it goes on when the stranger hangs
/// up, and hanging up must not make room for more of it.
async fn verify(
    app: &App,
    place: OwnedSemaphorePermit,
    hash: PasswordHash,
    password: Secret,
) -> Result<bool, Refusal> {
    let failed = || {
        let words = "the login cannot be checked";
        Refusal::from(reply::message(StatusCode::INTERNAL_SERVER_ERROR, words))
    };
    // It is never closed, so this only waits.
    let turn = Arc::clone(&app.hashing).acquire_owned().await.map_err(|_| failed())?;
    app.counters.passwords_checked.add(1);
    let work = move || {
        let right = hash.verify(password.expose());
        drop((turn, place));
        right
    };
    task::blocking("check a password", work).await.map_err(|_| failed())
}

/// `Basic` and base64 of `name:password` (RFC 7617).
fn basic(value: &HeaderValue) -> Option<Credentials> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some(Credentials { user: user.to_owned(), password: Secret::new(password) })
}

async fn from_body(parts: &Parts, body: Body) -> Result<Option<Credentials>, Refusal> {
    let length = parts.headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<usize>().ok()).unwrap_or(0);
    if length > MAX_BODY_BYTES {
        drop_body(body.into_data_stream()).await;
        let words = format!("a login has at most {MAX_BODY_BYTES} bytes");
        return Err(reply::closing(StatusCode::PAYLOAD_TOO_LARGE, words).into());
    }
    let bad = |words| reply::message(StatusCode::BAD_REQUEST, words);
    let bytes = to_bytes(body, MAX_BODY_BYTES)
        .await
        .map_err(|_| reply::closing(StatusCode::BAD_REQUEST, "the body ended early"))?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if !is_json(&parts.headers) {
        let words = "send the login as JSON, with `Content-Type: application/json`";
        return Err(reply::message(StatusCode::UNSUPPORTED_MEDIA_TYPE, words).into());
    }
    let read: LoginRequest = serde_json::from_slice(&bytes)
        .map_err(|_| bad("send JSON: {\"username\": \"…\", \"password\": \"…\"}"))?;
    Ok(Some(Credentials { user: read.username, password: Secret::new(read.password) }))
}

/// Of the types that a browser lets any page send unasked, JSON is none.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

async fn drop_body(mut body: BodyDataStream) {
    let mut dropped = 0;
    while dropped < MAX_DROPPED_BYTES {
        match body.next().await {
            Some(Ok(piece)) => dropped += piece.len(),
            Some(Err(_)) | None => return,
        }
    }
}
