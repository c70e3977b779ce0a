use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use watchfire_api::agent::Message;

/// An answer that is a no. It is boxed because it is large and rare.
#[derive(Debug)]
pub(super) struct Refusal(Box<Response<Body>>);

impl From<Response<Body>> for Refusal {
    fn from(response: Response<Body>) -> Self {
        Self(Box::new(response))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response<Body> {
        *self.0
    }
}

/// `{"message": …}` with that status.
pub(super) fn message(status: StatusCode, words: impl Into<String>) -> Response<Body> {
    (status, Json(Message::new(words))).into_response()
}

/// The same, and the connection ends after it, because what else comes over it
/// cannot be trusted to be a request.
pub(super) fn closing(status: StatusCode, words: impl Into<String>) -> Response<Body> {
    let mut response = message(status, words);
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// 401 that makes a browser ask for name and password.
pub(super) fn login_required(words: &str) -> Response<Body> {
    let mut response = message(StatusCode::UNAUTHORIZED, words);
    let realm = HeaderValue::from_static("Basic realm=\"Login Required\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
    response
}

/// 429 that says when to come again.
pub(super) fn too_many(words: &str, wait: Duration) -> Response<Body> {
    let mut response = message(StatusCode::TOO_MANY_REQUESTS, words);
    let seconds = wait.as_millis().div_ceil(1000).max(1);
    if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

/// 405 that says what would do.
pub(super) fn wrong_method(allowed: &'static str) -> Response<Body> {
    let words = format!("this path answers {allowed}");
    let mut response = message(StatusCode::METHOD_NOT_ALLOWED, words);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}
