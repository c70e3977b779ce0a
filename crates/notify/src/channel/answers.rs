//! What providers' answers mean. Of a body only an identifier or one line that names an
//! error is ever shown, and only where it is JSON that has such a field and comes from one of the
//! [`HOSTS`] that nobody chose. Of any other answer its status alone is shown: a channel must not
//! read for its user what stands behind the hub.

use std::time::Duration;

use reqwest::Url;
use serde_json::Value;
use watchfire_model::DeliveryOutcome;

use crate::clean;
use crate::web::Answer;

/// The hosts of providers that are the same for everybody.
const HOSTS: [&str; 16] = [
    "api.bird.com",
    "api.eu.opsgenie.com",
    "api.opsgenie.com",
    "api.plivo.com",
    "api.pushover.net",
    "api.telegram.org",
    "api.twilio.com",
    "chat.googleapis.com",
    "discord.com",
    "events.eu.pagerduty.com",
    "events.pagerduty.com",
    "hooks.slack.com",
    "rest.messagebird.com",
    "rest.nexmo.com",
    "slack.com",
    "webexapis.com",
];

/// Whether what answers at this URL is a provider that proves its name.
pub(crate) fn is_providers(url: &Url) -> bool {
    url.scheme() == "https" && url.host_str().is_some_and(|host| HOSTS.contains(&host))
}

/// How much of a provider's words is shown, in characters.
const MAX_SAID_CHARS: usize = 200;

/// The fields in which providers say what is wrong.
const ERRORS: [&str; 8] =
    ["description", "errorDescription", "message", "msg", "error", "errors", "detail", "title"];

/// The meaning of an answer by its status alone.
///
/// Only what says that this message, or this place, is wrong refuses it. All else may be what
/// stands in between (a proxy's 403 and 404 for a minute), or what somebody will mend (a token,
/// a bill), and an alarm must outlive that.
pub(crate) fn by_status(answer: &Answer) -> DeliveryOutcome {
    match answer.status {
        200..=299 if is_page(answer) => foreign(answer),
        200..=299 => accepted(answer, None),
        300..=399 => retry(answer, "it points elsewhere, and redirects are not followed"),
        400 | 410 | 413 | 422 => refused(answer, &said(answer)),
        _ => retry(answer, &said(answer)),
    }
}

/// The meaning of an answer of a provider that gives each message an identifier in `field`: a
/// success without one is somebody else's.
pub(crate) fn by_identifier(answer: &Answer, field: &str) -> DeliveryOutcome {
    if !is_success(answer) {
        return by_status(answer);
    }
    match identifier(answer, field) {
        Some(identifier) => accepted(answer, Some(&identifier)),
        None => foreign(answer),
    }
}

/// Whether the status is a success.
pub(crate) fn is_success(answer: &Answer) -> bool {
    answer.status / 100 == 2
}

/// Whether somebody surely did not take it, and did not ask for patience either: then the user's
/// next channel need not wait.
pub(crate) fn is_turned_away(answer: &Answer, outcome: &DeliveryOutcome) -> bool {
    matches!(outcome, DeliveryOutcome::Retry { maybe_accepted: false, .. })
        && !matches!(answer.status, 408 | 425 | 429)
}

/// The provider took it, under this identifier where it gave one.
pub(crate) fn accepted(answer: &Answer, identifier: Option<&str>) -> DeliveryOutcome {
    let reply = identifier.filter(|_| answer.is_providers).map(bounded).filter(|id| !id.is_empty());
    DeliveryOutcome::Accepted { reply: reply.unwrap_or_else(|| answer.status.to_string()) }
}

/// The provider will never take it.
pub(crate) fn refused(answer: &Answer, why: &str) -> DeliveryOutcome {
    DeliveryOutcome::Refused { why: words(answer, why) }
}

/// The provider may take it later. Where a gateway gave up on its backend, nobody knows what
/// that did.
pub(crate) fn retry(answer: &Answer, why: &str) -> DeliveryOutcome {
    DeliveryOutcome::Retry { why: words(answer, why), maybe_accepted: answer.status >= 500 }
}

/// An answer that cannot be the provider's: a captive portal says 200 to anything.
pub(crate) fn foreign(answer: &Answer) -> DeliveryOutcome {
    let why = words(answer, "the answer is not the provider's: what is between it and the hub?");
    DeliveryOutcome::Retry { why, maybe_accepted: true }
}

