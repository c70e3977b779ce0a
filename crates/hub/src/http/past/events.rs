use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use watchfire_api::past::{EventList, GapRow, RecordedEventRow};

use super::super::AppState;
use super::super::asker::Asker;
use super::super::reply::Refusal;
use super::{EventsAsked, Heard, bad, span};

/// The time that is looked through when the caller does not say.
const USUAL_SPAN: Duration = Duration::from_secs(24 * 3600);
/// How many events are listed when the caller does not say, and at most.
const USUAL_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

const HINT: &str = "use from=MOMENT, to=MOMENT and limit=NUMBER";

/// What `GET /api/servers/{name}/events` may be asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct EventsQuestion {
    from: Option<String>,
    to: Option<String>,
    limit: Option<usize>,
}

/// `GET /api/servers/{name}/events?from=&to=&limit=`: what the server's kernel told, newest first.
pub(in crate::http) async fn events(
    State(app): State<AppState>,
    asker: Asker,
    Path(name): Path<String>,
    query: Result<Query<EventsQuestion>, QueryRejection>,
) -> Result<Json<EventList>, Refusal> {
    let index = app.server_in(&asker.account.scope, &name)?;
    let Query(query) = query.map_err(|error| bad(format!("{}: {HINT}", error.body_text())))?;
    let limit = query.limit.unwrap_or(USUAL_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(bad(format!("limit is a number from 1 to {MAX_LIMIT}: {HINT}")));
    }
    let now_ms = app.parts.clock.now().unix_ms;
    let (from_ms, to_ms) = span(query.from.as_deref(), query.to.as_deref(), USUAL_SPAN, now_ms)?;
    let server = app.parts.fleet.config(index).server.name.clone();
    let asked = EventsAsked { from_ms, to_ms, limit: limit + 1 };
    let past = &app.parts.past;
    let found = past.ask(move |recorded, over| recorded.events_of(&server, &asked, over)).await?;
    let mut events: Vec<RecordedEventRow> = found.events.into_iter().map(row).collect();
    let more = events.len() > limit;
    events.truncate(limit);
    let gap = |(from_unix_ms, to_unix_ms)| GapRow { from_unix_ms, to_unix_ms };
    Ok(Json(EventList { events, gaps: found.gaps.into_iter().map(gap).collect(), more }))
}

fn row(heard: Heard) -> RecordedEventRow {
    let Heard { at_ms, event } = heard;
    RecordedEventRow {
        at_unix_ms: at_ms,
        kind: event.kind,
        text: event.text,
        pid: event.pid,
        name: event.name,
    }
}
