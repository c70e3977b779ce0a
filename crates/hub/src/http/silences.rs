//! What operators mute, in our own words: `/api/silences`. Alertmanager's are in `alertmanager`.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use watchfire_alert::told::SilenceState;
use watchfire_api::silences::{SilenceList, SilenceRow, SilenceWish};
use watchfire_identity::Action;
use watchfire_model::{Labels, Selector};
use watchfire_store::StoredSilence;

use super::asker::Asker;
use super::changer::Changer;
use super::reply::Refusal;
use super::{App, AppState};
use crate::muting::labels_of_trouble;
use crate::silences::{NoSilence, Wish, standing_of, state_of, text_of};

/// How many servers of a silence are named.
const MAX_NAMED: usize = 20;
/// Of how many silences of a list the servers are told: it takes all servers times all silences.
const MAX_COUNTED: usize = 100;
/// How many silences are listed when the asker does not say, and at most.
const USUAL_LIMIT: usize = 500;
const STATES: [&str; 3] = ["pending", "active", "expired"];

/// What `GET /api/silences` may be asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SilenceQuery {
    state: Option<String>,
    limit: Option<usize>,
}

/// `GET /api/silences?state=active,pending&limit=N`: newest first.
pub(super) async fn list(
    State(app): State<AppState>,
    asker: Asker,
    query: Result<Query<SilenceQuery>, QueryRejection>,
) -> Result<Json<SilenceList>, Refusal> {
    may_look(&asker)?;
    let hint = "use state=pending, active or expired, several with commas, and limit=NUMBER";
    let bad = |why: String| Refusal::new(StatusCode::BAD_REQUEST, format!("{why}: {hint}"));
    let Query(query) = query.map_err(|error| bad(error.body_text()))?;
    let states: Option<Vec<&str>> = query.state.as_deref().map(|words| words.split(',').collect());
    let states = states.as_deref();
    if let Some(other) = states.and_then(|words| words.iter().find(|word| !STATES.contains(word))) {
        return Err(bad(format!("there is no state {other:?}")));
    }
    let all = app.parts.silences.of(&asker.account).await.map_err(Refusal::fault)?;
    let servers = seen(&app, |labels| asker.sees(labels));
    let now_ms = app.parts.clock.now().unix_ms;
    let is_asked = |one: &&StoredSilence| {
        states.is_none_or(|states| states.contains(&state_word(state_of(one, now_ms))))
    };
    let limit = query.limit.unwrap_or(USUAL_LIMIT).min(USUAL_LIMIT);
    let asked = all.iter().rev().filter(is_asked).take(limit).enumerate();
    let rows = asked
        .map(|(place, one)| row(&app, (place < MAX_COUNTED).then_some(servers.as_slice()), one));
    Ok(Json(SilenceList { silences: rows.collect() }))
}

/// `GET /api/silences/{id}`
pub(super) async fn one(
    State(app): State<AppState>,
    asker: Asker,
    Path(id): Path<String>,
) -> Result<Json<SilenceRow>, Refusal> {
    may_look(&asker)?;
    let found = app.parts.silences.find(&asker.account, &id).await?;
    let servers = seen(&app, |labels| asker.sees(labels));
    Ok(Json(row(&app, Some(&servers), &found)))
}

/// `POST /api/silences`
pub(super) async fn make(
    State(app): State<AppState>,
    changer: Changer,
    body: Result<Json<SilenceWish>, JsonRejection>,
) -> Result<(StatusCode, Json<SilenceRow>), Refusal> {
    changer.may(Action::Silence)?;
    let Json(wish) = body.map_err(|error| Refusal::new(error.status(), error.body_text()))?;
    let now_ms = app.parts.clock.now().unix_ms;
    let made = app.parts.silences.make(&changer.account, wanted(wish, now_ms)?).await?;
    let servers = seen(&app, |labels| changer.sees(labels));
    Ok((StatusCode::CREATED, Json(row(&app, Some(&servers), &made))))
}

