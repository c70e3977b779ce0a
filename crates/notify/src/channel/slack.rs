//! Slack: an incoming webhook, or a bot by `chat.postMessage`
//! (api.slack.com/messaging/webhooks, api.slack.com/methods/chat.postMessage).

use serde_json::{Value, json};
use watchfire_model::DeliveryOutcome;

use super::list::Parsed;
use super::text::{self, Limit, Words};
use super::tone::Tone;
use super::{Address, Auth, Request, WebChannel, answers};
use crate::Outgoing;
use crate::web::Answer;

pub(crate) const SHAPES: &[&str] = &[
    "slack://TOKEN_A/TOKEN_B/TOKEN_C",
    "slack://TOKEN_A/TOKEN_B/TOKEN_C/%23CHANNEL",
    "slack://xoxb-BOT_TOKEN/%23CHANNEL",
    "https://hooks.slack.com/services/TOKEN_A/TOKEN_B/TOKEN_C",
];

/// The most that a message's parts take.
const LIMIT: Limit = Limit::Units(3000);

/// Errors that are about the place or the message: no other try of it can succeed. The rest passes,
/// or somebody will mend it.
const FOR_GOOD: [&str; 15] = [
    "action_prohibited",
    "channel_is_archived",
    "channel_not_found",
    "invalid_attachments",
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_payload",
    "is_archived",
    "msg_too_long",
    "no_service",
    "no_service_id",
    "no_team",
    "no_text",
    "team_disabled",
    "user_not_found",
];

struct Slack {
    way: By,
    name: Option<String>,
    channel: Option<String>,
}

enum By {
    /// The three parts of a webhook's path.
    Webhook(String),
    Bot(String),
}

impl std::fmt::Debug for Slack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Slack({:?})", self.channel)
    }
}

pub(crate) fn is_native(address: &Address) -> bool {
    let hosts = ["hooks.slack.com", "hooks.slack-gov.com"];
    hosts.iter().any(|host| address.host.eq_ignore_ascii_case(host))
        && matches!(address.segment(0), Some("services"))
}

/// Channels follow the three tokens of a webhook, or the one of a bot.
pub(crate) fn targets(address: &Address) -> Option<usize> {
    match (address.user.as_deref(), address.password.as_deref()) {
        _ if address.scheme == "https" => None,
        (Some("hook" | "xoxb"), Some(_)) => None,
        _ if is_bot(&address.host) => Some(0),
        _ => Some(2),
    }
}

fn is_bot(token: &str) -> bool {
    token.starts_with("xox")
}

pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    let login = (address.user.as_deref(), address.password.as_deref());
    let (way, channel) = match (login, address.path.as_slice()) {
        (_, [_, a, b, c]) if is_native(address) => (webhook([a, b, c])?, None),
        // As shoutrrr writes them.
        ((Some("hook"), Some(token)), _) => {
            let parts: Vec<&str> = token.split('-').collect();
            let parts = <[&str; 3]>::try_from(parts).map_err(|_| TOKENS.to_owned())?;
            (webhook(parts)?, None)
        }
        ((Some(kind), Some(token)), _) if is_bot(kind) => {
            (By::Bot(format!("{kind}-{token}")), Some(address.host.clone()))
        }
        (_, channels) if is_bot(&address.host) => {
            let channel = channels.first().cloned().or(address.targets(0).first().cloned());
            let channel = channel.ok_or("a bot needs a channel: %23CHANNEL or its id")?;
            (By::Bot(address.host.clone()), Some(channel))
        }
        (_, [b, c, ..]) => (webhook([&address.host, b, c])?, address.targets(2).first().cloned()),
        _ => return Err(TOKENS.to_owned()),
    };
    let name = if login.1.is_some() { None } else { address.user.clone() };
    Ok(Box::new(Slack { way, name, channel }))
}

const TOKENS: &str = "a webhook has three tokens: TAAAAAAAA/BBBBBBBBB/abc";

fn webhook(parts: [&str; 3]) -> Result<By, String> {
    let is_token = |part: &&str| part.chars().all(|c| c.is_ascii_alphanumeric());
    if parts.iter().all(is_token) && parts[0].starts_with('T') && parts[1].starts_with('B') {
        return Ok(By::Webhook(parts.join("/")));
    }
    Err(TOKENS.to_owned())
}

/// The text as elements that Slack shows as they are: there is no markup in them.
fn rich(words: &Words) -> Value {
    let mut elements = Vec::new();
    if !words.text.is_empty() {
        elements.push(json!({ "type": "text", "text": words.text }));
    }
    if let Some(link) = &words.link {
        if !elements.is_empty() {
            elements.push(json!({ "type": "text", "text": "\n\n" }));
        }
        elements.push(json!({ "type": "link", "url": link }));
    }
    json!([{
        "type": "rich_text",
        "elements": [{ "type": "rich_text_section", "elements": elements }],
    }])
}

impl WebChannel for Slack {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let words = text::plain(message, LIMIT);
        let subject = text::escaped(message, LIMIT, text::slack).subject;
        let mut body = json!({
            "text": subject,
            "mrkdwn": false,
            "unfurl_links": false,
            "unfurl_media": false,
        });
        if !words.text.is_empty() || words.link.is_some() {
            let color = Tone::of(message.kind).hex();
            body["attachments"] =
                json!([{ "color": color, "fallback": subject, "blocks": rich(&words) }]);
        }
        if let Some(channel) = &self.channel {
            body["channel"] = json!(channel);
        }
        if let Some(name) = &self.name {
            body["username"] = json!(name);
        }
        Ok(match &self.way {
            By::Webhook(path) => {
                Request::post_json(format!("https://hooks.slack.com/services/{path}"), body)
            }
            By::Bot(token) => Request::post_json("https://slack.com/api/chat.postMessage", body)
                .with_auth(Auth::Bearer(token.clone())),
        })
    }

    fn judge(&self, answer: &Answer) -> DeliveryOutcome {
        match self.way {
            By::Webhook(_) => of_webhook(answer),
            By::Bot(_) => of_bot(answer),
        }
    }

    fn target(&self) -> Option<String> {
        self.channel.as_ref().map(|channel| format!("channel {channel}"))
    }
}

/// A webhook says `ok`, or in one word what is wrong: `no_service`.
fn of_webhook(answer: &Answer) -> DeliveryOutcome {
    let text = String::from_utf8_lossy(&answer.body);
    let text = text.trim();
    match answer.status {
        200..=299 if text == "ok" => answers::accepted(answer, None),
        200..=299 => answers::foreign(answer),
        400..=499 if FOR_GOOD.contains(&text) => answers::refused(answer, text),
        _ => answers::by_status(answer),
    }
}

/// The API answers 200 to nearly everything.
fn of_bot(answer: &Answer) -> DeliveryOutcome {
    let Some(body) = answers::json(answer) else {
        let is_taken = (200..=299).contains(&answer.status);
        return if is_taken { answers::foreign(answer) } else { answers::by_status(answer) };
    };
    let error = body.get("error").and_then(Value::as_str).unwrap_or_default();
    match body.get("ok").and_then(Value::as_bool) {
        _ if answer.status >= 300 => answers::by_status(answer),
        Some(true) => answers::accepted(answer, body.get("ts").and_then(Value::as_str)),
        Some(false) if FOR_GOOD.contains(&error) => answers::refused(answer, error),
        Some(false) => answers::retry(answer, &answers::said(answer)),
        None => answers::foreign(answer),
    }
}
