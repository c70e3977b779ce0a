//! Google Chat: a space's webhook (developers.google.com/workspace/chat/quickstart/webhooks).

use serde_json::json;
use watchfire_model::DeliveryOutcome;

use super::address::percent_encoded;
use super::list::Parsed;
use super::text::{self, Limit, Words};
use super::{Address, Request, WebChannel, act, by_identifier};
use crate::Outgoing;
use crate::web::Answer;

pub(crate) const SHAPES: &[&str] = &[
    "gchat://SPACE/KEY/TOKEN",
    "https://chat.googleapis.com/v1/spaces/SPACE/messages?key=KEY&token=TOKEN",
];

const HOST: &str = "chat.googleapis.com";
/// Below the 4096 that a message may have: what breaks markup in the subject is not counted.
const LIMIT: Limit = Limit::Units(3500);

struct GoogleChat {
    space: String,
    key: String,
    token: String,
    thread: Option<String>,
}

impl std::fmt::Debug for GoogleChat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GoogleChat({})", self.space)
    }
}

pub(crate) fn is_native(address: &Address) -> bool {
    address.host.eq_ignore_ascii_case(HOST)
}

pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    // shoutrrr has the provider's own path.
    let parts = match address.path.as_slice() {
        [_, spaces, space, ..] if is_native(address) && spaces == "spaces" => {
            (Some(space.as_str()), address.query("key"), address.query("token"))
        }
        path => {
            let part = |at: usize| path.get(at).map(String::as_str);
            (Some(address.host.as_str()).filter(|host| !host.is_empty()), part(0), part(1))
        }
    };
    let (Some(space), Some(key), Some(token)) = parts else {
        return Err("it needs the space, the key and the token of its webhook".to_owned());
    };
    let thread = address
        .any_query(&["thread", "threadkey"])
        .or_else(|| if is_native(address) { None } else { address.segment(2) });
    Ok(Box::new(GoogleChat {
        space: space.to_owned(),
        key: key.to_owned(),
        token: token.to_owned(),
        thread: thread.map(str::to_owned),
    }))
}

impl WebChannel for GoogleChat {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let Words { text, link, .. } = text::escaped(message, LIMIT, text::fenced);
        let subject = text::escaped(message, LIMIT, text::broken).subject;
        let mut words = format!("*{subject}*");
        if !text.is_empty() {
            words.push_str(&format!("\n```\n{text}\n```"));
        }
        if let Some(link) = link {
            words.push_str(&format!("\n{link}"));
        }
        // What belongs to one incident stands in one thread of the space.
        let thread = self.thread.clone().unwrap_or_else(|| act::thread(message));
        let url = format!(
            "https://{HOST}/v1/spaces/{}/messages?key={}&token={}\
             &messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD",
            percent_encoded(&self.space),
            percent_encoded(&self.key),
            percent_encoded(&self.token),
        );
        let body = json!({ "text": words, "thread": { "threadKey": thread } });
        Ok(Request::post_json(url, body))
    }

    fn judge(&self, answer: &Answer) -> DeliveryOutcome {
        by_identifier(answer, "name")
    }

    fn target(&self) -> Option<String> {
        Some(format!("space {}", self.space))
    }
}
