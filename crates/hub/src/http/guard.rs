use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use watchfire_identity::{Action, Object};
use watchfire_model::Labels;

use super::reply::Refusal;
use super::session::Session;
use super::{App, AppState};
use crate::fleet::Fleet;
use crate::reader::Reader;

/// The cookie that holds a session's id.
pub(super) const COOKIE: &str = "watchfire_session";
/// The header that proves that our own page asks for a change.
const CSRF_HEADER: &str = "x-watchfire-csrf";

/// Somebody who has logged in. A handler that takes one cannot be reached
/// without a session, nor for a change without the session's CSRF value.
pub(super) struct Caller {
    pub(super) session: Session,
    pub(super) session_id: String,
}

impl Caller {
    /// Refuses what the caller's role does not allow.
    pub(super) fn may(&self, action: Action) -> Result<(), Refusal> {
        Refusal::unless(self.session.account.may(action, &Object::Any), "thing")
    }

    /// True when the caller may know of a server with these labels.
    pub(super) fn sees(&self, labels: &Labels) -> bool {
        self.session.account.sees(labels)
    }

    /// Makes words that the caller may read.
    pub(super) fn reader<'a>(&'a self, fleet: &'a Fleet) -> Reader<'a> {
        Reader::new(fleet, &self.session.account.scope)
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Refusal> {
        let (session_id, session) = app.session_of(parts).ok_or_else(Refusal::log_in_first)?;
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            of_our_page(&parts.headers, &session)?;
            app.record_change(parts, &session.account, None).await?;
        }
        Ok(Self { session, session_id })
    }
}

/// Refuses a change that our own page of this very session did not ask for.
pub(super) fn of_our_page(headers: &HeaderMap, session: &Session) -> Result<(), Refusal> {
    same_origin(headers)?;
    let csrf = headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
    if csrf.is_some_and(|csrf| session.has_csrf(csrf)) {
        return Ok(());
    }
    let message = format!("a change needs the header {CSRF_HEADER}; load the page anew");
    Err(Refusal::new(StatusCode::FORBIDDEN, message))
}

impl App {
    /// The session whose cookie a request has, or that of the open door.
    pub(super) fn session_of(&self, parts: &Parts) -> Option<(String, Session)> {
        let now = self.parts.clock.now();
        let shown = cookie(&parts.headers)
            .and_then(|id| self.sessions.find(&id, now).map(|session| (id, session)));
        shown.or_else(|| self.open_session(parts, now))
    }
}

/// Refuses a request that another site's page made in the user's browser.
pub(super) fn same_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    let foreign_site = text(header::HeaderName::from_static("sec-fetch-site"))
        .is_some_and(|site| !matches!(site, "same-origin" | "none"));
    let foreign_origin = text(header::ORIGIN).is_some_and(|origin| {
        let host = origin.split_once("://").map(|(_, host)| host);
        host.is_none() || host != text(header::HOST)
    });
    if foreign_site || foreign_origin {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "this request comes from another site"));
    }
    Ok(())
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, header::HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn other_sites_are_refused() {
        let ours = [("host", "hub.test:5100"), ("origin", "http://hub.test:5100")];
        assert!(same_origin(&headers(&ours)).is_ok());
        assert!(same_origin(&headers(&[("host", "hub.test")])).is_ok(), "no browser");
        for origin in ["https://evil.test", "null", "https://hub.test.evil.test", "http://hub.test"]
        {
            let theirs = [("host", "hub.test:5100"), ("origin", origin)];
            assert!(same_origin(&headers(&theirs)).is_err(), "{origin}");
        }
        assert!(same_origin(&headers(&[("sec-fetch-site", "cross-site")])).is_err());
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let found = cookie(&headers(&[("cookie", "a=b; watchfire_session=abc; c=d")]));
        assert_eq!(found.as_deref(), Some("abc"));
        assert_eq!(cookie(&headers(&[("cookie", "xwatchfire_session=abc")])), None);
    }
}
