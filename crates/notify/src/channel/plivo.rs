//! Text messages by Plivo. `plivo://AUTH_ID@AUTH_TOKEN/FROM/TO`

use serde_json::json;
use watchfire_model::DeliveryOutcome;

use crate::Outgoing;
use crate::channel::address::percent_encoded;
use crate::channel::list::Parsed;
use crate::channel::sms::{self, Sms};
use crate::channel::{Address, Auth, Request, WebChannel, accepted, answers, by_status};
use crate::web::Answer;

pub(crate) const SHAPES: &[&str] = &["plivo://AUTH_ID@AUTH_TOKEN/FROM/TO_NUMBER"];

#[derive(Debug)]
struct Plivo {
    id: String,
    auth: Auth,
    from: String,
    to: String,
}

/// The numbers stand behind the sender.
pub(crate) fn targets(_: &Address) -> Option<usize> {
    Some(1)
}

/// Reads such a URL.
pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    let id = address.user.clone().ok_or("the auth id stands before the @")?;
    let from = address.segment(0).ok_or("the sender stands behind the token")?;
    if address.host.is_empty() {
        return Err("the auth token stands behind the @".to_owned());
    }
    Ok(Box::new(Plivo {
        auth: Auth::Basic(id.clone(), address.host.clone()),
        id,
        from: sms::sender(from)?,
        to: sms::international(&sms::target(address, targets)?)?,
    }))
}

impl WebChannel for Plivo {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let url =
            format!("https://api.plivo.com/v1/Account/{}/Message/", percent_encoded(&self.id));
        let body = json!({ "src": self.from, "dst": self.to, "text": Sms::of(message).text });
        Ok(Request::post_json(url, body).with_auth(self.auth.clone()))
    }

    fn judge(&self, answer: &Answer) -> DeliveryOutcome {
        match answer.status {
            200..=299 => {
                let body = answers::json(answer).unwrap_or_default();
                match body.pointer("/message_uuid/0").and_then(|id| id.as_str()) {
                    Some(identifier) => accepted(answer, Some(identifier)),
                    None => answers::foreign(answer),
                }
            }
            _ => by_status(answer),
        }
    }

    fn target(&self) -> Option<String> {
        Some(self.to.clone())
    }
}
