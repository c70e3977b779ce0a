//! Telegram: a bot's message to one chat (core.telegram.org/bots/api#sendmessage).

use serde_json::json;
use watchfire_model::DeliveryOutcome;

use super::list::Parsed;
use super::text::{self, Limit, escaped};
use super::{Address, Request, WebChannel, answers};
use crate::Outgoing;
use crate::web::Answer;

pub(crate) const SHAPES: &[&str] =
    &["tgram://BOT_TOKEN/CHAT_ID", "tgram://BOT_TOKEN/CHAT_ID:TOPIC", "tgram://BOT_TOKEN/@CHANNEL"];

/// The provider counts after markup; so this is less than it takes.
const LIMIT: Limit = Limit::Units(4096 - 16);

/// What Telegram says of a chat that takes no message of this bot any more.
const FOR_GOOD: [&str; 5] = [
    "chat not found",
    "bot was blocked by the user",
    "bot was kicked",
    "user is deactivated",
    "group chat was deleted",
];

struct Telegram {
    token: String,
    chat: String,
    thread: Option<i64>,
    silent: bool,
}

impl std::fmt::Debug for Telegram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Telegram({})", self.chat)
    }
}

pub(crate) fn targets(_: &Address) -> Option<usize> {
    Some(0)
}

pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    // A token has a colon inside, so it looks like host and port, or like user and password.
    let authority = address.authority.trim_end_matches('@');
    let token = authority.strip_suffix("@telegram").unwrap_or(authority);
    let token = token.strip_prefix("bot").unwrap_or(token);
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let is_token = |(id, secret): (&str, &str)| {
        !id.is_empty()
            && id.bytes().all(|byte| byte.is_ascii_digit())
            && !secret.is_empty()
            && secret.chars().all(fits)
    };
    if !token.split_once(':').is_some_and(is_token) {
        return Err("the bot's token is like 123456789:AAE-abc".to_owned());
    }
    let targets = address.targets(0);
    let target = targets.first().ok_or("the chat's number or @name is missing")?;
    let (chat, topic) = match target.split_once(':') {
        Some((chat, topic)) => (chat, Some(topic)),
        None => (target.as_str(), None),
    };
    let thread = topic.or_else(|| address.any_query(&["topic", "thread"]));
    let thread = thread.map(str::parse::<i64>).transpose();
    Ok(Box::new(Telegram {
        token: token.to_owned(),
        chat: chat_id(chat)?,
        thread: thread.map_err(|_| "the topic is a number".to_owned())?,
        silent: address.any_query(&["silent"]).is_some_and(is_yes)
            || address.query("notification").is_some_and(|word| !is_yes(word)),
    }))
}

fn is_for_good(said: &str) -> bool {
    FOR_GOOD.iter().any(|words| said.contains(words))
}

fn is_yes(word: &str) -> bool {
    matches!(word.to_ascii_lowercase().as_str(), "yes" | "true" | "1" | "on")
}

/// A number, or a public name with its `@`.
fn chat_id(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    let name = text.strip_prefix('@').unwrap_or(text);
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(fits) {
        return Ok(format!("@{name}"));
    }
    Err("a chat is a number like -1001234567890 or a public @name".to_owned())
}

impl WebChannel for Telegram {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let mut words = escaped(message, LIMIT, text::html);
        words.subject = format!("<b>{}</b>", words.subject);
        words.link = words.link.map(|link| link.replace('&', "&amp;"));
        let mut body = json!({
            "chat_id": self.chat,
            "text": words.joined(),
            "parse_mode": "HTML",
            "link_preview_options": { "is_disabled": true },
            "disable_notification": self.silent,
        });
        if let Some(thread) = self.thread {
            body["message_thread_id"] = json!(thread);
        }
        let url = format!("https://api.telegram.org/bot{}/sendMessage", self.token);
        Ok(Request::post_json(url, body))
    }

    fn judge(&self, answer: &Answer) -> DeliveryOutcome {
        let body = answers::json(answer);
        let field = |key: &str| body.as_ref().and_then(|body| body.get(key)).cloned();
        match (answer.status, field("ok").and_then(|ok| ok.as_bool())) {
            (200..=299, Some(true)) => {
                let id = field("result").and_then(|result| result.get("message_id").cloned());
                answers::accepted(answer, id.map(|id| id.to_string()).as_deref())
            }
            (200..=299, Some(false)) => answers::refused(answer, &answers::said(answer)),
            (200..=299, None) => answers::foreign(answer),
            (400..=499, Some(false)) if is_for_good(&answers::said(answer)) => {
                answers::refused(answer, &answers::said(answer))
            }
            _ => answers::by_status(answer),
        }
    }

    fn target(&self) -> Option<String> {
        let topic = self.thread.map(|thread| format!(", topic {thread}"));
        Some(format!("chat {}{}", self.chat, topic.unwrap_or_default()))
    }
}
