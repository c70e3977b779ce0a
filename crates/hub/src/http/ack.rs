//! Acknowledging by the link in a letter, without a login.
//!
//! Programs that look through mail follow every link in it, so following one changes nothing: it
//! shows a page with one button, and the button does it. Whoever has a link may be anybody, so the
//! page says no more than which server it is about.

mod pace;

use axum::Form;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use watchfire_alert::clean;
use watchfire_model::{Incident, IncidentId, IncidentState};
use watchfire_runtime::http::Peer;

use super::reply::Refusal;
use super::{App, AppState, client};
use crate::acks::AckError;
use crate::audit::AuditEntry;
pub(super) use pace::Pace;

/// The end of the line in the timeline.
const HOW: &str = ", by the link in a letter";
/// The largest form.
pub(super) const MAX_BODY_BYTES: usize = 4096;
/// The longest name that is shown.
const MAX_NAME: usize = 100;

/// What stands in the link, and in the form of the page.
#[derive(Deserialize)]
pub(super) struct Mark {
    s: String,
}

/// An incident whose link is good, and whose link it is.
struct Linked {
    incident: Incident,
    user: String,
    mark: String,
}

/// `GET /ack?s=…`: shows the button.
pub(super) async fn show(
    State(app): State<AppState>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    mark: Result<Query<Mark>, QueryRejection>,
) -> Response {
    let mark = mark.ok().map(|Query(mark)| mark.s);
    match app.linked(&peer, &headers, mark).await {
        Ok(linked) => page_of(&linked),
        Err(page) => page,
    }
}

/// `POST /ack`: acknowledges. The mark is all the proof there is, so it does not matter which page
/// the form was on; a browser that sends no referrer does not say either.
pub(super) async fn press(
    State(app): State<AppState>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    mark: Result<Form<Mark>, FormRejection>,
) -> Response {
    let mark = mark.ok().map(|Form(mark)| mark.s);
    let linked = match app.linked(&peer, &headers, mark).await {
        Ok(linked) => linked,
        Err(page) => return page,
    };
    let id = linked.incident.id;
    let entry = AuditEntry {
        who: linked.user.clone(),
        action: "change".to_owned(),
        object: format!("incident {} acknowledged", id.0),
        from: client::address(peer.remote.ip(), &headers, &app.parts.trusted_proxies).to_string(),
        outcome: "begun".to_owned(),
        detail: HOW.to_owned(),
    };
    if let Err(error) = app.audit.record(entry).await {
        return Refusal::fault(error).into_response();
    }
    let done = app.tend(linked.user, HOW, move |acks, actor| acks.acknowledge(id, actor, None));
    let name = name(&linked.incident);
    match done.await {
        Ok(Ok(_)) => page(StatusCode::OK, &name, "Acknowledged. Nobody else is called for it."),
        Ok(Err(AckError::Over)) => page(StatusCode::OK, &name, "It is over already."),
        Ok(Err(AckError::NotFound)) => not_valid(),
        Ok(Err(_)) => page(StatusCode::CONFLICT, &name, "This was done too often."),
        Err(refusal) => refusal.into_response(),
    }
}

impl App {
    /// What a link leads to, or the page that says that it leads nowhere: the same one for a
    /// link that is forged, that is too old, and whose user may not know of it any more.
    async fn linked(
        &self,
        peer: &Peer,
        headers: &HeaderMap,
        mark: Option<String>,
    ) -> Result<Linked, Response> {
        let address = client::address(peer.remote.ip(), headers, &self.parts.trusted_proxies);
        let now = self.parts.clock.now();
        if !self.ack_pace.take(address, now) {
            let wait = "Too many tries. Wait a minute, and try again.";
            let mut page = page(StatusCode::TOO_MANY_REQUESTS, "Acknowledge", wait);
            page.headers_mut().insert(header::RETRY_AFTER, 60.into());
            return Err(page);
        }
        let mark = mark.ok_or_else(not_valid)?;
        let claims = self.parts.ack_links.verify(&mark, now).map_err(|error| {
            tracing::debug!(%error, %address, "a link is refused");
            not_valid()
        })?;
        let id = IncidentId(claims.incident);
        let found = self.stored(move |store| store.incident(id)).await;
        let found = found.map_err(IntoResponse::into_response)?;
        let user = self.parts.recipients.iter().find(|user| user.name == claims.user);
        let user = user.ok_or_else(not_valid)?;
        let same = |one: &Incident| one.judged.unix_ms == claims.judged_unix_ms;
        let seen = |one: &Incident| same(one) && self.is_in(&user.scope, one);
        let incident = found.filter(seen).ok_or_else(not_valid)?;
        Ok(Linked { incident, user: claims.user, mark })
    }
}

fn page_of(linked: &Linked) -> Response {
    let name = name(&linked.incident);
    if linked.incident.state != IncidentState::Open {
        return page(StatusCode::OK, &name, "It is over already.");
    }
    if linked.incident.acknowledged.is_some() {
        return page(StatusCode::OK, &name, "Somebody looks after it already.");
    }
    let mark = escaped(&linked.mark);
    let button = format!(
        "<form method=\"post\" action=\"ack\"><input type=\"hidden\" name=\"s\" value=\"{mark}\">\
         <button type=\"submit\" class=\"primary\">Acknowledge</button></form>"
    );
    html(StatusCode::OK, &name, &button)
}

fn not_valid() -> Response {
    let words = "This link does not hold, or not any more: it does for seven days.";
    page(StatusCode::NOT_FOUND, "Acknowledge", words)
}

fn name(incident: &Incident) -> String {
    clean(incident.server.as_str(), MAX_NAME)
}

fn page(status: StatusCode, title: &str, words: &str) -> Response {
    html(status, title, &format!("<p>{}</p>", escaped(words)))
}

/// Its files have addresses without a slash before them, so that it works behind any path prefix.
fn html(status: StatusCode, title: &str, inner: &str) -> Response {
    let title = escaped(title);
    let text = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <meta name=\"referrer\" content=\"no-referrer\"><meta name=\"robots\" content=\"noindex\">\
         <title>{title} · Watchfire</title><link rel=\"icon\" href=\"data:,\">\
         <link rel=\"stylesheet\" href=\"style.css\"></head>\
         <body><main class=\"login\"><h1><bdi>{title}</bdi></h1>{inner}</main></body></html>\n"
    );
    let kind = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::HeaderName::from_static("x-robots-tag"), "noindex"),
    ];
    (status, kind, text).into_response()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
