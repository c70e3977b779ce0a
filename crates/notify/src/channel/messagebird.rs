//! Text messages by MessageBird's own API, which Bird still serves. `msgbird://KEY/FROM/TO`

use serde_json::json;
use watchfire_model::DeliveryOutcome;

use crate::Outgoing;
use crate::channel::list::Parsed;
use crate::channel::sms::{self, Alphabet, Sms};
use crate::channel::{Address, Request, WebChannel, answers, by_identifier, retry};
use crate::web::Answer;

pub(crate) const SHAPES: &[&str] =
    &["msgbird://ACCESS_KEY/FROM/TO_NUMBER", "messagebird://ACCESS_KEY/FROM/TO_NUMBER"];

/// What MessageBird calls an account without money: somebody will pay.
const NO_BALANCE: u64 = 25;

struct MessageBird {
    key: String,
    from: String,
    to: String,
}

impl std::fmt::Debug for MessageBird {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageBird").field("to", &self.to).finish_non_exhaustive()
    }
}

/// The numbers stand behind the sender.
pub(crate) fn targets(_: &Address) -> Option<usize> {
    Some(1)
}

/// Reads such a URL.
pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    let from = address.segment(0).ok_or("the sender stands behind the key")?;
    if address.host.is_empty() {
        return Err("the access key is missing".to_owned());
    }
    Ok(Box::new(MessageBird {
        key: address.host.clone(),
        from: sms::sender(from)?,
        to: sms::international(&sms::target(address, targets)?)?,
    }))
}

impl WebChannel for MessageBird {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let sms = Sms::of(message);
        let coding = match sms.alphabet {
            Alphabet::Gsm7 => "plain",
            Alphabet::Ucs2 => "unicode",
        };
        let body = json!({
            "originator": self.from,
            "recipients": [self.to],
            "body": sms.text,
            "datacoding": coding,
        });
        Ok(Request::post_json("https://rest.messagebird.com/messages", body)
            .with_header("Accept", "application/json")
            .with_header("Authorization", format!("AccessKey {}", self.key)))
    }

    fn judge(&self, answer: &Answer) -> DeliveryOutcome {
        let body = answers::json(answer);
        let code = body.as_ref().and_then(|body| body.pointer("/errors/0/code")?.as_u64());
        if code == Some(NO_BALANCE) {
            return retry(answer, &answers::said(answer));
        }
        by_identifier(answer, "id")
    }

    fn target(&self) -> Option<String> {
        Some(self.to.clone())
    }
}
