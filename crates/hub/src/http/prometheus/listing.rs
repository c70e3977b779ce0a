//! Which series, labels and metrics there are.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::response::Response;
use watchfire_model::{Found, Listing, Matcher, SeriesSource, SourceError};

use super::body::Items;
use super::error::{ApiError, Kind};
use super::names::{path_part, unescaped};
use super::notes::Notes;
use super::params::Params;
use super::questions::weight_of_labels;
use super::{answer, elsewhere, questions::Turn};
use crate::http::AppState;
use crate::http::asker::Asker;

/// What a listing is asked for.
struct Wish {
    selectors: Vec<Vec<Matcher>>,
    from_ms: i64,
    until_ms: i64,
    limit: usize,
}

/// `/api/v1/series?match[]=&start=&end=&limit=`
pub(super) async fn series(
    State(app): State<AppState>,
    asker: Asker,
    params: Params,
) -> Result<Response, ApiError> {
    let wish = Wish::of(&params, &app)?;
    if wish.selectors.is_empty() {
        return Err(ApiError::new(Kind::BadData, "no match[] parameter provided"));
    }
    if let Some(answer) = elsewhere(&app, &asker, "/api/v1/series", &params).await? {
        return Ok(answer);
    }
    let found = listed(&app, &asker, wish, |source, listing| source.series(listing)).await?;
    sent(&app, found, |sets| Items::Labels(sets.into_iter()))
}

/// `/api/v1/labels?match[]=&start=&end=&limit=`
pub(super) async fn label_names(
    State(app): State<AppState>,
    asker: Asker,
    params: Params,
) -> Result<Response, ApiError> {
    let wish = Wish::of(&params, &app)?;
    if let Some(answer) = elsewhere(&app, &asker, "/api/v1/labels", &params).await? {
        return Ok(answer);
    }
    let found = listed(&app, &asker, wish, |source, listing| source.label_names(listing)).await?;
    sent(&app, found, |names| Items::Texts(names.into_iter()))
}

/// `/api/v1/label/NAME/values?match[]=&start=&end=&limit=`
pub(super) async fn label_values(
    State(app): State<AppState>,
    asker: Asker,
    Path(escaped): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let name = unescaped(&escaped);
    if name.is_empty() {
        return Err(ApiError::new(Kind::BadData, format!("invalid label name: {name:?}")));
    }
    let wish = Wish::of(&params, &app)?;
    let path = format!("/api/v1/label/{}/values", path_part(&escaped)?);
    if let Some(answer) = elsewhere(&app, &asker, &path, &params).await? {
        return Ok(answer);
    }
    let look =
        move |source: &dyn SeriesSource, listing: &Listing<'_>| source.label_values(&name, listing);
    let found = listed(&app, &asker, wish, look).await?;
    sent(&app, found, |values| Items::Texts(values.into_iter()))
}

/// `/api/v1/metadata?metric=&limit=&limit_per_metric=`
pub(super) async fn metadata(
    State(app): State<AppState>,
    asker: Asker,
    params: Params,
) -> Result<Response, ApiError> {
    let most = app.questions.limits.series;
    // Here a limit of 0 is one, and a negative one is none.
    let limit = params.number("limit")?.and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.map_or(most, |limit| limit.min(most));
    // There is one description of each metric, so this cannot cut anything off.
    params.number("limit_per_metric")?;
    let metric = params.get("metric").map(str::to_owned);
    let look = move |turn: &Turn<'_>| Ok(turn.source.metadata(metric.as_deref(), limit)?);
    let found = app.question(&asker, app.questions.time(None), look).await?.result;
    let described = |facts: watchfire_model::MetricFacts| {
        let one = serde_json::json!({
            "type": facts.kind, "help": facts.help, "unit": facts.unit,
        });
        (facts.name, [one])
    };
    let mut data = BTreeMap::new();
    for (name, facts) in found.items.into_iter().map(described) {
        // What is said first counts: the hub's own words before those of senders.
        data.entry(name).or_insert(facts);
    }
    // Prometheus cuts metadata without a word.
    let notes = Notes::warning(found.warnings, false);
    Ok(answer::data(&serde_json::json!(data), &notes))
}

impl Wish {
    fn of(params: &Params, app: &AppState) -> Result<Self, ApiError> {
        let most = app.questions.limits.series;
        let (from_ms, until_ms) = params.span()?;
        let limit = params.limit("limit")?.map_or(most, |limit| limit.min(most));
        Ok(Self { selectors: params.selectors()?, from_ms, until_ms, limit })
    }
}

async fn listed<T: Send + 'static>(
    app: &AppState,
    asker: &Asker,
    wish: Wish,
    look: impl FnOnce(&dyn SeriesSource, &Listing<'_>) -> Result<Found<T>, SourceError> + Send + 'static,
) -> Result<Found<T>, ApiError> {
    if wish.until_ms < wish.from_ms {
        return Ok(Found::all(Vec::new()));
    }
    let asked = app.question(asker, app.questions.time(None), move |turn| {
        let listing = Listing {
            selectors: &wish.selectors,
            from_ms: wish.from_ms,
            until_ms: wish.until_ms,
            limit: wish.limit,
            out_of_time: turn.out_of_time,
        };
        Ok(look(turn.source, &listing)?)
    });
    Ok(asked.await?.result)
}

fn sent<T>(
    app: &AppState,
    found: Found<T>,
    items: impl FnOnce(Vec<T>) -> Items,
) -> Result<Response, ApiError> {
    let room = app.questions.room_for(weight_of_labels(found.items.len()), &app.parts.clock)?;
    let notes = Notes::warning(found.warnings, found.cut_off);
    Ok(answer::list(items(found.items), &notes, room))
}
