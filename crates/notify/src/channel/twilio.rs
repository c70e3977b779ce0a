//! Text messages by Twilio (Programmable Messaging). `twilio://SID:TOKEN@FROM/TO`

use watchfire_model::DeliveryOutcome;

use crate::Outgoing;
use crate::channel::address::percent_encoded;
use crate::channel::list::Parsed;
use crate::channel::sms::{self, Sms};
use crate::channel::{Address, Auth, Request, WebChannel, accepted, answers, by_status, refused};
use crate::web::Answer;

pub(crate) const SHAPES: &[&str] = &[
    "twilio://ACCOUNT_SID:AUTH_TOKEN@FROM_NUMBER/TO_NUMBER",
    "twilio://ACCOUNT_SID:AUTH_TOKEN@MESSAGING_SERVICE_SID/TO_NUMBER",
];

/// What a messaging service's identifier begins with.
const SERVICE: &str = "MG";

#[derive(Debug)]
struct Twilio {
    account: String,
    auth: Auth,
    /// The name of the field and the sender in it.
    from: (&'static str, String),
    to: String,
}

/// The numbers stand in the path.
pub(crate) fn targets(_: &Address) -> Option<usize> {
    Some(0)
}

/// Reads such a URL.
pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    let (Some(account), Some(token)) = (&address.user, &address.password) else {
        return Err("the account's SID and token stand before the @".to_owned());
    };
    let from = &address.host;
    let is_service = from.starts_with(SERVICE) && from.len() == 34;
    let from = if is_service {
        ("MessagingServiceSid", from.clone())
    } else {
        ("From", sms::sender(from)?)
    };
    Ok(Box::new(Twilio {
        account: account.clone(),
        auth: Auth::Basic(account.clone(), token.clone()),
        from,
        to: sms::international(&sms::target(address, targets)?)?,
    }))
}

impl WebChannel for Twilio {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let account = percent_encoded(&self.account);
        let url = format!("https://api.twilio.com/2010-04-01/Accounts/{account}/Messages.json");
        let (field, from) = &self.from;
        let fields =
            [("To", self.to.clone()), (*field, from.clone()), ("Body", Sms::of(message).text)];
        Ok(Request::post_form(url, fields).with_auth(self.auth.clone()))
    }

    /// A message that the network will not take is created all the same.
    fn judge(&self, answer: &Answer) -> DeliveryOutcome {
        if answer.status / 100 != 2 {
            return by_status(answer);
        }
        let message = answers::json(answer).unwrap_or_default();
        let text = |name: &str| message.get(name).and_then(|value| value.as_str());
        match text("status") {
            Some("failed" | "undelivered" | "canceled") => {
                refused(answer, text("error_message").unwrap_or("Twilio could not send it"))
            }
            Some(_) => accepted(answer, text("sid")),
            None => answers::foreign(answer),
        }
    }

    fn target(&self) -> Option<String> {
        Some(self.to.clone())
    }
}
