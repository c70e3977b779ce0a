//! Gotify: one message to an application (gotify.net/docs/pushmsg).

use serde_json::json;
use watchfire_model::DeliveryOutcome;

use super::address::percent_encoded;
use super::list::Parsed;
use super::text::{Limit, plain};
use super::tone::Tone;
use super::{Address, Request, WebChannel, by_identifier};
use crate::Outgoing;
use crate::web::Answer;

pub(crate) const SHAPES: &[&str] = &["gotifys://HOST/TOKEN", "gotifys://HOST:PORT/PATH/TOKEN"];

const LIMIT: Limit = Limit::Units(10_000);

struct Gotify {
    url: String,
    token: String,
    priority: Option<u8>,
}

impl std::fmt::Debug for Gotify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gotify({})", self.url)
    }
}

pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    let origin = address.origin(address.scheme == "gotifys")?;
    let (token, path) = address.path.split_last().ok_or("the application's token is missing")?;
    let path: String = path.iter().map(|part| format!("/{}", percent_encoded(part))).collect();
    Ok(Box::new(Gotify {
        url: format!("{origin}{path}/message"),
        token: token.clone(),
        priority: address.query("priority").map(priority).transpose()?,
    }))
}

fn priority(word: &str) -> Result<u8, String> {
    match word.to_ascii_lowercase().as_str() {
        "low" => Ok(1),
        "moderate" => Ok(3),
        "normal" => Ok(5),
        "high" => Ok(8),
        "emergency" => Ok(10),
        number => {
            let number = number.parse().ok().filter(|number| *number <= 10);
            number.ok_or_else(|| "priority is a number from 0 to 10".to_owned())
        }
    }
}

/// From 8 on a telephone makes itself heard, below 4 it is silent.
fn usual_priority(tone: Tone) -> u8 {
    match tone {
        Tone::Failure => 8,
        Tone::Warning => 6,
        Tone::Success => 5,
        Tone::Info => 2,
    }
}

impl WebChannel for Gotify {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let words = plain(message, LIMIT);
        let priority = self.priority.unwrap_or_else(|| usual_priority(Tone::of(message.kind)));
        let mut extras = json!({ "client::display": { "contentType": "text/plain" } });
        if let Some(link) = &words.link {
            extras["client::notification"] = json!({ "click": { "url": link } });
        }
        let body = json!({
            "title": words.subject,
            "message": words.below_title(),
            "priority": priority,
            "extras": extras,
        });
        Ok(Request::post_json(&self.url, body).with_header("X-Gotify-Key", &self.token))
    }

    fn judge(&self, answer: &Answer) -> DeliveryOutcome {
        by_identifier(answer, "id")
    }
}
