//! Questions in PromQL.

use axum::extract::State;
use axum::response::Response;
use watchfire_promql::{Answer, Features, Query, Value};

use super::error::{ApiError, Kind};
use super::notes::Notes;
use super::params::Params;
use super::questions::{Done, MAX_STEPS, weight};
use super::{answer, elsewhere};
use crate::http::AppState;
use crate::http::asker::Asker;

/// What Prometheus has only behind a flag is not allowed.
const FEATURES: Features = Features { experimental: false };

/// `/api/v1/query?query=&time=&timeout=&limit=&lookback_delta=&stats=`
pub(super) async fn instant(
    State(app): State<AppState>,
    asker: Asker,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = params.limit("limit")?;
    let at = params.moment("time", app.parts.clock.now().unix_ms)?;
    let time = app.questions.time(params.duration("timeout")?);
    let limits = app.questions.language_limits(lookback(&params)?);
    let query = parsed(&params)?;
    if let Some(answer) = elsewhere(&app, &asker, "/api/v1/query", &params).await? {
        return Ok(answer);
    }
    let asked = app.question(&asker, time, move |turn| {
        Ok(query.instant(turn.source, at, &limits, turn.out_of_time)?)
    });
    sent(&app, asked.await?, limit, params.get("stats"))
}

/// `/api/v1/query_range?query=&start=&end=&step=&timeout=&limit=&lookback_delta=&stats=`
pub(super) async fn range(
    State(app): State<AppState>,
    asker: Asker,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = params.limit("limit")?;
    let moments = moments(&params)?;
    let time = app.questions.time(params.duration("timeout")?);
    let limits = app.questions.language_limits(lookback(&params)?);
    let query = parsed(&params)?;
    if let Some(answer) = elsewhere(&app, &asker, "/api/v1/query_range", &params).await? {
        return Ok(answer);
    }
    let asked = app.question(&asker, time, move |turn| {
        Ok(query.range(turn.source, moments, &limits, turn.out_of_time)?)
    });
    sent(&app, asked.await?, limit, params.get("stats"))
}

/// `/api/v1/format_query?query=`
pub(super) async fn format(_: Asker, params: Params) -> Result<Response, ApiError> {
    let pretty = parsed(&params)?.pretty();
    Ok(answer::data(&pretty.into(), &Notes::default()))
}

/// `/api/v1/query_exemplars?query=&start=&end=`: no agent tells exemplars, so there are none.
pub(super) async fn exemplars(_: Asker, params: Params) -> Result<Response, ApiError> {
    let (start, end) = params.span()?;
    if end < start {
        let what = "end timestamp must not be before start timestamp";
        return Err(ApiError::new(Kind::BadData, what));
    }
    parsed(&params)?;
    Ok(answer::data(&serde_json::json!([]), &Notes::default()))
}

fn parsed(params: &Params) -> Result<Query, ApiError> {
    Query::parse(params.get("query").unwrap_or(""), FEATURES)
        .map_err(|error| ApiError::parameter("query", error))
}

fn lookback(params: &Params) -> Result<Option<i64>, ApiError> {
    let read = params.duration("lookback_delta")?;
    if read.is_some_and(i64::is_negative) {
        return Err(ApiError::parameter("lookback_delta", "it must not be negative"));
    }
    // Nothing and zero mean the usual one.
    Ok(read.filter(|ms| *ms > 0))
}

/// Start, end and step of a range, in milliseconds.
fn moments(params: &Params) -> Result<(i64, i64, i64), ApiError> {
    let (start, end) = (params.needed_moment("start")?, params.needed_moment("end")?);
    if end < start {
        return Err(ApiError::parameter("end", "end timestamp must not be before start time"));
    }
    let step = params.duration("step")?;
    let step =
        step.ok_or_else(|| ApiError::parameter("step", "cannot parse \"\" to a valid duration"))?;
    if step <= 0 {
        let what = "zero or negative query resolution step widths are not accepted. Try a \
                    positive integer";
        return Err(ApiError::parameter("step", what));
    }
    // Moments are kept within reach of each other by promql.
    if end.saturating_sub(start) / step > MAX_STEPS {
        let what = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing \
                    the query resolution (?step=XX)";
        return Err(ApiError::new(Kind::BadData, what));
    }
    Ok((start, end, step))
}

fn sent(
    app: &AppState,
    done: Done<Answer>,
    limit: Option<usize>,
    stats: Option<&str>,
) -> Result<Response, ApiError> {
    let stats = stats.map(|_| statistics(&done));
    let Done { result: mut answer, .. } = done;
    let mut notes = Notes::of(&mut answer);
    if limit.is_some_and(|limit| cut(&mut answer.value, limit)) {
        notes.cut();
    }
    let room = app.questions.room_for(weight(&answer.value), &app.parts.clock)?;
    Ok(answer::value(answer.value, stats.as_ref(), &notes, room))
}

/// Keeps the first `limit` series, and says whether there were more.
fn cut(value: &mut Value, limit: usize) -> bool {
    let more = value.len() > limit;
    match value {
        Value::Vector(samples) => samples.truncate(limit),
        Value::Matrix(series) => series.truncate(limit),
        Value::Scalar { .. } | Value::Text { .. } => return false,
    }
    more
}

/// The times are in seconds. Samples are counted together, so the most that were held at once
/// are told as all that were read and made.
fn statistics(done: &Done<Answer>) -> serde_json::Value {
    let (waited, worked) = (done.waited.as_secs_f64(), done.worked.as_secs_f64());
    let samples = done.result.samples;
    serde_json::json!({
        "timings": {
            "evalTotalTime": worked,
            "resultSortTime": 0.0,
            "queryPreparationTime": 0.0,
            "innerEvalTime": worked,
            "execQueueTime": waited,
            "execTotalTime": waited + worked,
        },
        "samples": { "totalQueryableSamples": samples, "peakSamples": samples },
    })
}
