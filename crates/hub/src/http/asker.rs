//! Who asks, by whatever a program or a person has to show: `Authorization` with a password or a
//! token, or a session of the page.

mod recall;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use watchfire_api::agent::LoginRequest;
use watchfire_identity::token::Audience;
use watchfire_identity::{Action, Object, Scope as TokenScope, Verdict, constant_time_eq};
use watchfire_model::Labels;
use watchfire_runtime::http::Peer;

use super::guard::same_origin;
use super::reply::Refusal;
use super::second::Way;
use super::{App, AppState, client, tokens};
use crate::accounts::Account;
use crate::api_tokens::ApiTokens;
pub(super) use recall::Recall;

/// The words for every token that is not ours, whatever is wrong with it.
const NOT_VALID: &str = "the token is not valid: get a new one at /login";
const READS_ONLY: &str = "this token only reads: get one that changes at /login?scope=change";
const API_TOKEN_NOT_VALID: &str = "the token is not valid: it may be ended; make a new one at the page or by `watchfire token make`";
const ONE_KIND: &str =
    "send one `Authorization: Basic …` with name and password, or `Authorization: Bearer TOKEN`";

/// Somebody who may read. Reading is all that this lets anybody do: a change wants a
/// `Caller` or a `Changer`.
pub(super) struct Asker {
    pub(super) account: Arc<Account>,
}

impl Asker {
    /// True when the asker's role allows it.
    pub(super) fn may(&self, action: Action) -> bool {
        self.account.may(action, &Object::Any) == Verdict::Yes
    }

    /// True when the asker may know of a server with these labels.
    pub(super) fn sees(&self, labels: &Labels) -> bool {
        self.account.sees(labels)
    }
}

impl FromRequestParts<AppState> for Asker {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Response> {
        let account = match app.shown(parts, TokenScope::Read).await {
            Ok(Some(shown)) => Ok(shown.account),
            Ok(None) => app.seated(parts),
            Err(refusal) => Err(refusal),
        };
        let account = account.map_err(|refusal| challenged(refusal, &parts.headers))?;
        let asker = Self { account };
        if asker.may(Action::ViewFleet) {
            return Ok(asker);
        }
        let refusal = Refusal::new(StatusCode::FORBIDDEN, "your role does not allow that");
        Err(refusal.into_response())
    }
}