fn is_page(answer: &Answer) -> bool {
    let kind = answer.content_type.as_deref().unwrap_or_default().trim().to_ascii_lowercase();
    ["text/html", "application/xhtml"].iter().any(|page| kind.starts_with(page))
}

/// The body, where it is JSON.
pub(crate) fn json(answer: &Answer) -> Option<Value> {
    serde_json::from_slice(&answer.body).ok()
}

/// What the provider says is wrong, in one line; empty when it says nothing that is understood, or
/// is somebody whom the channel's user chose.
pub(crate) fn said(answer: &Answer) -> String {
    if !answer.is_providers {
        return String::new();
    }
    let found = json(answer).and_then(|body| ERRORS.iter().find_map(|key| text_in(body.get(key)?)));
    found.map(|text| bounded(&text)).unwrap_or_default()
}

/// The longest pause that a provider is given that has too much to do, and one that is broken. It may
/// say a day, or mean milliseconds where it says seconds: an alarm cannot wait for that.
const LONGEST_OF_BUSY: Duration = Duration::from_secs(10 * 60);
const LONGEST_OF_BROKEN: Duration = Duration::from_secs(2 * 60);

/// How long a provider that is busy or broken is left alone; `None` where it asks for nothing.
pub(crate) fn pause(answer: &Answer) -> Option<Duration> {
    let longest = match answer.status {
        429 => LONGEST_OF_BUSY,
        500..=599 => LONGEST_OF_BROKEN,
        _ => return None,
    };
    Some(asked_for(answer)?.min(longest))
}

/// How long the provider wants to be left alone: by its header, or as Telegram,
/// Discord and Matrix say it in their bodies.
fn asked_for(answer: &Answer) -> Option<Duration> {
    let in_body = || {
        let body = json(answer)?;
        let ms = body.get("retry_after_ms").and_then(Value::as_f64);
        if let Some(ms) = ms {
            return Some(ms / 1000.0);
        }
        let inner = body.get("parameters").and_then(|inner| inner.get("retry_after"));
        inner.or_else(|| body.get("retry_after"))?.as_f64()
    };
    let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).ok();
    answer.retry_after.or_else(|| in_body().and_then(seconds))
}

/// What stands in a field of the body, as text; `None` where it is empty.
pub(crate) fn identifier(answer: &Answer, field: &str) -> Option<String> {
    let found = match json(answer)?.get(field)? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(found).filter(|text| !text.trim().is_empty())
}

/// The text of a value: itself, the first one of a list, or that of an object's error field.
fn text_in(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Array(list) => text_in(list.first()?),
        Value::Object(fields) => {
            ERRORS.iter().find_map(|key| fields.get(*key)?.as_str().map(str::to_owned))
        }
        _ => None,
    }
}

fn words(answer: &Answer, why: &str) -> String {
    // A number in a body is a part of it.
    let shown = pause(answer).filter(|_| answer.is_providers || answer.retry_after.is_some());
    let later = shown.map(|pause| format!(", try again after {} s", pause.as_secs_f64().ceil()));
    let colon = if why.is_empty() { "" } else { ": " };
    clean::line(&format!("{}{}{colon}{why}", answer.status, later.unwrap_or_default()))
}

