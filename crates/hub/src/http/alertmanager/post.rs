//! `POST /api/v2/alerts`: alerts of another Prometheus or a vmalert.
//!
//! ```text
//! who (401, 403) -> turn (503) -> body (413) -> read (400) -> AlertDesk: durable -> 200
//! ```

use std::sync::Arc;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use watchfire_identity::Action;
use watchfire_model::{LabelSet, Labels};
use watchfire_runtime::task;

use super::error::AmError;
use super::shapes::{Pairs, PostableAlert, read_moment};
use crate::accounts::Account;
use crate::alerts::{Firing, NAMING, Round, labels_of, server_of};
use crate::fleet::Fleet;
use crate::http::changer::Changer;
use crate::http::{App, AppState};

/// The largest body, in bytes.
const MAX_BODY: usize = 4 << 20;
/// How many alerts one request may bring.
const MAX_ALERTS: usize = 10_000;
/// An alert that says no end is over so much later, unless it comes again: Alertmanager's
/// `resolve_timeout`.
const RESOLVE_AFTER_MS: i64 = 5 * 60 * 1000;
/// The source of all that comes by this way: two Prometheis that watch the same send the same
/// alert, and it is one.
const SOURCE: &str = "api";
/// Requests that are worked on at a time, and how long others wait.
const AT_A_TIME: usize = 2;
const PATIENCE: Duration = Duration::from_secs(2);

/// What all requests have in common.
pub(in crate::http) struct Posting {
    turns: Arc<Semaphore>,
}

impl Default for Posting {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_A_TIME)) }
    }
}

/// Who sends alerts: a `[[sender]]` of hub.toml, or a user, who can only send what concerns their
/// own servers.
pub(super) enum Poster {
    Sender,
    User(Arc<Account>),
}

impl FromRequestParts<AppState> for Poster {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Response> {
        if app.sender(parts).is_some() {
            return Ok(Self::Sender);
        }
        let changer = Changer::from_request_parts(parts, app).await?;
        changer.may(Action::PostAlerts).map_err(IntoResponse::into_response)?;
        Ok(Self::User(changer.account))
    }
}

/// `POST /api/v2/alerts`
pub(super) async fn post(
    State(app): State<AppState>,
    poster: Poster,
    request: Request,
) -> Result<StatusCode, AmError> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let what = format!("unsupported media type {kind:?}, only [application/json] are allowed");
        return Err(AmError::unreadable(StatusCode::UNSUPPORTED_MEDIA_TYPE, what));
    }
    let turn = app.posting.turns.clone().acquire_owned();
    let turn = app.parts.clock.within(PATIENCE, turn).await;
    let turn = turn.ok_or_else(|| AmError::busy("others are sending alerts"))?;
    let turn = turn.map_err(AmError::fault)?;
    let body = to_bytes(request.into_body(), MAX_BODY).await.map_err(|_| {
        let what = format!("the body has more than {MAX_BODY} bytes, or did not come in whole");
        AmError::unreadable(StatusCode::PAYLOAD_TOO_LARGE, what)
    })?;
    let (fleet, now_ms) = (app.parts.fleet.clone(), app.parts.clock.now().unix_ms);
    let reading = task::blocking("read alerts", move || {
        // It is held by the work itself: hanging up must not make room for more of it.
        let _turn = turn;
        read(&body, &poster, &fleet, now_ms)
    });
    let (alerts, wrong) = reading.await.map_err(AmError::fault)??;
    if !alerts.is_empty() {
        let round = Round {
            source: SOURCE.to_owned(),
            alerts,
            is_whole: false,
            at_ms: now_ms,
            rules: None,
            order: 0,
        };
        app.take_alerts(round).await?;
    }
    // What is right is taken over, as Alertmanager does.
    if wrong.is_empty() { Ok(StatusCode::OK) } else { Err(AmError::bad(wrong.join("; "))) }
}

impl App {
    async fn take_alerts(&self, round: Round) -> Result<(), AmError> {
        let taken = self.parts.alerts.take(round).await;
        taken.map_err(|error| match error.is_temporary() {
            true => AmError::busy("nothing can be stored now"),
            false => AmError::fault(error),
        })
    }
}

/// What is wrong with some of the alerts; it is said of so many.
const MAX_TOLD: usize = 10;

