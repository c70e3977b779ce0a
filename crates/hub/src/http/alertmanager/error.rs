use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::silences::NoSilence;

/// A no as Alertmanager says it: a status and a JSON string. Its clients show no other words.
#[derive(Debug)]
pub(super) struct AmError {
    status: StatusCode,
    what: String,
    /// Said in the frame that Alertmanager has for what cannot be read at all.
    is_unreadable: bool,
}

/// After this many seconds somebody who found no room may come again.
const COME_AGAIN_S: u64 = 5;

impl AmError {
    pub(super) fn new(status: StatusCode, what: impl Into<String>) -> Self {
        Self { status, what: what.into(), is_unreadable: false }
    }

    /// A request that is wrong.
    pub(super) fn bad(what: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, what)
    }

    /// A body that cannot be read.
    pub(super) fn unreadable(status: StatusCode, what: impl Into<String>) -> Self {
        Self { status, what: what.into(), is_unreadable: true }
    }

    /// Nothing can be stored now.
    pub(super) fn busy(what: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("{what}: come again"))
    }

    /// For a fault of the hub itself: the details go to the log alone.
    pub(super) fn fault(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        let what = "the hub has a problem; its log says which";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, what)
    }
}

impl From<NoSilence> for AmError {
    fn from(error: NoSilence) -> Self {
        match error {
            NoSilence::Unknown => Self::new(StatusCode::NOT_FOUND, "silence not found"),
            NoSilence::Store(error) => Self::fault(error),
            NoSilence::Beyond(_) => Self::new(StatusCode::FORBIDDEN, error.to_string()),
            // Alertmanager's status for it: of another one its clients show no words.
            NoSilence::Over => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "silence already expired")
            }
            NoSilence::Wrong(_) | NoSilence::Refused(_) | NoSilence::TooMany(_) => {
                Self::bad(format!("silence invalid: {error}"))
            }
        }
    }
}

impl IntoResponse for AmError {
    fn into_response(self) -> Response {
        let body = match self.is_unreadable {
            true => json!({ "code": self.status.as_u16(), "message": self.what }),
            false => json!(self.what),
        };
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, COME_AGAIN_S.into());
        }
        response
    }
}
