//! What a sender is told.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use watchfire_api::remote_write::{
    EXEMPLARS_WRITTEN, HISTOGRAMS_WRITTEN, Refused, SAMPLES_WRITTEN,
};
use watchfire_store::Pushed;

/// After this many seconds a sender may come again.
const COME_AGAIN_S: u64 = 5;

/// An answer: a status, how much is durable now, and one line for the sender's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) status: StatusCode,
    pub(super) words: String,
    written: usize,
}

impl Report {
    /// Nothing was stored.
    pub(super) fn new(status: StatusCode, words: impl Into<String>) -> Self {
        Self { status, words: words.into(), written: 0 }
    }
}

/// Nothing was stored, and the same may be in a moment.
pub(super) fn busy(why: &str) -> Report {
    Report::new(StatusCode::SERVICE_UNAVAILABLE, format!("{why}: come again"))
}

/// So much is durable, and so much was left out. What was is a mistake of the sender, which it
/// must not repeat: 400, though the rest is stored.
pub(super) fn stored(written: usize, refused: &Refused) -> Report {
    if refused.is_none() {
        return Report { status: StatusCode::NO_CONTENT, words: String::new(), written };
    }
    let Refused { series, samples, why } = refused;
    let why = why.as_deref().unwrap_or("there are too many series");
    let words = format!(
        "{written} samples are stored; left out were {series} series and {samples} samples: {why}"
    );
    Report { status: StatusCode::BAD_REQUEST, words, written }
}

/// What was left out before and by the history, which has no more room for series.
pub(super) fn with(mut refused: Refused, pushed: &Pushed) -> Refused {
    refused.series += pushed.refused_series;
    refused.samples += pushed.refused_samples;
    refused
}

impl IntoResponse for Report {
    fn into_response(self) -> Response {
        let mut response = match self.status {
            StatusCode::NO_CONTENT => self.status.into_response(),
            status => (status, format!("{}\n", self.words)).into_response(),
        };
        let headers = response.headers_mut();
        for (name, count) in
            [(SAMPLES_WRITTEN, self.written), (HISTOGRAMS_WRITTEN, 0), (EXEMPLARS_WRITTEN, 0)]
        {
            headers.insert(HeaderName::from_static(name), count.into());
        }
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, COME_AGAIN_S.into());
            }
            StatusCode::UNAUTHORIZED => {
                let ways = HeaderValue::from_static("Bearer");
                headers.insert(header::WWW_AUTHENTICATE, ways);
            }
            _ => {}
        }
        response
    }
}