/// The alerts of a body, and what is wrong with the others.
fn read(
    body: &[u8],
    poster: &Poster,
    fleet: &Fleet,
    now_ms: i64,
) -> Result<(Vec<Firing>, Vec<String>), AmError> {
    let posted: Vec<PostableAlert> = serde_json::from_slice(body).map_err(|error| {
        let what = format!("parsing alerts body from \"\" failed, because {error}");
        AmError::unreadable(StatusCode::BAD_REQUEST, what)
    })?;
    if posted.len() > MAX_ALERTS {
        let what = format!("{} alerts; send {MAX_ALERTS} at a time", posted.len());
        return Err(AmError::unreadable(StatusCode::PAYLOAD_TOO_LARGE, what));
    }
    let (mut alerts, mut wrong) = (Vec::new(), Vec::new());
    for alert in posted {
        match firing(alert, now_ms) {
            Ok(firing) if !poster.may_post(&firing.labels, fleet) => {
                let what = "an alert is about servers that you may not see";
                return Err(AmError::new(StatusCode::FORBIDDEN, what));
            }
            Ok(firing) => alerts.push(firing),
            Err(why) if wrong.len() < MAX_TOLD => wrong.push(why),
            Err(_) => {}
        }
    }
    Ok((alerts, wrong))
}

impl Poster {
    /// Whether it concerns only what the poster sees. One that names a server names one of
    /// theirs: others' names are refused like names that nobody has.
    fn may_post(&self, labels: &LabelSet, fleet: &Fleet) -> bool {
        let Self::User(account) = self else { return true };
        let scope = &account.scope;
        if scope.is_everything() {
            return true;
        }
        let holds = |labels: &Labels| scope.holds(labels);
        let index = server_of(fleet, labels).and_then(|server| fleet.index(&server));
        match index {
            Some(index) => holds(&fleet.config(index).server.labels),
            None => {
                let names_none = NAMING.iter().all(|name| labels.get(name).is_empty());
                names_none && holds(&labels_of(fleet, None, labels))
            }
        }
    }
}

fn firing(alert: PostableAlert, now_ms: i64) -> Result<Firing, String> {
    let labels: Pairs = alert.labels.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    if labels.is_empty() {
        return Err("at least one label pair required".to_owned());
    }
    if let Some(name) = labels.keys().find(|name| Labels::new().insert(name, "").is_err()) {
        return Err(format!("invalid label set: invalid name {name:?}"));
    }
    if !labels.contains_key("alertname") {
        return Err("invalid label set: it has no alertname".to_owned());
    }
    let time = |text: Option<String>| read_moment(text.as_deref().unwrap_or_default());
    let (starts_ms, ends_ms) = (time(alert.starts_at)?, time(alert.ends_at)?);
    let ends_ms = ends_ms.unwrap_or(now_ms.saturating_add(RESOLVE_AFTER_MS));
    let starts_ms = starts_ms.unwrap_or(now_ms.min(ends_ms));
    if starts_ms > ends_ms {
        return Err("start time must be before end time".to_owned());
    }
    // It becomes a link on pages.
    let is_web = |url: &String| url.starts_with("http://") || url.starts_with("https://");
    let pairs = labels.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into()));
    Ok(Firing {
        labels: LabelSet::new(pairs),
        annotations: alert.annotations.unwrap_or_default().into_iter().collect(),
        value: None,
        starts_ms,
        ends_ms: Some(ends_ms),
        generator_url: alert.generator_url.filter(is_web).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(json: &str) -> Result<Firing, String> {
        firing(serde_json::from_str(json).expect("JSON"), 1_000_000)
    }

    #[test]
    fn times_that_are_left_out_are_made_up_for() {
        for (times, expected) in [
            ("", (1_000_000, 1_300_000)),
            (
                r#""startsAt":"0001-01-01T00:00:00Z","endsAt":"0001-01-01T00:00:00Z""#,
                (1_000_000, 1_300_000),
            ),
            (r#""endsAt":"1970-01-01T00:00:10Z""#, (10_000, 10_000)),
            (r#""startsAt":"1970-01-01T00:00:01Z""#, (1_000, 1_300_000)),
        ] {
            let comma = if times.is_empty() { "" } else { "," };
            let one = read_one(&format!(r#"{{"labels":{{"alertname":"x"}}{comma}{times}}}"#));
            let one = one.expect("a good alert");
            assert_eq!((one.starts_ms, one.ends_ms), (expected.0, Some(expected.1)), "{times}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_alertmanagers_words() {
        for (json, words) in [
            (r#"{"labels":{}}"#, "at least one label pair required"),
            (r#"{"labels":{"a":""}}"#, "at least one label pair required"),
            (r#"{"labels":{"a-b":"c"}}"#, "invalid label set: invalid name \"a-b\""),
            (r#"{"labels":{"a":"b"}}"#, "invalid label set: it has no alertname"),
            (
                r#"{"labels":{"alertname":"x"},"startsAt":"2030-01-01T00:00:00Z"}"#,
                "start time must be before end time",
            ),
            (r#"{"labels":{"alertname":"x"},"endsAt":"x"}"#, "parsing time \"x\": not RFC 3339"),
        ] {
            assert_eq!(read_one(json).expect_err(json), words);
        }
        let script = r#"{"labels":{"alertname":"x"},"generatorURL":"javascript:alert(1)"}"#;
        assert_eq!(read_one(script).expect("a good alert").generator_url, "");
    }
}
