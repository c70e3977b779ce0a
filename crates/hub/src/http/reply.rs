use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use watchfire_api::hub::Needs;
use watchfire_identity::Verdict;
use watchfire_runtime::http::HostError;

/// An answer that is no success: a status and one sentence.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    retry_after_s: Option<u64>,
    /// What would make it a yes.
    needs: Option<&'static str>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), retry_after_s: None, needs: None }
    }

    /// For what does not exist and for what the user may not know of alike.
    pub(super) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no such {what}"))
    }

    /// Nothing when the verdict is yes; `what` is the kind of thing that is asked for.
    pub(super) fn unless(verdict: Verdict, what: &str) -> Result<(), Self> {
        match verdict {
            Verdict::Yes => Ok(()),
            Verdict::Forbidden => {
                Err(Self::new(StatusCode::FORBIDDEN, "your role does not allow that"))
            }
            Verdict::NotFound => Err(Self::not_found(what)),
        }
    }

    pub(super) fn log_in_first() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "log in first")
    }

    pub(super) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The same with another status where it says that nobody is logged in.
    pub(super) fn instead_of_401(mut self, status: StatusCode) -> Self {
        if self.status == StatusCode::UNAUTHORIZED {
            self.status = status;
        }
        self
    }

    /// Says what would make it a yes.
    pub(super) fn needs(mut self, what: &'static str) -> Self {
        self.needs = Some(what);
        self
    }

    /// For what is only said over TLS (RFC 9110 section 15.5.22).
    pub(super) fn tls_only() -> Self {
        let message = "this is answered over TLS only: use https:// with the same host and port";
        Self::new(StatusCode::UPGRADE_REQUIRED, message)
    }

    /// For a fault of the hub itself: the details go to the log alone.
    pub(super) fn fault(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the hub has a problem; its log says which")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Needs { message: self.message, needs: self.needs.map(str::to_owned) };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(axum::http::header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

pub(super) async fn no_such_path() -> Refusal {
    Refusal::not_found("path")
}

pub(super) async fn wrong_method() -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "this path takes another method")
}

/// For a request that did not come to its end in time.
pub(super) fn too_slow() -> Refusal {
    Refusal::new(StatusCode::REQUEST_TIMEOUT, "the request took too long")
}

/// For a request that came for somebody else, such as a page whose name was
/// made to point at this hub.
pub(super) fn wrong_host(error: HostError) -> Refusal {
    let hint = match error {
        HostError::Foreign => ": use the hub's address, or set public_url in hub.toml",
        _ => "",
    };
    Refusal::new(error.status(), format!("{error}{hint}"))
}
