//! The tokens of programs. Only a person makes one, at the page or the command line: a token makes
//! no other, so that what leaked cannot outlive its end.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use watchfire_api::agent::Message;
use watchfire_api::tokens::{NewToken, TokenList, TokenRow, TokenWish};
use watchfire_identity::token::TokenKey;
use watchfire_identity::{Action, Object, Scope as TokenScope, Verdict, may_change, password};
use watchfire_store::{StoreError, StoredApiToken};

use super::guard::Caller;
use super::reply::Refusal;
use super::totp::entry;
use super::{App, AppState, to_the_end};
use crate::accounts::{Account, scope};
use crate::api_tokens::Wanted;
use crate::audit::AuditEntry;
use crate::people::{MAX_MATCHER_BYTES, MAX_MATCHERS, is_name};

/// How long a token lives when nothing is said.
const USUAL: Duration = Duration::from_secs(90 * 86_400);
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(366 * 86_400);
/// What a token of a hub may open.
const SCOPES: [TokenScope; 3] = [TokenScope::Read, TokenScope::Change, TokenScope::Run];

/// `GET /api/tokens`
pub(super) async fn list(State(app): State<AppState>, caller: Caller) -> Json<TokenList> {
    let all = app.tokens.all(app.parts.clock.now());
    let seen = all.into_iter().filter(|token| is_for(&caller, token));
    Json(TokenList { tokens: seen.map(row).collect() })
}

/// `POST /api/tokens`
pub(super) async fn make(
    State(app): State<AppState>,
    caller: Caller,
    body: Result<Json<TokenWish>, JsonRejection>,
) -> Result<(StatusCode, Json<NewToken>), Refusal> {
    let account = caller.session.account.clone();
    // Whoever comes by the open door has no account.
    if !app.people.is(&account) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "only users have tokens: log in"));
    }
    app.recent(&caller)?;
    let Json(wish) = body.map_err(|error| Refusal::new(error.status(), error.body_text()))?;
    let wanted = wanted(&app, &account, wish)?;
    if wanted.scopes.contains(&TokenScope::Run) {
        app.may_run_unsigned(Some(&caller.session))?;
    }
    let mut entry = entry(&caller, "token.make", &format!("{} of {}", wanted.name, account.name));
    let servers = wanted.servers.as_ref().map(|servers| format!(" for {}", servers.join(" ")));
    let scopes: Vec<_> = wanted.scopes.iter().map(|scope| scope.as_str()).collect();
    entry.detail = format!("{}{}", scopes.join(" "), servers.unwrap_or_default());
    let taken = format!("there is a token {} already: end it first", wanted.name);
    let made = to_the_end(async move {
        let is_taken =
            |token: &StoredApiToken| token.user == account.name && token.name == wanted.name;
        let now = app.parts.clock.now();
        if app.tokens.all(now).iter().any(is_taken) {
            return Err(Refusal::new(StatusCode::CONFLICT, taken));
        }
        let ending = AuditEntry { action: "token.end".to_owned(), ..entry.clone() };
        let (token, stored) = app.tokens.make(wanted, entry, now).await.map_err(not_made)?;
        // As with sessions: whoever changes the user ends tokens after that.
        if !app.people.is(&account) {
            app.tokens.end(&stored.id, ending, now).await.map_err(Refusal::fault)?;
            return Err(Refusal::log_in_first());
        }
        Ok(NewToken { token, row: row(stored) })
    });
    Ok((StatusCode::CREATED, Json(made.await??)))
}

/// `DELETE /api/tokens/{id}`
pub(super) async fn end(
    State(app): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Message>, Refusal> {
    let now = app.parts.clock.now();
    let found = app.tokens.all(now).into_iter().find(|token| token.id == id);
    let found = found.filter(|token| is_for(&caller, token));
    let token = found.ok_or_else(|| Refusal::not_found("token"))?;
    let entry = entry(&caller, "token.end", &format!("{} of {}", token.name, token.user));
    let ended = to_the_end(async move { app.tokens.end(&token.id, entry, now).await });
    ended.await?.map_err(Refusal::fault)?;
    Ok(Json(Message::new("the token is ended")))
}

/// What stands for the password of an account in a token of a program.
pub(super) fn epoch(key: &TokenKey, account: &Account) -> String {
    // Who logs in elsewhere has none, and the decoy is another one after each start.
    if account.password == *password::decoy() {
        return "none".to_owned();
    }
    key.epoch(&account.password)
}

fn wanted(app: &App, account: &Account, wish: TokenWish) -> Result<Wanted, Refusal> {
    if !is_name(&wish.name) {
        return Err(wrong("a token's name has up to 64 letters, digits, '.', '-', '_', '+', '@'"));
    }
    let lives = wish.lives_s.map_or(USUAL, Duration::from_secs);
    if !(SHORTEST..=LONGEST).contains(&lives) {
        return Err(wrong("a token lives from a minute to 366 days"));
    }
    let mut scopes = Vec::new();
    for word in &wish.scopes {
        let known = word.parse().ok().filter(|scope| SCOPES.contains(scope));
        scopes.push(known.ok_or_else(|| {
            wrong(format!("{word:?} is no scope of a hub's token: use read, change and run"))
        })?);
    }
    if scopes.is_empty() {
        return Err(wrong("say what the token opens: read, change or run"));
    }
    // What changes or runs something sees what came of it.
    scopes.push(TokenScope::Read);
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.len() > 1 && !may_change(account.role) {
        let what = "your role may change and run nothing: ask for a token with the scope read";
        return Err(Refusal::new(StatusCode::FORBIDDEN, what));
    }
    if let Some(servers) = &wish.servers {
        if servers.is_empty() {
            return Err(wrong("no matchers are no servers: leave them out for all that you see"));
        }
        if servers.len() > MAX_MATCHERS || servers.iter().any(|one| one.len() > MAX_MATCHER_BYTES) {
            let most = format!("{MAX_MATCHERS} matchers of {MAX_MATCHER_BYTES} bytes");
            return Err(wrong(format!("a token has at most {most}")));
        }
        scope(servers).map_err(wrong)?;
    }
    Ok(Wanted {
        user: account.name.clone(),
        name: wish.name,
        epoch: epoch(&app.parts.token_key, account),
        scopes,
        servers: wish.servers,
        lives,
    })
}

fn not_made(error: StoreError) -> Refusal {
    match error {
        StoreError::TooMany { .. } => {
            Refusal::new(StatusCode::CONFLICT, format!("{error}: end one first"))
        }
        error => Refusal::fault(error),
    }
}

fn wrong(why: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, why)
}

/// True when the caller may know of a token and end it.
fn is_for(caller: &Caller, token: &StoredApiToken) -> bool {
    let account = &caller.session.account;
    account.name == token.user || account.may(Action::EndSessions, &Object::Whole) == Verdict::Yes
}

fn row(token: StoredApiToken) -> TokenRow {
    TokenRow {
        id: token.id,
        user: token.user,
        name: token.name,
        scopes: token.scopes.split(' ').map(str::to_owned).collect(),
        servers: token.servers,
        made_unix_ms: token.made_unix_ms,
        ends_unix_ms: token.ends_unix_ms,
        used_unix_ms: token.used_unix_ms,
    }
}
