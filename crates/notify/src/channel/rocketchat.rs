//! Rocket.Chat: an incoming webhook, or `chat.postMessage` with a personal access token
//! (docs.rocket.chat, "Incoming Webhook Script" and developer.rocket.chat, "Post Message").

use serde_json::{Value, json};
use watchfire_model::DeliveryOutcome;

use super::address::percent_encoded;
use super::list::Parsed;
use super::mattermost::attachment;
use super::{Address, Request, WebChannel, answers};
use crate::Outgoing;
use crate::web::Answer;

pub(crate) const SHAPES: &[&str] = &[
    "rockets://HOOK_ID%2FHOOK_TOKEN@HOST",
    "rockets://HOOK_ID%2FHOOK_TOKEN@HOST/%23CHANNEL",
    "rockets://USER_ID:ACCESS_TOKEN@HOST/%23CHANNEL",
    "rocketchat://NAME@HOST/HOOK_ID/HOOK_TOKEN",
];

struct RocketChat {
    origin: String,
    way: By,
    name: Option<String>,
    channel: Option<String>,
}

enum By {
    Webhook(String),
    Token { user: String, token: String },
}

impl std::fmt::Debug for RocketChat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RocketChat({:?})", self.channel)
    }
}

pub(crate) fn targets(address: &Address) -> Option<usize> {
    Some(if address.scheme == "rocketchat" { 2 } else { 0 })
}

pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    let from = targets(address).unwrap_or_default();
    if from == 0 && address.path.iter().any(|part| part.contains('@') && !part.starts_with('@')) {
        return Err("write the / inside of the webhook as %2F".to_owned());
    }
    let (way, name) = match (from, &address.user, &address.password, address.path.as_slice()) {
        (2, name, None, [id, token, ..]) => (webhook(&format!("{id}/{token}"))?, name.clone()),
        (0, Some(hook), None, _) => (webhook(hook)?, None),
        (0, Some(user), Some(token), _) => {
            (By::Token { user: user.clone(), token: token.clone() }, None)
        }
        _ => return Err("the webhook's id and token are missing".to_owned()),
    };
    let channel = address.targets(from).first().cloned();
    if matches!(way, By::Token { .. }) && channel.is_none() {
        return Err("with an access token the channel must be named: %23CHANNEL".to_owned());
    }
    Ok(Box::new(RocketChat {
        origin: address.origin(address.scheme != "rocket")?,
        way,
        name,
        channel,
    }))
}

fn webhook(text: &str) -> Result<By, String> {
    let fits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric());
    match text.split_once('/') {
        Some((id, token)) if fits(id) && fits(token) => Ok(By::Webhook(text.to_owned())),
        _ => Err("a webhook is its id, %2F and its token".to_owned()),
    }
}

impl WebChannel for RocketChat {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let mut body = json!({ "attachments": [attachment(message)] });
        if let Some(channel) = &self.channel {
            let is_room = !channel.starts_with(['#', '@']);
            let key = if is_room { "roomId" } else { "channel" };
            body[key] = json!(channel);
        }
        if let Some(name) = &self.name {
            body["alias"] = json!(name);
        }
        let origin = &self.origin;
        Ok(match &self.way {
            By::Webhook(hook) => {
                let (id, token) = hook.split_once('/').unwrap_or((hook, ""));
                let (id, token) = (percent_encoded(id), percent_encoded(token));
                Request::post_json(format!("{origin}/hooks/{id}/{token}"), body)
            }
            By::Token { user, token } => {
                Request::post_json(format!("{origin}/api/v1/chat.postMessage"), body)
                    .with_header("X-User-Id", user)
                    .with_header("X-Auth-Token", token)
            }
        })
    }

    fn judge(&self, answer: &Answer) -> DeliveryOutcome {
        let success =
            answers::json(answer).and_then(|body| body.get("success").and_then(Value::as_bool));
        match (answer.status, success) {
            (200..=299, Some(false)) => answers::refused(answer, &answers::said(answer)),
            (200..=299, None) => answers::foreign(answer),
            _ => answers::by_status(answer),
        }
    }

    fn target(&self) -> Option<String> {
        self.channel.clone()
    }
}
