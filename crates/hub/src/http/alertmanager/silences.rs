//! `/api/v2/silences` and `/api/v2/silence/{id}`.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use watchfire_alert::told::SilenceState;
use watchfire_identity::Action;
use watchfire_model::MatchOp;
use watchfire_store::StoredSilence;

use super::error::AmError;
use super::filter::Asked;
use super::shapes::{
    GettableSilence, PostableSilence, SilenceMade, SilenceMatcher, SilenceStatus, moment,
    read_moment,
};
use crate::http::AppState;
use crate::http::asker::Asker;
use crate::http::changer::Changer;
use crate::http::silences::state_word;
use crate::silences::{Condition, NoSilence, Wish, state_of};

/// `GET /api/v2/silences?filter=`
pub(super) async fn list(
    State(app): State<AppState>,
    asker: Asker,
    asked: Asked,
) -> Result<Json<Vec<GettableSilence>>, AmError> {
    let all = app.parts.silences.of(&asker.account).await.map_err(AmError::fault)?;
    let now_ms = app.parts.clock.now().unix_ms;
    let mut fitting: Vec<StoredSilence> =
        all.into_iter().filter(|one| asked.fits(|label| value_of(one, label))).collect();
    fitting.sort_by_key(|one| order(one, now_ms));
    Ok(Json(fitting.iter().map(|one| gettable(one, now_ms)).collect()))
}

/// `GET /api/v2/silence/{id}`
pub(super) async fn one(
    State(app): State<AppState>,
    asker: Asker,
    Path(id): Path<String>,
) -> Result<Json<GettableSilence>, AmError> {
    let found = app.parts.silences.find(&asker.account, &id).await?;
    Ok(Json(gettable(&found, app.parts.clock.now().unix_ms)))
}

/// `POST /api/v2/silences`
pub(super) async fn make(
    State(app): State<AppState>,
    changer: Changer,
    body: Result<Json<PostableSilence>, JsonRejection>,
) -> Result<Json<SilenceMade>, Response> {
    changer.may(Action::Silence).map_err(IntoResponse::into_response)?;
    let wish = body.map_err(|error| AmError::unreadable(error.status(), error.body_text()));
    let wish = wish.and_then(|Json(body)| wanted(body)).map_err(IntoResponse::into_response)?;
    let made = app.parts.silences.make(&changer.account, wish).await;
    let made = made.map_err(|error| AmError::from(error).into_response())?;
    Ok(Json(SilenceMade { silence_id: made.id }))
}

/// `DELETE /api/v2/silence/{id}`
pub(super) async fn end(
    State(app): State<AppState>,
    changer: Changer,
    Path(id): Path<String>,
) -> Result<StatusCode, Response> {
    changer.may(Action::Silence).map_err(IntoResponse::into_response)?;
    let ended = app.parts.silences.end(&changer.account, &id).await;
    ended.map(|_| StatusCode::OK).map_err(|error| AmError::from(error).into_response())
}

fn wanted(body: PostableSilence) -> Result<Wish, AmError> {
    let time = |text: &str| read_moment(text).map_err(AmError::bad);
    let to_ms = time(&body.ends_at)?;
    let to_ms = to_ms.ok_or_else(|| AmError::from(NoSilence::Wrong("it has no end".to_owned())))?;
    let condition = |one: SilenceMatcher| -> Condition {
        let op = match (one.is_equal, one.is_regex) {
            (true, false) => MatchOp::Equal,
            (false, false) => MatchOp::NotEqual,
            (true, true) => MatchOp::Matches,
            (false, true) => MatchOp::NotMatches,
        };
        (one.name, op, one.value)
    };
    Ok(Wish {
        id: body.id.filter(|id| !id.is_empty()),
        from_ms: time(&body.starts_at)?,
        to_ms,
        conditions: body.matchers.into_iter().map(condition).collect(),
        comment: body.comment,
    })
}

/// What a silence's matcher of that label compares with: Alertmanager filters by that.
fn value_of<'a>(silence: &'a StoredSilence, label: &str) -> Option<&'a str> {
    let found = silence.matchers.iter().rev().find(|(name, ..)| name == label);
    found.map(|(_, _, value)| value.as_str())
}

/// Those that mute first, by their end; then those that will, by their begin; then the others,
/// the last one first.
fn order(silence: &StoredSilence, now_ms: i64) -> (u8, i64) {
    match state_of(silence, now_ms) {
        SilenceState::Active => (0, silence.to_unix_ms),
        SilenceState::Pending => (1, silence.from_unix_ms),
        SilenceState::Expired => (2, silence.to_unix_ms.saturating_neg()),
    }
}

fn gettable(silence: &StoredSilence, now_ms: i64) -> GettableSilence {
    let matcher = |(label, op, value): &Condition| SilenceMatcher {
        is_equal: matches!(op, MatchOp::Equal | MatchOp::Matches),
        is_regex: matches!(op, MatchOp::Matches | MatchOp::NotMatches),
        name: label.clone(),
        value: value.clone(),
    };
    GettableSilence {
        id: silence.id.clone(),
        status: SilenceStatus { state: state_word(state_of(silence, now_ms)) },
        updated_at: moment(silence.updated_unix_ms),
        comment: silence.comment.clone(),
        created_by: silence.author.clone(),
        ends_at: moment(silence.to_unix_ms),
        matchers: silence.matchers.iter().map(matcher).collect(),
        starts_at: moment(silence.from_unix_ms),
    }
}
