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
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use watchfire_identity::Action;
use watchfire_model::{LabelSet, Labels, ServerName};
use watchfire_runtime::{Clock, task};

use super::error::AmError;
use super::shapes::{Pairs, PostableAlert, read_moment};
use crate::accounts::Account;
use crate::alerts::{self, Firing, NAMING, Round, Taken, labels_of, server_of};
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
/// How far away an end may be that an alert brings along. Whoever sends it sends it again before,
/// and what nobody sends any more must not go on for ever.
const LATEST_END_MS: i64 = 24 * 60 * 60 * 1000;
/// The source of all that comes by this way: two Prometheis that watch the same send the same
/// alert, and it is one.
const SOURCE: &str = "api";
/// Requests that are worked on at a time, and how long others wait.
const AT_A_TIME: usize = 2;
const PATIENCE: Duration = Duration::from_secs(2);

/// What all requests have in common.
pub(in crate::http) struct Posting {
    turns: Arc<Semaphore>,
    /// For those who look at all alerts: posters wait for none of them.
    looks: Arc<Semaphore>,
}

impl Default for Posting {
    fn default() -> Self {
        let turns = || Arc::new(Semaphore::new(AT_A_TIME));
        Self { turns: turns(), looks: turns() }
    }
}

impl Posting {
    /// A turn to look at all alerts.
    pub(super) async fn look(&self, clock: &Clock) -> Result<OwnedSemaphorePermit, AmError> {
        let turn = clock.within(PATIENCE, self.looks.clone().acquire_owned()).await;
        turn.ok_or_else(|| AmError::busy("others are looking"))?.map_err(AmError::fault)
    }
}

/// Who sends alerts: a `[[sender]]` of hub.toml, or a user, who can only send what concerns their
/// own servers.
pub(super) enum Poster {
    Sender(ServerName),
    User(Arc<Account>),
}

impl FromRequestParts<AppState> for Poster {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Response> {
        if let Some(sender) = app.sender(parts) {
            return Ok(Self::Sender(sender.name.clone()));
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
    let sent_by = poster.name();
    let (fleet, now_ms) = (app.parts.fleet.clone(), app.parts.clock.now().unix_ms);
    let reading = task::blocking("read alerts", move || {
        // It is held by the work itself: hanging up must not make room for more of it.
        let _turn = turn;
        read(&body, &poster, &fleet, now_ms)
    });
    let (alerts, wrong) = reading.await.map_err(AmError::fault)??;
    let right = u64::try_from(alerts.len()).unwrap_or(u64::MAX);
    let mut taken = Taken::default();
    if !alerts.is_empty() {
        let (source, poster) = (SOURCE.to_owned(), Some(sent_by));
        let round =
            Round { source, alerts, is_whole: false, at_ms: now_ms, poster, rules: None, order: 0 };
        taken = app.take_alerts(round).await?;
    }
    // What is right is taken over, as Alertmanager does.
    answer(right, &taken, &wrong)
}

impl App {
    async fn take_alerts(&self, round: Round) -> Result<Taken, AmError> {
        let taken = self.parts.alerts.take(round).await;
        taken.map_err(|error| match error.is_temporary() {
            true => AmError::busy("nothing can be stored now"),
            false => AmError::fault(error),
        })
    }
}

/// Yes, where all of the alerts are taken over. Else what is wrong with the others: nobody must
/// believe that something is watched which is not.
fn answer(right: u64, taken: &Taken, wrong: &Wrong) -> Result<StatusCode, AmError> {
    let left_out = taken.left_out();
    if wrong.count == 0 && left_out == 0 {
        return Ok(StatusCode::OK);
    }
    let mut why = wrong.words.clone();
    if left_out == 0 {
        return Err(AmError::bad(why.join("; ")));
    }
    let reasons = [
        (taken.no_room, "there is no room for more"),
        (taken.beyond_share, "you have the most already that one may have"),
        (taken.too_large, "there is too much text in one"),
        (taken.not_stored, "they could not be stored; the hub's log says why"),
    ];
    let reasons = reasons.iter().filter(|(count, _)| *count > 0);
    why.extend(reasons.map(|(count, reason)| format!("{count} left out: {reason}")));
    let (all, kept) = (right.saturating_add(wrong.count), right.saturating_sub(left_out));
    Err(AmError::bad(format!("{kept} of {all} alerts are taken; {}", why.join("; "))))
}

/// What is wrong with alerts.
#[derive(Debug, Default)]
struct Wrong {
    count: u64,
    /// Of the first of them.
    words: Vec<String>,
}

/// What is wrong with some of the alerts; it is said of so many.
const MAX_TOLD: usize = 10;

/// The alerts of a body, and what is wrong with the others.
fn read(
    body: &[u8],
    poster: &Poster,
    fleet: &Fleet,
    now_ms: i64,
) -> Result<(Vec<Firing>, Wrong), AmError> {
    let posted: Vec<PostableAlert> = serde_json::from_slice(body).map_err(|error| {
        let what = format!("parsing alerts body from \"\" failed, because {error}");
        AmError::unreadable(StatusCode::BAD_REQUEST, what)
    })?;
    if posted.len() > MAX_ALERTS {
        let what = format!("{} alerts; send {MAX_ALERTS} at a time", posted.len());
        return Err(AmError::unreadable(StatusCode::PAYLOAD_TOO_LARGE, what));
    }
    let (mut alerts, mut wrong) = (Vec::new(), Wrong::default());
    for alert in posted {
        match firing(alert, now_ms) {
            Ok(firing) if !poster.may_post(&firing.labels, fleet) => {
                let what = "an alert is about servers that you may not see";
                return Err(AmError::new(StatusCode::FORBIDDEN, what));
            }
            Ok(firing) => alerts.push(firing),
            Err(why) => {
                wrong.count += 1;
                if wrong.words.len() < MAX_TOLD {
                    wrong.words.push(why);
                }
            }
        }
    }
    Ok((alerts, wrong))
}

impl Poster {
    /// Whose share of the room it takes.
    fn name(&self) -> alerts::Poster {
        match self {
            Self::Sender(name) => alerts::Poster::sender(name.as_str()),
            Self::User(account) => alerts::Poster::user(&account.name),
        }
    }

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
        ends_ms: Some(ends_ms.min(now_ms.saturating_add(LATEST_END_MS))),
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
    fn no_end_is_further_away_than_a_day() {
        let far = r#"{"labels":{"alertname":"x"},"endsAt":"2999-01-01T00:00:00Z"}"#;
        let day = 86_400_000;
        assert_eq!(read_one(far).expect("a good alert").ends_ms, Some(1_000_000 + day));
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
