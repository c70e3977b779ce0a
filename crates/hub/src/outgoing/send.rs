//! Sends requests, each until the target took it or will never take it.

use std::time::Duration;

use watchfire_api::remote_write::Protocol;
use watchfire_notify::web::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use watchfire_notify::web::{Answer, NoAnswer, Web};
use watchfire_notify::{ChannelError, Timeouts};
use watchfire_runtime::Clock;
use watchfire_runtime::backoff::Backoff;
use watchfire_runtime::net::Resolver;

use super::destination::Counts;
use super::request::Request;
use crate::config::Service;
use crate::dial::Rarely;

/// The version of the protocol, as the specification has it.
const VERSION: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-prometheus-remote-write-version"),
    HeaderValue::from_static("0.1.0"),
);
/// Pauses between tries.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A target that asks for a longer pause is asked again all the same.
const LONGEST_ASKED: Duration = Duration::from_secs(300);
/// How much of an answer is read, in bytes: its first line goes to the log.
const MAX_ANSWER: usize = 512;

pub(super) struct Sender {
    url: String,
    web: Web,
    headers: HeaderMap,
    failures: Rarely,
}

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
enum Judged {
    Taken,
    /// Never: the reason.
    Refused(String),
    /// Not now: the reason, and how long it wants to be left alone.
    Later(String, Option<Duration>),
}

impl Sender {
    pub(super) fn new(
        target: &Service,
        timeouts: Timeouts,
        resolver: Resolver,
    ) -> Result<Self, ChannelError> {
        let web = Web::new(target.is_plain(), timeouts, resolver)?;
        let headers = headers(target)?;
        Ok(Self { url: target.url.clone(), web, headers, failures: Rarely::default() })
    }

    /// Sends it, again and again while that may help.
    pub(super) async fn send(&self, request: &Request, clock: &Clock, counts: &Counts) {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let headers = self.headers.clone();
            let answer = self.web.post(&self.url, headers, request.body.clone(), MAX_ANSWER).await;
            let (why, asked) = match judge(answer) {
                Judged::Taken => {
                    Counts::add(&counts.sent, request.samples);
                    return;
                }
                Judged::Refused(why) => {
                    Counts::add(&counts.refused, request.samples);
                    self.warn(&why, clock, "samples are refused by the target, and left out there");
                    return;
                }
                Judged::Later(why, asked) => (why, asked),
            };
            Counts::add(&counts.retries, 1);
            self.warn(&why, clock, "the target takes no samples now; they wait on the disk");
            let pause = backoff.next_pause();
            clock.sleep(asked.map_or(pause, |asked| asked.clamp(pause, LONGEST_ASKED))).await;
        }
    }

    fn warn(&self, why: &str, clock: &Clock, what: &str) {
        if let Some(times) = self.failures.note(clock.now()) {
            tracing::warn!(why, times, target = self.url, "{what}");
        }
    }
}

fn headers(target: &Service) -> Result<HeaderMap, ChannelError> {
    let mut headers = HeaderMap::new();
    let kind = Protocol::V1.content_type();
    let kind = HeaderValue::from_str(&kind).expect("our own words fit a header");
    let name = concat!("watchfire/", env!("CARGO_PKG_VERSION"));
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("snappy"));
    headers.insert(USER_AGENT, HeaderValue::from_static(name));
    headers.insert(VERSION.0, VERSION.1);
    if let Some(authorization) = target.authorization() {
        let bad = |_| ChannelError::Setup("the login does not fit a header".to_owned());
        let mut value = HeaderValue::from_str(authorization.expose()).map_err(bad)?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

fn judge(answer: Result<Answer, NoAnswer>) -> Judged {
    let answer = match answer {
        Ok(answer) => answer,
        Err(no_answer) => return Judged::Later(no_answer.to_string(), None),
    };
    let words = String::from_utf8_lossy(&answer.body);
    let line: String = words.lines().next().unwrap_or("").chars().take(200).collect();
    let why = format!("{}: {}", answer.status, line.replace(char::is_control, " "));
    match answer.status {
        200..=299 => Judged::Taken,
        // A wrong login and a wrong address are the setup's, and somebody will mend it.
        401 | 403 | 404 | 408 | 429 | 300..=399 | 500.. => Judged::Later(why, answer.retry_after),
        _ => Judged::Refused(why),
    }
}
