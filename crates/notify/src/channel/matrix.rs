//! Matrix: one event in a room (spec.matrix.org, Client-Server API, "Sending events").

use serde_json::{Value, json};
use watchfire_model::DeliveryOutcome;

use super::address::percent_encoded;
use super::list::Parsed;
use super::text::{self, Limit, Words, escaped};
use super::{Address, Auth, Method, Request, WebChannel, answers};
use crate::web::Answer;
use crate::{Outgoing, clean};

pub(crate) const SHAPES: &[&str] =
    &["matrixs://ACCESS_TOKEN@HOST/!ROOM_ID", "matrixs://ACCESS_TOKEN@HOST/%23ALIAS:SERVER"];

/// An event has 65,536 bytes at the most, and holds the text twice, each of which JSON may
/// double.
const LIMIT: Limit = Limit::Bytes(8000);

#[derive(Clone)]
struct Matrix {
    origin: String,
    token: String,
    room: String,
}

impl std::fmt::Debug for Matrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Matrix({})", self.room)
    }
}

pub(crate) fn targets(_: &Address) -> Option<usize> {
    Some(0)
}

pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    let token = match (&address.user, &address.password) {
        (Some(token), None) => token,
        // As shoutrrr writes it.
        (None, Some(token)) => token,
        (Some(_), Some(_)) => {
            return Err("with a password each message would be a login: make an access token \
                        and write it alone before the @"
                .to_owned());
        }
        (None, None) => return Err("the access token before the @ is missing".to_owned()),
    };
    let room = address.targets(0).first().cloned().ok_or("the room is missing")?;
    let room = match room.strip_prefix(['!', '#']) {
        Some(_) if room.contains(':') => room,
        // The rooms of newer versions have no server in their ids.
        Some(rest) if room.starts_with('!') && rest.len() >= 43 => room,
        Some(_) => format!("{room}:{}", address.host),
        None => return Err("a room is !ID:SERVER, or its alias %23NAME:SERVER".to_owned()),
    };
    let origin = address.origin(address.scheme == "matrixs")?;
    Ok(Box::new(Matrix { origin, token: token.clone(), room }))
}

impl Matrix {
    fn url(&self, path: &str) -> String {
        format!("{}/_matrix/client/v3/{path}", self.origin)
    }
}

/// A server's own word for a room that is not there; a proxy's 404 has none.
fn is_unknown(body: Option<&Value>) -> bool {
    body.is_some_and(|body| body.get("errcode") == Some(&json!("M_NOT_FOUND")))
}

/// The escaped words as HTML, in which the text keeps its columns.
fn formatted(words: &Words) -> String {
    let mut html = format!("<b>{}</b>", words.subject);
    if !words.text.is_empty() {
        html.push_str(&format!("<pre><code>{}</code></pre>", words.text));
    }
    if let Some(link) = &words.link {
        let link = link.replace('&', "&amp;");
        html.push_str(&format!("<p><a href=\"{link}\">{link}</a></p>"));
    }
    html
}

impl WebChannel for Matrix {
    /// Events are sent to a room's id, so an alias is looked up first.
    fn question(&self) -> Option<Request> {
        let alias = self.room.strip_prefix('#')?;
        let url = self.url(&format!("directory/room/%23{}", percent_encoded(alias)));
        let question = Request::new(Method::Get, url, super::Body::None);
        Some(question.with_auth(Auth::Bearer(self.token.clone())))
    }

    fn answered(&self, answer: &Answer) -> Result<Box<dyn WebChannel>, DeliveryOutcome> {
        let body = answers::json(answer);
        let room = body.as_ref().and_then(|body| body.get("room_id")?.as_str());
        match (answer.status, room) {
            (200..=299, Some(room)) => Ok(Box::new(Self { room: room.to_owned(), ..self.clone() })),
            (200..=299, None) => Err(answers::foreign(answer)),
            (404, _) if is_unknown(body.as_ref()) => {
                Err(answers::refused(answer, &answers::said(answer)))
            }
            _ => Err(answers::by_status(answer)),
        }
    }

    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let words = escaped(message, LIMIT, text::mention_broken);
        let html = escaped(message, LIMIT, text::html);
        let body = json!({
            "msgtype": "m.text",
            "body": words.joined(),
            "format": "org.matrix.custom.html",
            "formatted_body": formatted(&html),
            "m.mentions": {},
        });
        // A server that has seen the transaction answers with the event that it made then.
        let transaction = percent_encoded(&clean::id(message.message_id));
        let room = percent_encoded(&self.room);
        let url = self.url(&format!("rooms/{room}/send/m.room.message/{transaction}"));
        let request = Request::new(Method::Put, url, super::Body::Json(body));
        Ok(request.with_auth(Auth::Bearer(self.token.clone())))
    }

    fn judge(&self, answer: &Answer) -> DeliveryOutcome {
        let body = answers::json(answer);
        let event = body.as_ref().and_then(|body| body.get("event_id")?.as_str());
        match (answer.status, event) {
            (200..=299, Some(event)) => answers::accepted(answer, Some(event)),
            (200..=299, None) => answers::foreign(answer),
            _ => answers::by_status(answer),
        }
    }

    fn target(&self) -> Option<String> {
        Some(format!("room {}", self.room))
    }
}
