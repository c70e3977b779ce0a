//! ntfy: a message published as JSON (docs.ntfy.sh/publish).

use serde_json::json;
use watchfire_model::DeliveryOutcome;

use super::list::Parsed;
use super::text::{Limit, plain};
use super::tone::Tone;
use super::{Address, Auth, Request, WebChannel, by_identifier};
use crate::Outgoing;
use crate::web::Answer;

pub(crate) const SHAPES: &[&str] = &[
    "ntfy://TOPIC",
    "ntfys://HOST/TOPIC",
    "ntfys://USER:PASSWORD@HOST/TOPIC",
    "ntfys://TOKEN@HOST/TOPIC",
    "https://ntfy.sh/TOPIC",
];

/// The service that a URL with a topic alone means.
const CLOUD: &str = "ntfy.sh";
/// A longer text becomes a file that is attached.
const LIMIT: Limit = Limit::Bytes(3900);

#[derive(Debug)]
struct Ntfy {
    origin: String,
    topic: String,
    auth: Auth,
    priority: Option<u8>,
    tags: Vec<String>,
    click: Option<String>,
}

pub(crate) fn is_native(address: &Address) -> bool {
    address.host.eq_ignore_ascii_case(CLOUD) && address.path.len() == 1
}

/// Where there is a host there are topics after it; a topic alone stands in its place.
pub(crate) fn targets(address: &Address) -> Option<usize> {
    (!address.path.is_empty()).then_some(0)
}

pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    let (origin, topic) = match address.segment(0) {
        Some(topic) => {
            let cloud = address.host.eq_ignore_ascii_case(CLOUD);
            (address.origin(cloud || address.scheme != "ntfy")?, topic)
        }
        None => (format!("https://{CLOUD}"), address.host.as_str()),
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if topic.is_empty() || topic.len() > 64 || !topic.chars().all(fits) {
        return Err("a topic is up to 64 letters, digits, - and _".to_owned());
    }
    let auth = match address.query("token") {
        Some(token) => Auth::Bearer(token.to_owned()),
        None => Auth::of(address),
    };
    let tags = address.query("tags").unwrap_or_default().split(',').map(str::trim);
    Ok(Box::new(Ntfy {
        origin,
        topic: topic.to_owned(),
        auth,
        priority: address.query("priority").map(priority).transpose()?,
        tags: tags.filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
        click: address.query("click").map(str::to_owned),
    }))
}

fn priority(word: &str) -> Result<u8, String> {
    match word.to_ascii_lowercase().as_str() {
        "1" | "min" => Ok(1),
        "2" | "low" => Ok(2),
        "3" | "default" | "normal" => Ok(3),
        "4" | "high" => Ok(4),
        "5" | "max" | "urgent" | "emergency" => Ok(5),
        _ => Err("priority is min, low, default, high or max".to_owned()),
    }
}

/// The priority of a message, and the emoji that its tag becomes.
fn manner(tone: Tone) -> (u8, &'static str) {
    match tone {
        Tone::Failure => (5, "rotating_light"),
        Tone::Warning => (4, "warning"),
        Tone::Success => (3, "white_check_mark"),
        Tone::Info => (3, "information_source"),
    }
}

impl WebChannel for Ntfy {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let words = plain(message, LIMIT);
        let (priority, tag) = manner(Tone::of(message.kind));
        let tags: Vec<&str> =
            std::iter::once(tag).chain(self.tags.iter().map(String::as_str)).collect();
        let mut body = json!({
            "topic": self.topic,
            "title": words.subject,
            "message": words.below_title(),
            "priority": self.priority.unwrap_or(priority),
            "tags": tags,
        });
        if let Some(click) = self.click.as_ref().or(words.link.as_ref()) {
            body["click"] = json!(click);
        }
        Ok(Request::post_json(format!("{}/", self.origin), body).with_auth(self.auth.clone()))
    }

    fn judge(&self, answer: &Answer) -> DeliveryOutcome {
        by_identifier(answer, "id")
    }
}
