//! `GET /metrics`: the latest tick for Prometheus and its kin.

mod access;
mod expositions;

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};
use watchfire_api::exposition::{Encoding, encoding, negotiate};
use watchfire_model::Moment;

use super::reply::{self, Refusal};
use super::routes::reads;
use super::{App, Peer};

pub(super) use expositions::Expositions;

/// How long the first scrapers wait for the first reading.
const PATIENCE: Duration = Duration::from_secs(2);
/// A tick that was taken longer ago is not given out: a scraper would take it
/// for the present, which is read once a second.
const OLDEST: Duration = Duration::from_secs(15);

/// Answers a scrape.
pub(super) async fn metrics(
    app: &App,
    peer: Peer,
    request: &Parts,
) -> Result<Response<Body>, Refusal> {
    access::check(app, peer, request).await?;
    if !reads(&request.method) {
        return Err(reply::wrong_method("GET, HEAD").into());
    }
    let format = negotiate(joined(&request.headers, header::ACCEPT).as_deref());
    let encoding = encoding(joined(&request.headers, header::ACCEPT_ENCODING).as_deref());
    let mut ticks = app.samples.ticks.clone();
    let _ = app.clock.within(PATIENCE, ticks.wait_for(Option::is_some)).await;
    let sample = ticks.borrow().clone();
    let sample =
        sample.ok_or_else(|| unavailable("nothing was read yet: come again in a second"))?;
    if !is_present(sample.value.tick.at, app.clock.now()) {
        return Err(unavailable(
            "the machine was not read for 15 s: something holds its reading up",
        ));
    }
    let served = app.expositions.serve(sample, format, encoding).await.map_err(|error| {
        tracing::warn!(%error, "the metrics cannot be written");
        let words = "the metrics cannot be written: see the agent's log";
        Refusal::from(reply::message(StatusCode::INTERNAL_SERVER_ERROR, words))
    })?;
    app.counters.metrics_served.add(1);
    app.counters.metrics_left_out.add(served.left_out);
    let mut response = Response::new(Body::from(served.body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    if encoding != Encoding::Identity {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.as_str()));
    }
    Ok(response)
}

/// What was read too long ago must not pass for what is now.
fn is_present(read: Moment, now: Moment) -> bool {
    now.since(read) <= OLDEST
}

/// The values of all headers of that name, which together are one list (RFC 9110, 5.3).
fn joined(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let first = values.next()?.to_owned();
    Some(values.fold(first, |all, next| all + "," + next))
}

fn unavailable(words: &str) -> Refusal {
    reply::message(StatusCode::SERVICE_UNAVAILABLE, words).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_old_is_not_given_out_as_the_present() {
        let read = Moment::default().after(Duration::from_secs(100));
        assert!(is_present(read, read) && is_present(read, read.after(OLDEST)));
        assert!(!is_present(read, read.after(OLDEST + Duration::from_millis(1))));
    }
}
