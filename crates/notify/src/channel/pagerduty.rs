//! PagerDuty by its Events API v2: trouble opens an incident, and its end resolves it. What is
//! neither is a change event, which wakes nobody; but an end whose beginning nobody was told is
//! an incident of its own, which only warns. `pagerduty://INTEGRATION_KEY`

use serde_json::{Value, json};
use watchfire_model::{DeliveryOutcome, NotificationKind, Severity};

use crate::channel::act::{self, Act};
use crate::channel::document::rfc3339;
use crate::channel::list::Parsed;
use crate::channel::text::{self, Limit, Words};
use crate::channel::tone::Tone;
use crate::channel::{Address, Request, WebChannel, accepted, answers, by_status};
use crate::web::Answer;
use crate::{Outgoing, clean};

pub(crate) const SHAPES: &[&str] = &[
    "pagerduty://INTEGRATION_KEY",
    "pagerduty://INTEGRATION_KEY@API_KEY/SOURCE/COMPONENT?region=eu&severity=error",
];

/// Where events go, by region.
const UNITED_STATES: &str = "https://events.pagerduty.com";
const EUROPE: &str = "https://events.eu.pagerduty.com";

/// What an event may weigh is 512 KB; nobody reads as much.
const TEXT: Limit = Limit::Units(16 * 1024);

const SEVERITIES: [&str; 4] = ["critical", "error", "warning", "info"];

/// The longest key of an incident, in characters.
const MAX_KEY_CHARS: usize = 255;

struct PagerDuty {
    key: String,
    base: &'static str,
    source: Option<String>,
    component: Option<String>,
    group: Option<String>,
    class: Option<String>,
    severity: Option<String>,
}

impl std::fmt::Debug for PagerDuty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PagerDuty").field("base", &self.base).finish_non_exhaustive()
    }
}

/// Reads such a URL. The key of an API, which Apprise's URLs have behind the `@`, is not needed
/// for events.
pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    let key = address.user.as_ref().unwrap_or(&address.host);
    if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err("the integration key is letters and digits, 32 of them".to_owned());
    }
    let severity = address.query("severity").map(str::to_ascii_lowercase);
    if severity.as_deref().is_some_and(|word| !SEVERITIES.contains(&word)) {
        return Err(format!("severity is one of {}", SEVERITIES.join(", ")));
    }
    let text = |key: &str| address.query(key).map(clean::line);
    let segment = |number| address.segment(number).map(clean::line);
    Ok(Box::new(PagerDuty {
        key: key.clone(),
        base: region(address, UNITED_STATES, EUROPE)?,
        source: segment(0).or_else(|| text("source")),
        component: segment(1).or_else(|| text("component")),
        group: text("group"),
        class: text("class"),
        severity,
    }))
}

/// The base of an API by the region that a URL names.
pub(super) fn region(
    address: &Address,
    united_states: &'static str,
    europe: &'static str,
) -> Result<&'static str, String> {
    match address.query("region").map(str::to_ascii_lowercase).as_deref() {
        None | Some("us") => Ok(united_states),
        Some("eu") => Ok(europe),
        Some(_) => Err("region is us or eu".to_owned()),
    }
}

impl PagerDuty {
    fn source<'a>(&'a self, message: &Outgoing<'a>) -> &'a str {
        self.source.as_deref().or(message.server).unwrap_or("Watchfire")
    }

    fn severity(&self, message: &Outgoing<'_>) -> &str {
        let usual = match message.kind {
            // It is over: whatever troubles are to weigh here, this is less.
            _ if Act::of(message) == Act::Tell => return "warning",
            NotificationKind::Flapping | NotificationKind::Corrected => {
                message.severity.min(Severity::Warning)
            }
            _ => message.severity,
        };
        self.severity.as_deref().unwrap_or(match usual {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
            Severity::Info => "info",
        })
    }

    fn opened(&self, message: &Outgoing<'_>, words: &Words) -> Value {
        let mut event = json!({
            "routing_key": self.key,
            "event_action": "trigger",
            "dedup_key": key(message),
            "client": "Watchfire",
            "payload": {
                "summary": words.subject,
                "source": clean::line(self.source(message)),
                "severity": self.severity(message),
                "timestamp": rfc3339(message.unix_ms),
                "custom_details": {
                    "text": words.text,
                    "kind": message.kind.as_str(),
                },
            },
        });
        let more = [("component", &self.component), ("group", &self.group), ("class", &self.class)];
        for (name, value) in more {
            if let Some(value) = value {
                event["payload"][name] = json!(value);
            }
        }
        linked(event, words)
    }

    fn told(&self, message: &Outgoing<'_>, words: &Words) -> Value {
        let event = json!({
            "routing_key": self.key,
            "payload": {
                "summary": words.subject,
                "source": clean::line(self.source(message)),
                "timestamp": rfc3339(message.unix_ms),
                "custom_details": { "text": words.text, "kind": message.kind.as_str() },
            },
        });
        linked(event, words)
    }
}

impl WebChannel for PagerDuty {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let words = text::plain(message, TEXT);
        let (path, event) = match Act::of(message) {
            Act::Open => ("/v2/enqueue", self.opened(message, &words)),
            Act::Tell if is_first_word_of_an_end(message) => {
                ("/v2/enqueue", self.opened(message, &words))
            }
            Act::Tell => ("/v2/change/enqueue", self.told(message, &words)),
            Act::Close => {
                let event = json!({
                    "routing_key": self.key,
                    "event_action": "resolve",
                    "dedup_key": key(message),
                });
                ("/v2/enqueue", event)
            }
        };
        Ok(Request::post_json(format!("{}{path}", self.base), event))
    }

    fn judge(&self, answer: &Answer) -> DeliveryOutcome {
        if !answers::is_success(answer) {
            return by_status(answer);
        }
        match answers::identifier(answer, "status").as_deref() {
            // A change has no key.
            Some("success") => {
                accepted(answer, answers::identifier(answer, "dedup_key").as_deref())
            }
            _ => answers::foreign(answer),
        }
    }
}

/// Nobody would see it among the changes, and it is all that is ever said of that trouble.
fn is_first_word_of_an_end(message: &Outgoing<'_>) -> bool {
    Tone::of(message.kind) == Tone::Success && message.references.is_empty()
}

fn key(message: &Outgoing<'_>) -> String {
    act::thread(message).chars().take(MAX_KEY_CHARS).collect()
}

fn linked(mut event: Value, words: &Words) -> Value {
    if let Some(link) = &words.link {
        event["links"] = json!([{ "href": link, "text": "Open in Watchfire" }]);
    }
    event
}