/// `DELETE /api/silences/{id}`: it is over from now on, and stays for a while to be seen.
pub(super) async fn end(
    State(app): State<AppState>,
    changer: Changer,
    Path(id): Path<String>,
) -> Result<Json<SilenceRow>, Refusal> {
    changer.may(Action::Silence)?;
    let ended = app.parts.silences.end(&changer.account, &id).await?;
    let servers = seen(&app, |labels| changer.sees(labels));
    Ok(Json(row(&app, Some(&servers), &ended)))
}

impl From<NoSilence> for Refusal {
    fn from(error: NoSilence) -> Self {
        let status = match &error {
            NoSilence::Unknown => return Self::not_found("silence"),
            NoSilence::Store(error) => return Self::fault(error),
            NoSilence::Beyond(_) => StatusCode::FORBIDDEN,
            NoSilence::Over => StatusCode::CONFLICT,
            NoSilence::Wrong(_) | NoSilence::Refused(_) | NoSilence::TooMany(_) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
        };
        Self::new(status, error.to_string())
    }
}

fn may_look(asker: &Asker) -> Result<(), Refusal> {
    match asker.may(Action::ViewIncidents) {
        true => Ok(()),
        false => Err(Refusal::new(StatusCode::FORBIDDEN, "your role does not allow that")),
    }
}

fn wanted(wish: SilenceWish, now_ms: i64) -> Result<Wish, Refusal> {
    let wrong = |why: String| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    let selector = Selector::parse(&wish.matchers)
        .map_err(|error| wrong(format!("matchers {:?}: {error}", wish.matchers)))?;
    let from_ms = wish.from_unix_ms.unwrap_or(now_ms);
    let to_ms = match (wish.to_unix_ms, wish.seconds) {
        (Some(to), None) => to,
        (None, Some(seconds)) => {
            let ms = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000);
            from_ms.saturating_add(ms)
        }
        _ => return Err(wrong("say until when: to_unix_ms or seconds, one of them".to_owned())),
    };
    let matchers = selector.matchers().iter();
    let conditions =
        matchers.map(|one| (one.label().to_owned(), one.op(), one.value().to_owned())).collect();
    let SilenceWish { id, from_unix_ms: from_ms, comment, .. } = wish;
    Ok(Wish { id, conditions, from_ms, to_ms, comment })
}

/// A server that somebody sees: its name, its labels, and those of its trouble.
struct Seen {
    name: String,
    labels: Labels,
    trouble: Labels,
}

fn seen(app: &App, sees: impl Fn(&Labels) -> bool) -> Vec<Seen> {
    let fleet = &app.parts.fleet;
    let servers = fleet.indices().into_iter().map(|index| fleet.config(index));
    let seen = servers.filter(|config| sees(&config.server.labels)).map(|config| Seen {
        name: config.server.name.to_string(),
        labels: config.server.labels.clone(),
        trouble: labels_of_trouble(&config.server.labels),
    });
    seen.collect()
}

/// What is told of a silence, with which of these servers it mutes, where they are given.
fn row(app: &App, servers: Option<&[Seen]>, silence: &StoredSilence) -> SilenceRow {
    let now = app.parts.clock.now();
    let standing = servers.and_then(|_| standing_of(silence, now));
    let muted = servers.zip(standing).map(|(servers, standing)| {
        let is_muted = |one: &&Seen| standing.fits(&one.trouble, &one.labels);
        servers.iter().filter(is_muted).map(|one| one.name.clone()).collect::<Vec<_>>()
    });
    SilenceRow {
        id: silence.id.clone(),
        state: state_word(state_of(silence, now.unix_ms)).to_owned(),
        matchers: text_of(silence),
        author: silence.author.clone(),
        comment: silence.comment.clone(),
        from_unix_ms: silence.from_unix_ms,
        to_unix_ms: silence.to_unix_ms,
        created_unix_ms: silence.created_unix_ms,
        updated_unix_ms: silence.updated_unix_ms,
        server_count: muted.as_ref().map(Vec::len),
        servers: muted.into_iter().flatten().take(MAX_NAMED).collect(),
    }
}

/// The word for where a silence stands, ours and Alertmanager's.
pub(super) fn state_word(state: SilenceState) -> &'static str {
    match state {
        SilenceState::Pending => "pending",
        SilenceState::Active => "active",
        SilenceState::Expired => "expired",
    }
}
