use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::report::Report;
use crate::http::asker::{address, basic};
use crate::http::{App, AppState};
use crate::pushed::KnownSender;

const NO_SENDER: &str = "only a [[sender]] of hub.toml may push: send its token as \
                         `Authorization: Bearer TOKEN`, or its name and token as Basic";

/// Who pushes. A user's password or token is none of a sender, and opens nothing here; a sender's
/// opens nothing but this.
pub(in crate::http::prometheus) struct Sending(pub(super) Arc<KnownSender>);

impl FromRequestParts<AppState> for Sending {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Response> {
        if let Some(sender) = app.sender(parts) {
            return Ok(Self(sender));
        }
        if let Ok(address) = address(app, parts) {
            app.writing.tell_wrong_token(&app.parts.clock, address);
        }
        Err(Report::new(StatusCode::UNAUTHORIZED, NO_SENDER).into_response())
    }
}

impl App {
    /// The sender that a request proves to come from.
    pub(in crate::http) fn sender(&self, parts: &Parts) -> Option<Arc<KnownSender>> {
        let senders = &self.parts.senders;
        let mut headers = parts.headers.get_all(header::AUTHORIZATION).iter();
        let shown = match (headers.next(), headers.next()) {
            (None, _) => return senders.local().filter(|_| self.is_open_to(parts)),
            (Some(shown), None) => shown.to_str().ok()?,
            _ => return None,
        };
        let (kind, shown) = shown.split_once(' ')?;
        if kind.eq_ignore_ascii_case("bearer") {
            return senders.by_token(shown.trim(), None);
        }
        let basic = basic(kind, shown)?;
        senders.by_token(&basic.password, Some(&basic.username))
    }
}
