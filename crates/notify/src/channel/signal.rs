//! Signal, by signal-cli's REST service (bbernhard.github.io/signal-cli-rest-api, `/v2/send`).

use serde_json::json;
use watchfire_model::DeliveryOutcome;

use super::list::Parsed;
use super::text::{Limit, plain};
use super::{Address, Auth, Request, WebChannel, answers, by_identifier, retry, sms};
use crate::Outgoing;
use crate::web::Answer;

pub(crate) const SHAPES: &[&str] =
    &["signals://HOST:PORT/FROM_NUMBER/TO_NUMBER", "signals://HOST:PORT/FROM_NUMBER/group.ID"];

/// What is longer is sent as a file by Signal.
const LIMIT: Limit = Limit::Bytes(2000);

struct Signal {
    url: String,
    auth: Auth,
    from: String,
    to: String,
}

impl std::fmt::Debug for Signal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signal({})", self.to)
    }
}

/// The sender's number comes first, unless it stands after `from=`.
pub(crate) fn targets(address: &Address) -> Option<usize> {
    Some(usize::from(address.query("from").is_none()))
}

pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    let from = match address.query("from") {
        Some(from) => from,
        None => address.segment(0).ok_or("the number that sends is missing")?,
    };
    let from = number(from).ok_or("the number that sends is like +4915112345678")?;
    // Whoever is told of nobody else is told of by the sender itself.
    let to = address.targets(targets(address).unwrap_or_default()).first().cloned();
    let to = to.unwrap_or_else(|| from.clone());
    let auth = match (&address.user, &address.password) {
        (Some(user), password) => Auth::Basic(user.clone(), password.clone().unwrap_or_default()),
        (None, _) => Auth::None,
    };
    Ok(Box::new(Signal {
        url: format!("{}/v2/send", address.origin(address.scheme == "signals")?),
        auth,
        from,
        to: recipient(&to).ok_or("a recipient is a number like +4915112345678 or group.ID")?,
    }))
}

fn recipient(text: &str) -> Option<String> {
    match text.strip_prefix("group.").or_else(|| text.strip_prefix('@')) {
        Some(group) => Some(format!("group.{group}")),
        None => number(text),
    }
}

/// A telephone number with its country.
fn number(text: &str) -> Option<String> {
    sms::international(text).ok().filter(|number| number.starts_with('+'))
}

impl WebChannel for Signal {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let body = json!({
            "number": self.from,
            "recipients": [self.to],
            "message": plain(message, LIMIT).joined(),
            "text_mode": "normal",
        });
        Ok(Request::post_json(&self.url, body).with_auth(self.auth.clone()))
    }

    /// The service says 400 to everything that Signal did not take, passing or not.
    fn judge(&self, answer: &Answer) -> DeliveryOutcome {
        match answer.status {
            400 => retry(answer, &answers::said(answer)),
            _ => by_identifier(answer, "timestamp"),
        }
    }

    fn target(&self) -> Option<String> {
        Some(self.to.clone())
    }
}
