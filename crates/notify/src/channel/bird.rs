//! Text messages by Bird's Channels API. `bird://ACCESS_KEY@WORKSPACE/CHANNEL/TO`

use serde_json::json;
use watchfire_model::DeliveryOutcome;

use crate::Outgoing;
use crate::channel::address::percent_encoded;
use crate::channel::list::Parsed;
use crate::channel::sms::{self, Sms};
use crate::channel::{Address, Request, WebChannel, by_identifier};
use crate::web::Answer;

pub(crate) const SHAPES: &[&str] = &["bird://ACCESS_KEY@WORKSPACE_ID/CHANNEL_ID/TO_NUMBER"];

struct Bird {
    key: String,
    url: String,
    to: String,
}

impl std::fmt::Debug for Bird {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bird").field("to", &self.to).finish_non_exhaustive()
    }
}

/// The numbers stand behind the channel.
pub(crate) fn targets(_: &Address) -> Option<usize> {
    Some(1)
}

/// Reads such a URL.
pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    let key = address.user.clone().ok_or("the access key stands before the @")?;
    let channel = address.segment(0).ok_or("the channel's id stands behind the workspace's")?;
    if address.host.is_empty() {
        return Err("the workspace's id stands behind the @".to_owned());
    }
    let (workspace, channel) = (percent_encoded(&address.host), percent_encoded(channel));
    Ok(Box::new(Bird {
        key,
        url: format!("https://api.bird.com/workspaces/{workspace}/channels/{channel}/messages"),
        to: sms::international(&sms::target(address, targets)?)?,
    }))
}

impl WebChannel for Bird {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let body = json!({
            "receiver": {
                "contacts": [{ "identifierKey": "phonenumber", "identifierValue": self.to }],
            },
            "body": { "type": "text", "text": { "text": Sms::of(message).text } },
        });
        let key = format!("AccessKey {}", self.key);
        Ok(Request::post_json(self.url.clone(), body).with_header("Authorization", key))
    }

    fn judge(&self, answer: &Answer) -> DeliveryOutcome {
        by_identifier(answer, "id")
    }

    fn target(&self) -> Option<String> {
        Some(self.to.clone())
    }
}
