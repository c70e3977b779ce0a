//! Pushover: one message to a user or group (pushover.net/api).

use serde_json::json;
use watchfire_model::DeliveryOutcome;

use super::list::Parsed;
use super::text::{Limit, plain};
use super::tone::Tone;
use super::{Address, Request, WebChannel, accepted, answers, by_status};
use crate::Outgoing;
use crate::web::Answer;

pub(crate) const SHAPES: &[&str] =
    &["pover://USER_KEY@API_TOKEN", "pover://USER_KEY@API_TOKEN/DEVICE"];

const URL: &str = "https://api.pushover.net/1/messages.json";
/// What title and message take together: the message alone may have 1024 characters.
const LIMIT: Limit = Limit::Units(1024);
/// The longest title, in characters.
const TITLE: usize = 250;
/// How often an emergency is told again, and for how long, in seconds.
const RETRY: u32 = 60;
const EXPIRE: u32 = 3600;

struct Pushover {
    user: String,
    token: String,
    devices: Vec<String>,
    priority: Option<i8>,
    sound: Option<String>,
    retry: u32,
    expire: u32,
}

impl std::fmt::Debug for Pushover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pushover({:?})", self.devices)
    }
}

pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    // shoutrrr has them the other way round, with its own name as the user.
    let (user, token) = match (&address.user, &address.password) {
        (Some(user), None) => (user.as_str(), address.host.as_str()),
        (Some(name), Some(token)) if name == "shoutrrr" => (address.host.as_str(), token.as_str()),
        _ => return Err("it needs the user's key, an @ and the application's token".to_owned()),
    };
    let is_key = |text: &str| text.len() >= 20 && text.chars().all(|c| c.is_ascii_alphanumeric());
    if !is_key(user) || !is_key(token) {
        return Err("user key and token are 30 letters and digits each".to_owned());
    }
    let named = address.query("devices").unwrap_or_default().split(',').map(str::trim);
    let devices = address.path.iter().map(String::as_str).chain(named);
    Ok(Box::new(Pushover {
        user: user.to_owned(),
        token: token.to_owned(),
        devices: devices.filter(|device| !device.is_empty()).map(str::to_owned).collect(),
        priority: address.query("priority").map(priority).transpose()?,
        sound: address.query("sound").map(str::to_owned),
        retry: seconds(address, "retry", RETRY, 30..=10_800)?,
        expire: seconds(address, "expire", EXPIRE, 30..=10_800)?,
    }))
}

fn seconds(
    address: &Address,
    key: &str,
    usual: u32,
    range: std::ops::RangeInclusive<u32>,
) -> Result<u32, String> {
    let Some(text) = address.query(key) else { return Ok(usual) };
    let bad = || format!("{key} is a number of seconds from {} to {}", range.start(), range.end());
    text.parse().ok().filter(|seconds| range.contains(seconds)).ok_or_else(bad)
}

fn priority(word: &str) -> Result<i8, String> {
    match word.to_ascii_lowercase().as_str() {
        "-2" | "low" | "lowest" => Ok(-2),
        "-1" | "moderate" => Ok(-1),
        "0" | "normal" => Ok(0),
        "1" | "high" => Ok(1),
        "2" | "emergency" => Ok(2),
        _ => Err("priority is -2, -1, 0, 1 or 2".to_owned()),
    }
}

/// High passes quiet hours; an emergency must be chosen, for it rings until it is answered.
fn usual_priority(tone: Tone) -> i8 {
    match tone {
        Tone::Failure => 1,
        Tone::Warning | Tone::Success => 0,
        Tone::Info => -1,
    }
}

impl WebChannel for Pushover {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let words = plain(message, LIMIT);
        let tone = Tone::of(message.kind);
        // Only troubles ring until they are answered: that it is over wakes nobody twice.
        let chosen = self.priority.filter(|priority| *priority < 2 || tone == Tone::Failure);
        let priority = chosen.unwrap_or_else(|| usual_priority(tone));
        let title: String = words.subject.chars().take(TITLE).collect();
        let text = if words.text.is_empty() { &words.subject } else { &words.text };
        let mut body = json!({
            "token": self.token,
            "user": self.user,
            "title": title,
            "message": text,
            "priority": priority,
            "timestamp": message.unix_ms / 1000,
        });
        if let Some(link) = &words.link {
            body["url"] = json!(link);
        }
        if priority == 2 {
            body["retry"] = json!(self.retry);
            body["expire"] = json!(self.expire);
        }
        if !self.devices.is_empty() {
            body["device"] = json!(self.devices.join(","));
        }
        if let Some(sound) = &self.sound {
            body["sound"] = json!(sound);
        }
        Ok(Request::post_json(URL, body))
    }

    /// `status` is 1 when it is taken.
    fn judge(&self, answer: &Answer) -> DeliveryOutcome {
        if !answers::is_success(answer) {
            return by_status(answer);
        }
        match answers::identifier(answer, "status").as_deref() {
            Some("1") => accepted(answer, answers::identifier(answer, "request").as_deref()),
            _ => answers::foreign(answer),
        }
    }

    fn target(&self) -> Option<String> {
        (!self.devices.is_empty()).then(|| format!("device {}", self.devices.join(", ")))
    }
}
