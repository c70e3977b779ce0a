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

/// So much is durable, and so much was left out. What was is a mistake of the sender, or more
/// than it may push, and it must not repeat that: 400, though the rest is stored.
pub(super) fn stored(written: usize, refused: &Refused) -> Report {
    if refused.is_none() && refused.why.is_none() {
        return Report { status: StatusCode::NO_CONTENT, words: String::new(), written };
    }
    let Refused { series, samples, why } = refused;
    let why = why.as_deref().unwrap_or("they are not right");
    let words = format!(
        "{written} samples are stored; left out were {series} series and {samples} samples: {why}"
    );
    Report { status: StatusCode::BAD_REQUEST, words, written }
}

/// What was left out before and by the history. What was wrong is said first, and then what has no
/// room: the one is mended by the sender, the other perhaps elsewhere.
pub(super) fn with(mut refused: Refused, pushed: &Pushed) -> Refused {
    refused.series += pushed.refused_series;
    refused.samples += pushed.refused_samples;
    let why = refused.why.into_iter().chain(pushed.why.map(|why| why.to_string()));
    refused.why = why.reduce(|first, next| format!("{first}; {next}"));
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

#[cfg(test)]
mod tests {
    use watchfire_store::LeftOut;

    use super::*;

    #[test]
    fn what_the_history_leaves_out_is_counted_with_the_rest_and_said() {
        let wrong = Refused { series: 1, samples: 2, why: Some("no name".to_owned()) };
        let pushed = Pushed {
            samples: 4,
            refused_series: 3,
            refused_samples: 5,
            why: Some(LeftOut::Series),
            ..Pushed::default()
        };
        let report = stored(pushed.samples, &with(wrong, &pushed));
        assert_eq!((report.status, report.written), (StatusCode::BAD_REQUEST, 4));
        let begin = "4 samples are stored; left out were 4 series and 7 samples: no name; the \
                     sender has 100000 series and may have no more";
        assert!(report.words.starts_with(begin), "{}", report.words);
        let none = stored(4, &with(Refused::default(), &Pushed::default()));
        assert_eq!((none.status, none.words.as_str()), (StatusCode::NO_CONTENT, ""));
        let nobody = Pushed { why: Some(LeftOut::Senders), ..Pushed::default() };
        let report = stored(0, &with(Refused::default(), &nobody));
        assert_eq!(report.status, StatusCode::BAD_REQUEST, "not even what it said of metrics");
    }
}
