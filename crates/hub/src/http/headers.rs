use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use watchfire_api::enrol::ENROL_PATH;
use watchfire_runtime::http::Peer;

use super::reply::{self, Refusal};
use super::{AppState, REQUEST_TIME};

/// Only our own files run, and nobody may frame them.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; \
     base-uri 'none'";

/// The paths that only agents and scripts ask for.
const FOR_MACHINES: [&str; 4] = [ENROL_PATH, "/install", "/install/watchfire", "/stream"];

/// Query keys that would put a secret into logs and histories.
const SECRET_KEYS: [&str; 3] = ["token", "access_token", "auth_token"];
/// `match[]` of Prometheus, as its clients write it: the one key of ours that has escapes.
const SELECTOR_KEY: &str = "match%5b%5d";

/// Refuses what came for another host, secrets in addresses, and what takes too
/// long, and sets the headers that every answer has.
pub(super) async fn guard(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_api = path.starts_with("/api") || matches!(path, "/federate" | "/login" | "/ack");
    let mut response = match refusal(&app, &request) {
        Some(refusal) => refusal.into_response(),
        None => {
            let answer = app.parts.clock.within(REQUEST_TIME, next.run(request)).await;
            answer.unwrap_or_else(|| reply::too_slow().into_response())
        }
    };
    let mut set = |name: HeaderName, value: &'static str| {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    };
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::CACHE_CONTROL, if is_api { "no-store" } else { "no-cache" });
    response
}

fn refusal(app: &AppState, request: &Request) -> Option<Refusal> {
    if !is_for_machines(request)
        && let Err(error) = app.parts.hosts.check(request)
    {
        return Some(reply::wrong_host(error));
    }
    let message = "a token does not belong into an address: log in for a session";
    has_secret(request.uri().query()).then(|| Refusal::new(StatusCode::BAD_REQUEST, message))
}

/// Agents and scripts may know the hub by a name that it does not know itself.
/// What they ask for over TLS depends on no session, so a page whose name was
/// made to point here gains nothing by it.
fn is_for_machines(request: &Request) -> bool {
    let path = request.uri().path();
    let over_tls = request.extensions().get::<Peer>().is_some_and(|peer| peer.tls.is_some());
    over_tls && FOR_MACHINES.contains(&path)
}

/// A key with an escape in it counts as well: only one of ours needs any, and it
/// could spell any word.
fn has_secret(query: Option<&str>) -> bool {
    let mut keys = query.unwrap_or("").split('&').map(|pair| pair.split('=').next().unwrap_or(""));
    keys.any(|key| {
        (key.contains('%') && !key.eq_ignore_ascii_case(SELECTOR_KEY))
            || SECRET_KEYS.iter().any(|secret| key.eq_ignore_ascii_case(secret))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_addresses_are_seen() {
        assert!(has_secret(Some("top=5&token=x")));
        assert!(has_secret(Some("ACCESS_TOKEN=x")));
        assert!(has_secret(Some("?%74oken=x")));
        assert!(!has_secret(Some("name=to%6ben")));
        assert!(!has_secret(Some("match%5B%5D=up&match%5b%5d=x")));
        assert!(has_secret(Some("match%5B%5D=up&%74oken=x")));
        assert!(!has_secret(Some("name=token")));
        assert!(!has_secret(None));
    }
}
