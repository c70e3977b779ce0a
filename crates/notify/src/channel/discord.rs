//! Discord: a channel's webhook (discord.com/developers/docs/resources/webhook#execute-webhook).

use serde_json::json;
use watchfire_model::DeliveryOutcome;

use super::list::Parsed;
use super::text::{self, Limit};
use super::tone::Tone;
use super::{Address, Request, WebChannel, answers, by_identifier};
use crate::Outgoing;
use crate::web::Answer;

pub(crate) const SHAPES: &[&str] = &[
    "discord://WEBHOOK_ID/WEBHOOK_TOKEN",
    "discord://WEBHOOK_ID/WEBHOOK_TOKEN?thread=THREAD_ID",
    "https://discord.com/api/webhooks/WEBHOOK_ID/WEBHOOK_TOKEN",
];

/// Without a version Discord means its sixth, which says pauses in milliseconds.
const API: &str = "https://discord.com/api/v10";

/// The most that an embed's title takes, in characters.
const TITLE: Limit = Limit::Units(256);
/// The most that title and description take together: 4096 is the description's own limit.
const LIMIT: Limit = Limit::Units(4000);

/// Discord's numbers for a channel and a webhook that are not there (any more).
const UNKNOWN: [u64; 2] = [10_003, 10_015];

struct Discord {
    id: String,
    token: String,
    name: Option<String>,
    thread: Option<String>,
}

impl std::fmt::Debug for Discord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Discord({})", self.id)
    }
}

pub(crate) fn is_native(address: &Address) -> bool {
    let hosts = ["discord.com", "discordapp.com", "ptb.discord.com", "canary.discord.com"];
    hosts.iter().any(|host| address.host.eq_ignore_ascii_case(host))
        && address.segment(0) == Some("api")
        && address.path.iter().any(|part| part == "webhooks")
}

pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    let (id, token, name) = match (address.path.as_slice(), &address.user) {
        ([.., hooks, id, token], _) if hooks == "webhooks" => (id, token, None),
        ([token], name) => (&address.host, token, name.clone()),
        // As shoutrrr writes it.
        ([], Some(token)) => (&address.host, token, None),
        _ => return Err("it needs the webhook's number and its token".to_owned()),
    };
    if !is_number(id) {
        return Err("the webhook's id is a number".to_owned());
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !token.chars().all(fits) {
        return Err("the webhook's token is letters, digits, - and _".to_owned());
    }
    let thread = address.any_query(&["thread", "thread_id"]).map(str::to_owned);
    if thread.as_deref().is_some_and(|thread| !is_number(thread)) {
        return Err("the thread's id is a number".to_owned());
    }
    Ok(Box::new(Discord { id: id.clone(), token: token.clone(), name, thread }))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl WebChannel for Discord {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        // A block of code keeps the columns, and nothing in it is markup.
        let words = text::escaped(message, LIMIT, text::fenced);
        let subject = crate::clean::line(&message.content.subject);
        let mut embed = json!({
            "title": text::cut(&subject, TITLE, "…", text::discord),
            "color": Tone::of(message.kind).colour(),
        });
        if !words.text.is_empty() {
            embed["description"] = json!(format!("```\n{}\n```", words.text));
        }
        if let Some(link) = &words.link {
            embed["url"] = json!(link);
        }
        let mut body = json!({ "embeds": [embed], "allowed_mentions": { "parse": [] } });
        if let Some(name) = &self.name {
            body["username"] = json!(name);
        }
        let (id, token) = (&self.id, &self.token);
        let mut url = format!("{API}/webhooks/{id}/{token}?wait=true");
        if let Some(thread) = &self.thread {
            url.push_str(&format!("&thread_id={thread}"));
        }
        Ok(Request::post_json(url, body))
    }

    fn judge(&self, answer: &Answer) -> DeliveryOutcome {
        let body = answers::json(answer);
        let code = body.as_ref().and_then(|body| body.get("code")?.as_u64());
        match (answer.status, code) {
            (400..=499, Some(code)) if UNKNOWN.contains(&code) => {
                answers::refused(answer, &answers::said(answer))
            }
            _ => by_identifier(answer, "id"),
        }
    }

    fn target(&self) -> Option<String> {
        let thread = self.thread.as_ref().map(|thread| format!(", thread {thread}"));
        Some(format!("webhook {}{}", self.id, thread.unwrap_or_default()))
    }
}