/// Tells a program that a password is an answer to 401 (RFC 9110 section 15.5.2). Not so a browser:
/// it would ask its user for one, and send it along with whatever other sites' pages ask for.
pub(super) fn challenged(refusal: Refusal, headers: &HeaderMap) -> Response {
    let mut response = refusal.into_response();
    let is_browser = headers
        .keys()
        .any(|name| name.as_str().starts_with("sec-fetch-") || name == header::COOKIE);
    if response.status() == StatusCode::UNAUTHORIZED && !is_browser {
        let ways = HeaderValue::from_static("Basic realm=\"Login Required\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, ways);
    }
    response
}

/// Whose address a request came from.
pub(super) fn address(app: &App, parts: &Parts) -> Result<IpAddr, Refusal> {
    let peer = parts.extensions.get::<Peer>();
    let peer = peer.ok_or_else(|| Refusal::fault("a request came from nowhere"))?;
    Ok(client::address(peer.remote.ip(), &parts.headers, &app.parts.trusted_proxies))
}

/// What the header `Authorization` proves.
pub(super) struct Shown {
    pub(super) account: Arc<Account>,
    /// The token of a program, by name.
    pub(super) token: Option<String>,
}

impl App {
    /// The account that the header `Authorization` proves, with a token that opens `scope`;
    /// `None` without that header.
    pub(super) async fn shown(
        &self,
        parts: &Parts,
        scope: TokenScope,
    ) -> Result<Option<Shown>, Refusal> {
        let mut headers = parts.headers.get_all(header::AUTHORIZATION).iter();
        let unclear = || Refusal::new(StatusCode::UNAUTHORIZED, ONE_KIND);
        let value = match (headers.next(), headers.next()) {
            (None, _) => return Ok(None),
            (Some(value), None) => value.to_str().map_err(|_| unclear())?,
            _ => return Err(unclear()),
        };
        let (kind, shown) = value.split_once(' ').ok_or_else(unclear)?;
        if kind.eq_ignore_ascii_case("bearer") {
            let shown = shown.trim();
            if ApiTokens::is_one(shown) {
                return self.by_api_token(shown, scope).map(Some);
            }
            let account = self.by_token(shown, scope)?;
            return Ok(Some(Shown { account, token: None }));
        }
        let basic = basic(kind, shown).ok_or_else(unclear)?;
        // A browser sends a password that it knows with any page's request.
        same_origin(&parts.headers)?;
        let account = self.by_password(address(self, parts)?, basic).await?;
        Ok(Some(Shown { account, token: None }))
    }

    /// The account of a session. A question changes nothing and its answer is for its asker
    /// alone, so a form needs no more than to come from no other site's page.
    fn seated(&self, parts: &Parts) -> Result<Arc<Account>, Refusal> {
        let (_, session) = self.session_of(parts).ok_or_else(Refusal::log_in_first)?;
        same_origin(&parts.headers)?;
        Ok(session.account)
    }

    /// What is known of the user today decides: a token must not outlive the user or the password.
    fn by_token(&self, token: &str, scope: TokenScope) -> Result<Arc<Account>, Refusal> {
        let refused = || Refusal::new(StatusCode::UNAUTHORIZED, NOT_VALID);
        let key = &self.parts.token_key;
        let claims = key.verify(token, Audience::Hub, self.parts.clock.now()).map_err(|error| {
            tracing::debug!(%error, "a token is refused");
            refused()
        })?;
        let account = self.people.find(&claims.user);
        let account = account.filter(|account| claims.is_of(&key.epoch(&account.password)));
        // A password alone got it, and that is not enough any more.
        let account = account.filter(|account| !self.parts.factors.has(&account.name));
        let account = account.filter(|_| claims.allows(TokenScope::Read)).ok_or_else(refused)?;
        // These were there before commands were: one that changes runs what somebody signed.
        let scope = if scope == TokenScope::Run { TokenScope::Change } else { scope };
        if !claims.allows(scope) {
            return Err(Refusal::new(StatusCode::FORBIDDEN, READS_ONLY));
        }
        Ok(account)
    }

    /// The user as they are now, with no more than the token has.
    fn by_api_token(&self, token: &str, scope: TokenScope) -> Result<Shown, Refusal> {
        let refused = || Refusal::new(StatusCode::UNAUTHORIZED, API_TOKEN_NOT_VALID);
        let now = self.parts.clock.now();
        let shown = self.tokens.find(token, now).ok_or_else(refused)?;
        let epoch = |account: &Account| tokens::epoch(&self.parts.token_key, account);
        let account = self.people.find(&shown.user);
        let account = account
            .filter(|account| constant_time_eq(epoch(account).as_bytes(), shown.epoch.as_bytes()));
        let account = account.ok_or_else(refused)?;
        if !shown.scopes.contains(&scope) {
            let what = format!("this token has not the scope {scope}: make one that has");
            return Err(Refusal::new(StatusCode::FORBIDDEN, what));
        }
        self.tokens.note_use(&shown, now);
        let account = match &shown.servers {
            None => account,
            Some(servers) => {
                Arc::new(Account { scope: account.scope.and(servers), ..Account::clone(&account) })
            }
        };
        Ok(Shown { account, token: Some(shown.name) })
    }

    /// Programs send their password with each question. The same one from the same address is
    /// worked through once in a while, and waits for itself meanwhile; the limit on
    /// wrong logins is asked each time.
    async fn by_password(
        &self,
        address: IpAddr,
        asked: LoginRequest,
    ) -> Result<Arc<Account>, Refusal> {
        let login = self.check(address, asked, &Way::Program, Some(&self.recall)).await?;
        Ok(login.account)
    }
}

/// Name and password of `Basic` and base64 of `name:password` (RFC 7617).
pub(super) fn basic(kind: &str, encoded: &str) -> Option<LoginRequest> {
    if !kind.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (username, password) = decoded.split_once(':')?;
    Some(LoginRequest { username: username.to_owned(), password: password.to_owned() })
}