fn bounded(text: &str) -> String {
    clean::line(text).chars().take(MAX_SAID_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            retry_after: None,
            content_type: None,
            body: body.as_bytes().to_vec(),
            is_providers: true,
        }
    }

    fn told(status: u16, body: &str) -> (&'static str, String) {
        crate::testing::told(by_status(&answer(status, body)))
    }

    #[test]
    fn a_status_has_its_meaning() {
        for (status, body, outcome, words) in [
            (200, r#"{"id": "abc"}"#, "accepted", "200"),
            (204, "", "accepted", "204"),
            (301, "", "retry", "301: it points elsewhere, and redirects are not followed"),
            (400, r#"{"description": "chat not found"}"#, "refused", "400: chat not found"),
            (401, r#"{"error": {"message": "bad token"}}"#, "retry", "401: bad token"),
            (403, "", "retry", "403"),
            (404, "<html>secret page of an intranet</html>", "retry", "404"),
            (407, "", "retry", "407"),
            (408, "", "retry", "408"),
            (410, "", "refused", "410"),
            (413, "", "refused", "413"),
            (422, "", "refused", "422"),
            (425, "", "retry", "425"),
            (429, r#"{"parameters": {"retry_after": 7}}"#, "retry", "429, try again after 7 s"),
            (
                429,
                r#"{"message": "slow", "retry_after": 0.3}"#,
                "retry",
                "429, try again after 1 s: slow",
            ),
            (500, r#"{"errors": ["boom"]}"#, "maybe", "500: boom"),
            (503, "", "maybe", "503"),
        ] {
            assert_eq!(told(status, body), (outcome, words.to_owned()), "{status} {body}");
        }
    }

    #[test]
    fn no_provider_is_left_alone_for_long() {
        let asks = |status, seconds| Answer {
            retry_after: Some(Duration::from_secs(seconds)),
            ..answer(status, "")
        };
        for (status, seconds, given) in [
            (429, 7, Some(7)),
            (429, 86_400, Some(600)),
            (429, u64::MAX, Some(600)),
            (503, 7, Some(7)),
            (503, 3600, Some(120)),
            (404, 7, None),
            (200, 7, None),
        ] {
            let pause = pause(&asks(status, seconds));
            assert_eq!(pause, given.map(Duration::from_secs), "{status} {seconds}");
        }
        let in_body = r#"{"retry_after": 1e300}"#;
        assert_eq!(pause(&answer(429, in_body)), None, "what is no time is none");
        assert!(told(429, r#"{"retry_after": 65000}"#).1.contains("after 600 s"));
    }

    #[test]
    fn a_page_is_no_providers_answer_however_it_is_written() {
        for (kind, word) in [
            ("text/html", "maybe"),
            ("Text/HTML; charset=UTF-8", "maybe"),
            (" application/xhtml+xml", "maybe"),
            ("application/json", "accepted"),
        ] {
            let page = Answer { content_type: Some(kind.to_owned()), ..answer(200, "") };
            assert_eq!(crate::testing::told(by_status(&page)).0, word, "{kind}");
        }
    }

    #[test]
    fn an_identifier_is_a_text_or_a_number() {
        for (body, word) in [
            (r#"{"id": "a1"}"#, "accepted"),
            (r#"{"id": 17}"#, "accepted"),
            (r#"{"id": " "}"#, "maybe"),
            (r#"{"id": null}"#, "maybe"),
            (r#"{"status": "ok"}"#, "maybe"),
            ("ok", "maybe"),
        ] {
            let told = crate::testing::told(by_identifier(&answer(200, body), "id"));
            assert_eq!(told.0, word, "{body}");
        }
        assert_eq!(crate::testing::told(by_identifier(&answer(404, ""), "id")).0, "retry");
    }

    #[test]
    fn of_a_host_that_somebody_chose_the_status_alone_is_shown() {
        let body = r#"{"id": "hidden", "error": "hidden", "retry_after": 77}"#;
        for status in [200, 302, 400, 404, 429, 500] {
            let chosen = Answer { is_providers: false, ..answer(status, body) };
            for outcome in [by_status(&chosen), by_identifier(&chosen, "id")] {
                let (_, words) = crate::testing::told(outcome);
                assert!(words.starts_with(&status.to_string()), "{words}");
                assert!(!words.contains("hidden") && !words.contains("77"), "{words}");
            }
        }
        let url = |text: &str| Url::parse(text).unwrap();
        assert!(is_providers(&url("https://api.telegram.org/bot1:x/sendMessage")));
        for other in [
            "http://api.telegram.org/",
            "https://api.telegram.org.evil.example/",
            "https://api.telegram.org@10.0.0.1/",
            "https://10.0.0.1/?https://api.telegram.org/",
        ] {
            assert!(!is_providers(&url(other)), "{other}");
        }
    }

    #[test]
    fn a_providers_words_are_one_short_line() {
        let long = format!(r#"{{"message": "a\r\nb\u202e{}"}}"#, "x".repeat(10_000));
        let (_, why) = told(400, &long);
        assert!(why.starts_with("400: a  bx") && why.chars().count() <= 206, "{why}");
    }
}
