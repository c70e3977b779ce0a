use axum::extract::Query;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use watchfire_identity::Scope;
use watchfire_identity::token::{Audience, Claims};

use super::reply::Refusal;
use super::{App, reply};

/// The words for every token that is not ours, whatever is wrong with it.
const NOT_VALID: &str = "the token is not valid: get a new one at /login";

/// Where a token may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Only in the header.
    Header,
    /// In the header, or in `?token=` as in the first system. Addresses end up
    /// in histories and logs, so this is for reading alone.
    HeaderOrQuery,
}

/// The claims of the request's token, when it is valid and opens one of `scopes`.
///
/// # Errors
/// 401 for any token but a valid one of ours, always with the same words; 403
/// when a valid one does not open this.
pub(super) fn authorise(
    app: &App,
    request: &Parts,
    place: Place,
    scopes: &[Scope],
) -> Result<Claims, Refusal> {
    let unauthorised = |words| Refusal::from(reply::message(StatusCode::UNAUTHORIZED, words));
    let token = token(request, place).map_err(unauthorised)?;
    let claims = app.key.verify(&token, Audience::Agent, app.clock.now()).map_err(|error| {
        tracing::debug!(%error, "a token is refused");
        unauthorised(NOT_VALID)
    })?;
    // What the config says of the user today decides: a token must not outlive
    // the user, the password or a scope.
    let user = app.users.get(&claims.user);
    let user = user.filter(|user| claims.is_of(&app.key.epoch(&user.password_hash)));
    let user = user.ok_or_else(|| unauthorised(NOT_VALID))?;
    if scopes.iter().any(|scope| claims.allows(*scope) && user.scopes.contains(scope)) {
        return Ok(claims);
    }
    let needed: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
    let words = format!("this needs a user with the scope {}", needed.join(" or "));
    Err(reply::message(StatusCode::FORBIDDEN, words).into())
}

fn token(request: &Parts, place: Place) -> Result<String, &'static str> {
    let mut headers = request.headers.get_all(header::AUTHORIZATION).iter();
    if let Some(value) = headers.next() {
        let bearer = value.to_str().ok().and_then(bearer).filter(|_| headers.next().is_none());
        return bearer.map(str::to_owned).ok_or("send the token as `Authorization: Bearer TOKEN`");
    }
    if place == Place::Header {
        return Err(
            "a token is needed here in the header `Authorization: Bearer TOKEN`: get one at /login",
        );
    }
    from_query(request).ok_or("a token is needed: get one at /login")
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The one `token` of the query. When there are two, whoever looks at the
/// other one would see another request, so neither counts.
pub(super) fn from_query(request: &Parts) -> Option<String> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&request.uri).ok()?;
    let mut tokens = pairs.into_iter().filter(|(name, _)| name == "token").map(|(_, token)| token);
    tokens.next().filter(|_| tokens.next().is_none())
}
