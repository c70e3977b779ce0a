use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::reply::Refusal;

/// Only our own files run, and nobody may frame them.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; \
     base-uri 'none'";

/// Query keys that would put a secret into logs and histories.
const SECRET_KEYS: [&str; 3] = ["token", "access_token", "auth_token"];

/// Refuses secrets in addresses, and sets the headers that every answer has.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api");
    let mut response = if has_secret(request.uri().query()) {
        let message = "a token does not belong into an address: log in for a session";
        Refusal::new(StatusCode::BAD_REQUEST, message).into_response()
    } else {
        next.run(request).await
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

/// A key with an escape in it counts as well: none of ours needs one, and it
/// could spell any word.
fn has_secret(query: Option<&str>) -> bool {
    let mut keys = query.unwrap_or("").split('&').map(|pair| pair.split('=').next().unwrap_or(""));
    keys.any(|key| {
        key.contains('%') || SECRET_KEYS.iter().any(|secret| key.eq_ignore_ascii_case(secret))
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
        assert!(!has_secret(Some("name=token")));
        assert!(!has_secret(None));
    }
}
