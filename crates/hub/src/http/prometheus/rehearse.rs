//! Rules that somebody thinks of, replayed on what is stored. It changes nothing.

use std::time::Duration;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse, Response};
use axum::{Json, RequestExt, extract::Request};
use watchfire_alert::go_template;
use watchfire_alert::rules::{
    Group, Rehearsal, RehearsalError, RuleFile, Scene, Stage, USUAL_INTERVAL_MS, always_known,
    rehearse as replay,
};
use watchfire_api::rehearsal::{
    RehearsalWish, Rehearsed, RehearsedAlert, RehearsedGroup, RehearsedRule, RehearsedStretch,
};
use watchfire_model::LabelSet;
use watchfire_promql::Limits;

use super::error::{ApiError, Kind};
use super::questions::Turn;
use crate::http::AppState;
use crate::http::asker::Asker;

/// The largest request, in bytes.
pub(super) const MAX_WISH: usize = 1 << 20;
/// How long it may take. A request as a whole has ten seconds, and may wait for its turn before.
const TIME: Duration = Duration::from_secs(5);
/// More stretches of all alerts together are counted and not told.
const MAX_STRETCHES: usize = 20_000;
/// More alerts of all rules together likewise.
const MAX_ALERTS: usize = 5_000;
/// What is told of a file that is bad, in mistakes.
const MAX_MISTAKES: usize = 20;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What is left to be told.
struct Room {
    stretches: usize,
    alerts: usize,
}

/// `POST /api/v1/rules/rehearse`
pub(super) async fn rehearse(
    State(app): State<AppState>,
    asker: Asker,
    request: Request,
) -> Result<Response, ApiError> {
    let read: Result<Json<RehearsalWish>, JsonRejection> = request.extract().await;
    let Json(wish) = read.map_err(|error| {
        let what = error.body_text();
        ApiError::unreadable(error.into_response().status(), what)
    })?;
    let now_ms = app.parts.clock.now().unix_ms;
    let until_ms = wish.until_unix_ms.unwrap_or(now_ms);
    let from_ms = wish.from_unix_ms.unwrap_or(until_ms.saturating_sub(DAY_MS));
    // One at a time: it takes as long as it may more often than a question does.
    let place = app.rehearsing.clone().try_acquire_owned().map_err(|_| {
        ApiError::new(Kind::Unavailable, "another rehearsal is under way: come again")
    })?;
    let limits = app.questions.language_limits(None);
    let public_url = app.parts.public_url.clone();
    let asked = app.question(&asker, TIME, move |turn| {
        // The work itself holds it: hanging up must not make room for more of it.
        let _held = place;
        let file = RuleFile::parse("rules", &wish.rules).map_err(|errors| bad_file(&errors))?;
        let mut room = Room { stretches: MAX_STRETCHES, alerts: MAX_ALERTS };
        let groups = file.groups.iter().map(|group| {
            let usual = group.interval_ms.unwrap_or(USUAL_INTERVAL_MS);
            let stage = Stage { from_ms, until_ms, step_ms: wish.step_ms.unwrap_or(usual) };
            rehearsed(group, stage, turn, &limits, &public_url, &mut room)
        });
        let groups = groups.collect::<Result<_, ApiError>>()?;
        Ok(Rehearsed { from_unix_ms: from_ms, until_unix_ms: until_ms, groups })
    });
    Ok(Json(asked.await?.result).into_response())
}

fn rehearsed(
    group: &Group,
    stage: Stage,
    turn: &Turn<'_>,
    limits: &Limits,
    public_url: &str,
    room: &mut Room,
) -> Result<RehearsedGroup, ApiError> {
    let scene = Scene {
        source: turn.source,
        limits: *limits,
        template_limits: go_template::Limits::default(),
        out_of_time: turn.out_of_time,
        is_known: &always_known,
        external_labels: &LabelSet::empty(),
        external_url: public_url,
    };
    let rehearsals = replay(group, stage, &scene).map_err(|error| match error {
        RehearsalError::OutOfTime => ApiError::new(Kind::Timeout, error.to_string()),
        error => ApiError::new(Kind::BadData, error.to_string()),
    })?;
    Ok(RehearsedGroup {
        name: group.name.clone(),
        step_ms: stage.step_ms,
        rules: rehearsals.into_iter().map(|one| rule(group, one, room)).collect(),
    })
}

fn rule(group: &Group, rehearsal: Rehearsal, room: &mut Room) -> RehearsedRule {
    let rule = &group.rules[rehearsal.rule];
    let told = rehearsal.alerts.len().min(room.alerts);
    room.alerts -= told;
    let untold = rehearsal.untold + rehearsal.alerts.len() - told;
    let (failed, error) = rehearsal.failed.map_or((0, None), |(times, why)| (times, Some(why)));
    RehearsedRule {
        name: rule.name.to_string(),
        line: rule.line,
        evaluations: rehearsal.moments,
        failed,
        error,
        alerts: rehearsal.alerts.into_iter().take(told).map(|one| alert(one, room)).collect(),
        untold,
    }
}

fn alert(alert: watchfire_alert::rules::RehearsedAlert, room: &mut Room) -> RehearsedAlert {
    let told = alert.stretches.len().min(room.stretches);
    room.stretches -= told;
    let untold = alert.untold + alert.stretches.len() - told;
    let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    RehearsedAlert {
        labels: alert.labels.iter().map(pair).collect(),
        annotations: alert.annotations.iter().map(|(name, text)| pair((name, text))).collect(),
        pending_ms: alert.pending_ms,
        firing_ms: alert.firing_ms,
        stretches: alert.stretches[..told]
            .iter()
            .map(|stretch| RehearsedStretch {
                state: stretch.state.as_str().to_owned(),
                from_unix_ms: stretch.from_ms,
                until_unix_ms: stretch.until_ms,
            })
            .collect(),
        untold,
    }
}

fn bad_file(errors: &[watchfire_alert::rules::RuleError]) -> ApiError {
    let told: Vec<String> = errors.iter().take(MAX_MISTAKES).map(ToString::to_string).collect();
    ApiError::new(Kind::BadData, told.join("\n"))
}
