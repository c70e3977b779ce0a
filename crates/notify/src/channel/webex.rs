//! Webex: a bot's message to a room or person, or an incoming webhook
//! (developer.webex.com/messaging/docs/api/v1/messages/create-a-message).

use serde_json::json;
use watchfire_model::DeliveryOutcome;

use super::list::Parsed;
use super::text::{Limit, plain};
use super::{Address, Auth, Request, WebChannel, by_identifier, by_status};
use crate::Outgoing;
use crate::web::Answer;

pub(crate) const SHAPES: &[&str] = &[
    "wxteams://WEBHOOK_ID",
    "wxteams://BOT_TOKEN/ROOM_ID",
    "wxteams://BOT_TOKEN/ada@example.org",
    "https://webexapis.com/v1/webhooks/incoming/WEBHOOK_ID",
];

const API: &str = "https://webexapis.com/v1";
/// A message has 7439 bytes at the most before it is encrypted.
const LIMIT: Limit = Limit::Bytes(7000);

struct Webex {
    way: By,
}

enum By {
    Webhook(String),
    Bot { token: String, to: String },
}

impl std::fmt::Debug for Webex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.way {
            By::Webhook(_) => f.write_str("Webex(webhook)"),
            By::Bot { to, .. } => write!(f, "Webex({to})"),
        }
    }
}

pub(crate) fn is_native(address: &Address) -> bool {
    let hosts = ["webexapis.com", "api.ciscospark.com"];
    hosts.iter().any(|host| address.host.eq_ignore_ascii_case(host))
}

pub(crate) fn targets(address: &Address) -> Option<usize> {
    (address.scheme != "https").then_some(0)
}

pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    let fits = |text: &str| {
        text.len() >= 20 && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_=".contains(c))
    };
    let (token, to) = match (address.scheme.as_str(), address.path.as_slice()) {
        ("https", [_, hooks, incoming, id]) if hooks == "webhooks" && incoming == "incoming" => {
            (id.as_str(), None)
        }
        ("https", _) => return Err("it is not the URL of an incoming webhook".to_owned()),
        _ => (address.host.as_str(), address.targets(0).first().cloned()),
    };
    if !fits(token) {
        return Err("the webhook's id or the bot's token is missing".to_owned());
    }
    let token = token.to_owned();
    Ok(Box::new(Webex {
        way: match to {
            None => By::Webhook(token),
            Some(to) => By::Bot { token, to },
        },
    }))
}

impl WebChannel for Webex {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        // As `text` it has no markup and no mentions, which `markdown` would have.
        let text = plain(message, LIMIT).joined();
        Ok(match &self.way {
            By::Webhook(id) => {
                let url = format!("{API}/webhooks/incoming/{id}");
                Request::post_json(url, json!({ "text": text }))
            }
            By::Bot { token, to } => {
                let key = if to.contains('@') { "toPersonEmail" } else { "roomId" };
                let request =
                    Request::post_json(format!("{API}/messages"), json!({ key: to, "text": text }));
                request.with_auth(Auth::Bearer(token.clone()))
            }
        })
    }

    /// A webhook answers with nothing.
    fn judge(&self, answer: &Answer) -> DeliveryOutcome {
        match self.way {
            By::Webhook(_) => by_status(answer),
            By::Bot { .. } => by_identifier(answer, "id"),
        }
    }

    fn target(&self) -> Option<String> {
        match &self.way {
            By::Webhook(_) => None,
            By::Bot { to, .. } => Some(to.clone()),
        }
    }
}
