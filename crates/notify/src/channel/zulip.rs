//! Zulip: a bot's message to a channel or person (zulip.com/api/send-message).

use watchfire_model::DeliveryOutcome;

use super::list::Parsed;
use super::text::{self, Limit, Words};
use super::{Address, Auth, Request, WebChannel, answers};
use crate::web::Answer;
use crate::{Outgoing, clean};

pub(crate) const SHAPES: &[&str] = &[
    "zulip://BOT@ORGANISATION/API_KEY/CHANNEL",
    "zulip://BOT@ORGANISATION/API_KEY/ada@example.org",
    "zulip://BOT_MAIL:API_KEY@HOST/?stream=CHANNEL&topic=TOPIC",
];

/// A message has 10,000 bytes at the most; what breaks markup in the subject is not counted.
const LIMIT: Limit = Limit::Bytes(8000);
/// A topic has 60 at the most.
const TOPIC: Limit = Limit::Units(60);
/// What a message stands under when it is about no one server.
const USUAL_TOPIC: &str = "Watchfire";

struct Zulip {
    url: String,
    mail: String,
    key: String,
    to: String,
    topic: Option<String>,
}

impl std::fmt::Debug for Zulip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Zulip({})", self.to)
    }
}

/// Apprise has the key first, and then channels and people.
pub(crate) fn targets(address: &Address) -> Option<usize> {
    address.password.is_none().then_some(1)
}

pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    let bot = address.user.as_deref().ok_or("the bot's name before the @ is missing")?;
    let host =
        if address.host.contains(['.', ':']) { String::new() } else { ".zulipchat.com".to_owned() };
    let at = Address { host: format!("{}{host}", address.host), ..address.clone() };
    let origin = at.origin(true)?;
    let (key, to) = match &address.password {
        // As shoutrrr writes it.
        Some(key) => (key.clone(), address.any_query(&["stream", "channel"]).map(str::to_owned)),
        None => {
            let key = address.segment(0).ok_or("the bot's API key is missing")?;
            (key.to_owned(), address.targets(1).first().cloned())
        }
    };
    let to = to.ok_or("the channel is missing")?;
    let mail = if bot.contains('@') {
        bot.to_owned()
    } else {
        format!("{}-bot@{}", bot.trim_end_matches("-bot"), at.host)
    };
    let topic = address.query("topic").map(str::to_owned);
    Ok(Box::new(Zulip { url: format!("{origin}/api/v1/messages"), mail, key, to, topic }))
}

impl WebChannel for Zulip {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let Words { text, link, .. } = text::escaped(message, LIMIT, text::fenced);
        // Zulip's Markdown knows no escapes, but a block of code has no markup.
        let subject = text::escaped(message, LIMIT, text::broken).subject;
        let mut content = format!("**{subject}**");
        if !text.is_empty() {
            content.push_str(&format!("\n```text\n{text}\n```"));
        }
        if let Some(link) = link {
            content.push_str(&format!("\n{link}"));
        }
        let topic = self.topic.as_deref().or(message.server).unwrap_or(USUAL_TOPIC);
        let topic = text::cut(&clean::line(topic), TOPIC, "…", text::as_is);
        let kind = if self.to.contains('@') { "private" } else { "stream" };
        let to = if kind == "private" {
            serde_json::json!([self.to]).to_string()
        } else {
            self.to.clone()
        };
        let request = Request::post_form(
            &self.url,
            [("type", kind.to_owned()), ("to", to), ("topic", topic), ("content", content)],
        );
        Ok(request.with_auth(Auth::Basic(self.mail.clone(), self.key.clone())))
    }

    fn judge(&self, answer: &Answer) -> DeliveryOutcome {
        let body = answers::json(answer);
        let result = body.as_ref().and_then(|body| body.get("result")?.as_str());
        match (answer.status, result) {
            (200..=299, Some("success")) => {
                answers::accepted(answer, answers::identifier(answer, "id").as_deref())
            }
            (200..=299, Some(_)) => answers::refused(answer, &answers::said(answer)),
            (200..=299, None) => answers::foreign(answer),
            _ => answers::by_status(answer),
        }
    }

    fn target(&self) -> Option<String> {
        Some(self.to.clone())
    }
}
