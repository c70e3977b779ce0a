//! Opsgenie by its Alert API: trouble opens an alert, its end closes it by the same alias.
//! `opsgenie://API_KEY/#team/@user?region=eu`

use serde_json::{Value, json};
use watchfire_model::{DeliveryOutcome, NotificationKind, Severity};

use crate::channel::act::{self, Act};
use crate::channel::address::percent_encoded;
use crate::channel::list::Parsed;
use crate::channel::pagerduty::region;
use crate::channel::text::{self, Limit};
use crate::channel::{Address, Request, WebChannel, by_identifier};
use crate::web::Answer;
use crate::{Outgoing, clean};

pub(crate) const SHAPES: &[&str] = &[
    "opsgenie://API_KEY",
    "opsgenie://API_KEY/#TEAM/@USER/*SCHEDULE/^ESCALATION?region=eu&priority=P1&tags=a,b",
];

/// Where alerts go, by region.
const UNITED_STATES: &str = "https://api.opsgenie.com";
const EUROPE: &str = "https://api.eu.opsgenie.com";

/// How much Opsgenie takes, in characters.
const MESSAGE: Limit = Limit::Units(130);
const DESCRIPTION: Limit = Limit::Units(15_000);
const MAX_ALIAS_CHARS: usize = 512;
const MAX_TAGS: usize = 20;

struct Opsgenie {
    key: String,
    base: &'static str,
    responders: Vec<Value>,
    priority: Option<&'static str>,
    tags: Vec<String>,
    entity: Option<String>,
}

impl std::fmt::Debug for Opsgenie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opsgenie").field("base", &self.base).finish_non_exhaustive()
    }
}

/// Reads such a URL. All whom it names are responders of one alert.
pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    let key = address.host.clone();
    if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err("the API key is letters, digits and hyphens".to_owned());
    }
    let responders = address.targets(0).iter().map(|target| responder(target)).collect();
    let tags = address.query("tags").unwrap_or_default().split(',').map(clean::line);
    Ok(Box::new(Opsgenie {
        key,
        base: region(address, UNITED_STATES, EUROPE)?,
        responders,
        priority: address.query("priority").map(priority).transpose()?,
        tags: tags.filter(|tag| !tag.is_empty()).take(MAX_TAGS).collect(),
        entity: address.query("entity").map(clean::line),
    }))
}

/// Who is told, by the sign before the name; a name without one is a team's.
fn responder(target: &str) -> Value {
    let name = clean::line(target.trim_start_matches(['#', '@', '*', '^']));
    match target.chars().next() {
        Some('@') => json!({ "type": "user", "username": name }),
        Some('*') => json!({ "type": "schedule", "name": name }),
        Some('^') => json!({ "type": "escalation", "name": name }),
        _ => json!({ "type": "team", "name": name }),
    }
}

/// A priority as Opsgenie has it, as a number, or in Apprise's words.
fn priority(text: &str) -> Result<&'static str, String> {
    match text.to_ascii_lowercase().as_str() {
        "p1" | "1" | "emergency" => Ok("P1"),
        "p2" | "2" | "high" => Ok("P2"),
        "p3" | "3" | "normal" => Ok("P3"),
        "p4" | "4" | "moderate" => Ok("P4"),
        "p5" | "5" | "low" => Ok("P5"),
        _ => Err("priority is P1 to P5, of which P1 is the gravest".to_owned()),
    }
}

impl Opsgenie {
    fn priority(&self, message: &Outgoing<'_>) -> &'static str {
        self.priority.unwrap_or(match message.kind {
            NotificationKind::Report | NotificationKind::SelfTest => "P5",
            // An end whose beginning nobody was told.
            _ if Act::of(message) == Act::Tell => "P3",
            _ => match message.severity {
                Severity::Info => "P5",
                Severity::Warning => "P3",
                Severity::Critical if is_less(message.kind) => "P3",
                Severity::Critical => "P1",
            },
        })
    }

    fn opened(&self, message: &Outgoing<'_>) -> Value {
        let words = text::plain(message, DESCRIPTION);
        let subject = text::cut(&words.subject, MESSAGE, "…", text::as_is);
        let mut alert = json!({
            "message": subject,
            "alias": alias(message),
            "description": words.below_title(),
            "priority": self.priority(message),
            "source": "Watchfire",
            "details": { "kind": message.kind.as_str() },
        });
        if let Some(link) = &words.link {
            alert["details"]["link"] = json!(link);
        }
        if !self.responders.is_empty() {
            alert["responders"] = json!(self.responders);
        }
        if !self.tags.is_empty() {
            alert["tags"] = json!(self.tags);
        }
        if let Some(entity) = self.entity.as_deref().or(message.server) {
            alert["entity"] = json!(clean::line(entity));
        }
        alert
    }

    /// What is done to the alert with this alias.
    fn by_alias(&self, message: &Outgoing<'_>, what: &str) -> String {
        let alias = percent_encoded(&alias(message));
        format!("{}/v2/alerts/{alias}/{what}?identifierType=alias", self.base)
    }
}

impl WebChannel for Opsgenie {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let note = || {
            let note = text::plain(message, DESCRIPTION).joined();
            json!({ "source": "Watchfire", "note": note })
        };
        let (url, body) = match Act::of(message) {
            Act::Close => (self.by_alias(message, "close"), note()),
            // One of many is back: the alert goes on.
            Act::Tell if !message.references.is_empty() => {
                (self.by_alias(message, "notes"), note())
            }
            Act::Open | Act::Tell => (format!("{}/v2/alerts", self.base), self.opened(message)),
        };
        let key = format!("GenieKey {}", self.key);
        Ok(Request::post_json(url, body).with_header("Authorization", key))
    }

    fn judge(&self, answer: &Answer) -> DeliveryOutcome {
        by_identifier(answer, "requestId")
    }
}

/// Whether it is no new trouble, however grave the one is that it is about.
fn is_less(kind: NotificationKind) -> bool {
    matches!(kind, NotificationKind::Flapping | NotificationKind::Corrected)
}

fn alias(message: &Outgoing<'_>) -> String {
    act::thread(message).chars().take(MAX_ALIAS_CHARS).collect()
}
