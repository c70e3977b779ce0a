//! What Prometheus says when there is no answer.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use watchfire_model::SourceError;
use watchfire_promql::QueryError;

/// Prometheus' kinds of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The request is wrong.
    BadData,
    /// It is right and cannot be answered.
    Execution,
    /// It took too long.
    Timeout,
    /// Others are answered first.
    Unavailable,
    /// The hub has a problem.
    Internal,
}

/// An answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) kind: Kind,
    pub(super) what: String,
    status: StatusCode,
}

/// After this many seconds somebody who found no place may come again.
const COME_AGAIN_S: u64 = 1;

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::BadData => "bad_data",
            Self::Execution => "execution",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::BadData => StatusCode::BAD_REQUEST,
            Self::Execution => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Timeout | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl ApiError {
    pub(super) fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), status: kind.status() }
    }

    /// A parameter that is not understood, in Prometheus' words.
    pub(super) fn parameter(name: &str, why: impl std::fmt::Display) -> Self {
        Self::new(Kind::BadData, format!("invalid parameter {name:?}: {why}"))
    }

    /// A request that cannot be read, with the status that says so.
    pub(super) fn unreadable(status: StatusCode, what: impl Into<String>) -> Self {
        Self { kind: Kind::BadData, what: what.into(), status }
    }

    /// For a fault of the hub itself: the details go to the log alone.
    pub(super) fn fault(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "a question failed");
        Self::new(Kind::Internal, "the hub has a problem; its log says which")
    }

    /// The same as one line of text, for what is no JSON.
    pub(super) fn into_text(self) -> Response {
        (self.status, format!("{}\n", self.what)).into_response()
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let kind = match error.error_type() {
            "bad_data" => Kind::BadData,
            "timeout" => Kind::Timeout,
            "internal" => return Self::fault(error),
            _ => Kind::Execution,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<SourceError> for ApiError {
    fn from(error: SourceError) -> Self {
        QueryError::from(error).into()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody {
    status: &'static str,
    error_type: &'static str,
    error: String,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error_type = self.kind.word();
        let body = ErrorBody { status: "error", error_type, error: self.what };
        let mut response = (self.status, Json(body)).into_response();
        if self.kind == Kind::Unavailable {
            response.headers_mut().insert(header::RETRY_AFTER, COME_AGAIN_S.into());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_prometheus_status() {
        let status = |error: QueryError| ApiError::from(error).into_response().status().as_u16();
        assert_eq!(status(QueryError::TooManySteps { steps: 9, limit: 8 }), 400);
        assert_eq!(status(QueryError::Execution("many-to-many".to_owned())), 422);
        assert_eq!(status(QueryError::TooManySamples { limit: 8 }), 422);
        assert_eq!(status(QueryError::OutOfTime), 503);
        assert_eq!(status(QueryError::Unreadable("a bad sector".to_owned())), 500);
    }

    #[test]
    fn what_is_wrong_with_the_hub_is_told_to_its_log_alone() {
        let error = ApiError::from(SourceError::Unreadable("/var/lib/secret".to_owned()));
        assert!(!error.what.contains("secret"), "{error:?}");
    }
}
