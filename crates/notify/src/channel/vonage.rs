//! Text messages by Vonage (formerly Nexmo), whose answer is 200 whatever became of them.
//! `vonage://KEY:SECRET@FROM/TO`

use serde_json::Value;
use watchfire_model::DeliveryOutcome;

use crate::channel::list::Parsed;
use crate::channel::sms::{self, Alphabet, Sms};
use crate::channel::{Address, Request, WebChannel, accepted, answers, by_status, refused, retry};
use crate::web::Answer;
use crate::{Outgoing, clean};

pub(crate) const SHAPES: &[&str] =
    &["vonage://API_KEY:API_SECRET@FROM/TO_NUMBER", "nexmo://API_KEY:API_SECRET@FROM/TO_NUMBER"];

/// How a part of a message fared, by Vonage's numbers.
mod status {
    pub(super) const TAKEN: &str = "0";
    /// Too fast, an internal error, no credit, too many connections: it passes or is mended.
    pub(super) const LATER: [&str; 4] = ["1", "5", "9", "10"];
}

struct Vonage {
    key: String,
    secret: String,
    from: String,
    to: String,
}

impl std::fmt::Debug for Vonage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vonage").field("to", &self.to).finish_non_exhaustive()
    }
}

/// The numbers stand in the path.
pub(crate) fn targets(_: &Address) -> Option<usize> {
    Some(0)
}

/// Reads such a URL.
pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    let (Some(key), Some(secret)) = (&address.user, &address.password) else {
        return Err("the API's key and secret stand before the @".to_owned());
    };
    Ok(Box::new(Vonage {
        key: key.clone(),
        secret: secret.clone(),
        from: bare(&sms::sender(&address.host)?),
        to: bare(&sms::international(&sms::target(address, targets)?)?),
    }))
}

/// Vonage writes numbers without the `+`.
fn bare(number: &str) -> String {
    number.trim_start_matches('+').to_owned()
}

impl WebChannel for Vonage {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let sms = Sms::of(message);
        let kind = match sms.alphabet {
            Alphabet::Gsm7 => "text",
            Alphabet::Ucs2 => "unicode",
        };
        let fields = [
            ("api_key", self.key.clone()),
            ("api_secret", self.secret.clone()),
            ("from", self.from.clone()),
            ("to", self.to.clone()),
            ("text", sms.text),
            ("type", kind.to_owned()),
        ];
        Ok(Request::post_form("https://rest.nexmo.com/sms/json", fields))
    }

    fn judge(&self, answer: &Answer) -> DeliveryOutcome {
        if answer.status / 100 != 2 {
            return by_status(answer);
        }
        let body = answers::json(answer).unwrap_or_default();
        match body.get("messages").and_then(Value::as_array) {
            Some(parts) if !parts.is_empty() => judge_parts(answer, parts),
            _ => answers::foreign(answer),
        }
    }

    fn target(&self) -> Option<String> {
        Some(self.to.clone())
    }
}

/// All parts must be taken; where some are, the message may come in pieces. A part that is never
/// taken ends the tries: each would send and charge the others again.
fn judge_parts(answer: &Answer, parts: &[Value]) -> DeliveryOutcome {
    let text = |part: &Value, name| match part.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let taken = |part: &&Value| text(part, "status") == status::TAKEN;
    let passes = |part: &&Value| status::LATER.contains(&text(part, "status").as_str());
    let failed = || parts.iter().filter(|part| !taken(part));
    let Some(failed) = failed().find(|part| !passes(part)).or_else(|| failed().next()) else {
        let identifier = parts.first().map(|part| text(part, "message-id"));
        return accepted(answer, identifier.as_deref());
    };
    let number = text(failed, "status");
    let why = format!("status {number}: {}", text(failed, "error-text"));
    if !passes(&failed) {
        return refused(answer, &why);
    }
    if parts.iter().any(|part| taken(&part)) {
        return DeliveryOutcome::Retry { why: clean::line(&why), maybe_accepted: true };
    }
    retry(answer, &why)
}
