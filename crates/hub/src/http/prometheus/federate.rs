//! The last values as text, for another Prometheus to scrape.

use std::collections::BTreeMap;
use std::io::Write;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use watchfire_model::{FoundSeries, Hint, LabelSet, NAME_LABEL, Selection, is_absent};

use super::body::Pieces;
use super::error::ApiError;
use super::json;
use super::names::{is_plain, underscored};
use super::params::Params;
use super::questions::{Turn, weight_of_labels};
use crate::http::AppState;
use crate::http::asker::Asker;

/// The text format, version 0.0.4, without and with names of any letters.
const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
const ANY_LETTERS: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8";
/// What a scraper writes into `Accept` that knows names of any letters.
const ALLOWS: &str = "escaping=allow-utf-8";

/// The newest sample of each series.
type Latest = BTreeMap<LabelSet, (i64, f64)>;

/// `/federate?match[]=`: what an instant question for each selector would find now, with the
/// moment at which it was taken.
pub(super) async fn federate(
    State(app): State<AppState>,
    asker: Asker,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, Response> {
    let selectors = params.selectors().map_err(ApiError::into_text)?;
    let limits = app.questions.language_limits(None);
    let now = app.parts.clock.now().unix_ms;
    let look = move |turn: &Turn<'_>| {
        let mut latest = Latest::new();
        for matchers in &selectors {
            let selection = Selection {
                matchers,
                after_ms: now - limits.lookback_ms,
                until_ms: now,
                hint: Hint::default(),
                max_series: limits.series,
                max_samples: limits.samples,
                out_of_time: turn.out_of_time,
            };
            let found = turn.source.select(&selection)?;
            latest.extend(found.items.iter().filter_map(|series| newest(series, &selection)));
        }
        Ok(latest)
    };
    let time = app.questions.time(None);
    let latest = app.question(&asker, time, look).await.map_err(ApiError::into_text)?.result;
    let room = app.questions.room_for(weight_of_labels(latest.len()), &app.parts.clock);
    let room = room.map_err(ApiError::into_text)?;
    let any_letters = headers
        .get_all(header::ACCEPT)
        .iter()
        .any(|accept| accept.to_str().is_ok_and(|accept| accept.contains(ALLOWS)));
    let kind = if any_letters { ANY_LETTERS } else { PLAIN };
    let lines = Pieces::in_a_row(lines(latest, any_letters).into_iter(), room);
    Ok(([(header::CONTENT_TYPE, kind)], lines.into_body()).into_response())
}

/// The last sample in time; none when the series had ended by then.
fn newest(found: &FoundSeries, selection: &Selection<'_>) -> Option<(LabelSet, (i64, f64))> {
    let times = found.samples.times();
    let last = times.partition_point(|time| *time <= selection.until_ms).checked_sub(1)?;
    let (at, value) = (times[last], found.samples.values()[last]);
    let counts = at > selection.after_ms && !is_absent(value);
    counts.then(|| (found.labels.clone(), (at, value)))
}

/// One entry a line, and before the first of each metric its type. Label sets are sorted by the
/// names of their labels, metrics are wanted together.
fn lines(latest: Latest, any_letters: bool) -> Vec<Vec<u8>> {
    let mut sorted: Vec<_> =
        latest.into_iter().filter(|(labels, _)| !labels.name().is_empty()).collect();
    sorted.sort_by(|(one, _), (other, _)| one.name().cmp(other.name()));
    let mut before = String::new();
    let line = |(labels, (at_ms, value)): (LabelSet, (i64, f64))| {
        let mut out = Vec::new();
        if labels.name() != before {
            labels.name().clone_into(&mut before);
            out.extend_from_slice(b"# TYPE ");
            metric_name(&mut out, labels.name(), any_letters);
            out.extend_from_slice(b" untyped\n");
        }
        sample(&mut out, &labels, any_letters);
        out.push(b' ');
        json::number(&mut out, value);
        // Writing into memory cannot fail.
        let _ = writeln!(out, " {at_ms}");
        out
    };
    sorted.into_iter().map(line).collect()
}

fn metric_name(out: &mut Vec<u8>, name: &str, any_letters: bool) {
    if is_plain(name, true) {
        out.extend_from_slice(name.as_bytes());
    } else if any_letters {
        quoted(out, name);
    } else {
        out.extend_from_slice(underscored(name, true).as_bytes());
    }
}

/// `name{label="value"}`; a name that is not plain stands between the braces in quotes.
fn sample(out: &mut Vec<u8>, labels: &LabelSet, any_letters: bool) {
    let name = labels.name();
    let inside = any_letters && !is_plain(name, true);
    if !inside {
        metric_name(out, name, any_letters);
    }
    out.push(b'{');
    if inside {
        quoted(out, name);
    }
    let mut is_first = !inside;
    for (label, value) in labels.iter().filter(|(label, _)| *label != NAME_LABEL) {
        if !std::mem::take(&mut is_first) {
            out.push(b',');
        }
        if is_plain(label, false) {
            out.extend_from_slice(label.as_bytes());
        } else if any_letters {
            quoted(out, label);
        } else {
            out.extend_from_slice(underscored(label, false).as_bytes());
        }
        out.push(b'=');
        quoted(out, value);
    }
    // A federated series without an instance would get that of the hub.
    if labels.get("instance").is_empty() {
        out.extend_from_slice(if is_first { b"" } else { b"," });
        out.extend_from_slice(b"instance=\"\"");
    }
    out.push(b'}');
}

fn quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\n' => out.extend_from_slice(b"\\n"),
            byte => out.push(byte),
        }
    }
    out.push(b'"');
}
