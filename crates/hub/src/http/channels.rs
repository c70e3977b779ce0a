//! The channels of whoever asks, and a test of one of them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use watchfire_api::channels::{ChannelBudget, ChannelLast, ChannelRow, ChannelTest};
use watchfire_api::hub::NotificationRow;
use watchfire_identity::Action;
use watchfire_model::{Notification, NotificationId, NotificationKind};
use watchfire_runtime::task;
use watchfire_store::StoreError;

use super::AppState;
use super::asker::Asker;
use super::changer::Changer;
use super::reply::Refusal;
use super::route::shown;

/// `GET /api/channels`: how the asker is told and how that went last, without what is secret in it.
pub(super) async fn list(
    State(app): State<AppState>,
    asker: Asker,
) -> Result<Json<Vec<ChannelRow>>, Refusal> {
    let (tests, now) = (app.parts.self_tests.clone(), app.parts.clock.now());
    let user = asker.account.name.clone();
    let read = task::blocking("read", move || tests.standing(&user, now)).await;
    let standing = read.map_err(Refusal::fault)?.map_err(Refusal::fault)?;
    let rows = standing.into_iter().enumerate().map(|(number, one)| ChannelRow {
        number,
        channel: shown(&one.channel),
        last: one.last.map(|last| ChannelLast {
            at_unix_ms: last.unix_ms,
            outcome: last.outcome,
            detail: last.words,
        }),
        budget: one.budget.map(|(used, most)| ChannelBudget { used, most }),
    });
    Ok(Json(rows.collect()))
}

/// `POST /api/channels/{number}/test`: sends a message by one of the asker's own channels. What
/// became of it is told by `GET /api/channels/tests/{id}`.
pub(super) async fn test(
    State(app): State<AppState>,
    changer: Changer,
    Path(number): Path<String>,
) -> Result<(StatusCode, Json<ChannelTest>), Refusal> {
    changer.may(Action::ViewFleet)?;
    let number: usize = number.parse().map_err(|_| Refusal::not_found("channel"))?;
    let (tests, now) = (app.parts.self_tests.clone(), app.parts.clock.now());
    let user = changer.account.name.clone();
    let written = task::blocking("self test", move || tests.test(&user, number, now)).await;
    let written = written.map_err(Refusal::fault)?.map_err(Refusal::fault)?;
    let id = written.ok_or_else(|| Refusal::not_found("channel"))?;
    Ok((
        StatusCode::ACCEPTED,
        Json(ChannelTest { id: id.0, state: "pending".into(), detail: None }),
    ))
}

/// `GET /api/channels/tests/{id}`: what became of a test of the asker's.
pub(super) async fn outcome(
    State(app): State<AppState>,
    asker: Asker,
    Path(id): Path<String>,
) -> Result<Json<ChannelTest>, Refusal> {
    let missing = || Refusal::not_found("test");
    let id = id.parse().map_err(|_| missing())?;
    let store = app.parts.store.clone();
    let read = task::blocking("read", move || {
        let id = NotificationId(id);
        Ok::<_, StoreError>((store.notification(id)?, store.deliveries_of(id)?))
    });
    let (letter, deliveries) = read.await.map_err(Refusal::fault)?.map_err(Refusal::fault)?;
    let is_theirs = |letter: &Notification| {
        letter.user == asker.account.name && letter.kind == NotificationKind::SelfTest
    };
    let letter = letter.filter(is_theirs).ok_or_else(missing)?;
    let row = NotificationRow::new(&letter, &deliveries);
    let detail = row.deliveries.last().map(|last| last.detail.clone());
    Ok(Json(ChannelTest { id: letter.id.0, state: letter.state.as_str().to_owned(), detail }))
}
