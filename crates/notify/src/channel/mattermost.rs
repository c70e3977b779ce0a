//! Mattermost: an incoming webhook (developers.mattermost.com/integrate/webhooks/incoming).

use serde_json::{Value, json};
use watchfire_model::DeliveryOutcome;

use super::address::percent_encoded;
use super::list::Parsed;
use super::text::{self, Limit, Words};
use super::tone::Tone;
use super::{Address, Request, WebChannel, answers};
use crate::Outgoing;
use crate::web::Answer;

pub(crate) const SHAPES: &[&str] = &[
    "mmosts://HOST/HOOK_KEY",
    "mmosts://NAME@HOST:PORT/PATH/HOOK_KEY?channel=CHANNEL",
    "mattermost://NAME@HOST/HOOK_KEY/CHANNEL",
];

const LIMIT: Limit = Limit::Units(7500);

struct Mattermost {
    url: String,
    name: Option<String>,
    channel: Option<String>,
}

impl std::fmt::Debug for Mattermost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mattermost({:?})", self.channel)
    }
}

pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    let origin = address.origin(address.scheme != "mmost")?;
    let named = address.any_query(&["channel", "channels", "to"]);
    // shoutrrr names the channel after the key, Apprise a path before it.
    let (before, key, after) = match (address.scheme.as_str(), address.path.as_slice()) {
        ("mattermost", [key]) => (&[][..], key, None),
        ("mattermost", [key, channel]) => (&[][..], key, Some(channel.as_str())),
        (_, [before @ .., key]) => (before, key, None),
        _ => return Err("the webhook's key is missing".to_owned()),
    };
    let channel = named.or(after);
    if channel.is_some_and(|channel| channel.contains(',')) {
        return Err("give each channel a URL of its own".to_owned());
    }
    let path: String = before.iter().map(|part| format!("/{}", percent_encoded(part))).collect();
    Ok(Box::new(Mattermost {
        url: format!("{origin}{path}/hooks/{}", percent_encoded(key)),
        name: address.user.clone(),
        channel: channel.map(|channel| channel.trim_start_matches('#').to_owned()),
    }))
}

/// A coloured attachment: its title is plain text, and its text a block of code, in which
/// columns are kept and nothing is markup.
pub(super) fn attachment(message: &Outgoing<'_>) -> Value {
    let Words { text, link, .. } = text::escaped(message, LIMIT, text::fenced);
    let title = text::escaped(message, LIMIT, text::broken).subject;
    let mut attachment = json!({
        "color": Tone::of(message.kind).hex(),
        "title": title,
        "fallback": title,
    });
    if !text.is_empty() {
        attachment["text"] = json!(format!("```\n{text}\n```"));
    }
    if let Some(link) = link {
        attachment["title_link"] = json!(link);
    }
    attachment
}

impl WebChannel for Mattermost {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let mut body = json!({ "attachments": [attachment(message)] });
        if let Some(channel) = &self.channel {
            body["channel"] = json!(channel);
        }
        if let Some(name) = &self.name {
            body["username"] = json!(name);
        }
        Ok(Request::post_json(&self.url, body))
    }

    fn judge(&self, answer: &Answer) -> DeliveryOutcome {
        let is_taken = (200..=299).contains(&answer.status);
        if is_taken && String::from_utf8_lossy(&answer.body).trim() != "ok" {
            return answers::foreign(answer);
        }
        answers::by_status(answer)
    }

    fn target(&self) -> Option<String> {
        self.channel.as_ref().map(|channel| format!("channel {channel}"))
    }
}
