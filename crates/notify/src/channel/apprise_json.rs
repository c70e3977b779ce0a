//! JSON as Apprise posts it: for what already listens to that. `jsons://host/path`

use serde_json::{Map, Value, json};

use crate::Outgoing;
use crate::channel::list::Parsed;
use crate::channel::passed_on::Target;
use crate::channel::text::{self, Limit};
use crate::channel::tone::Tone;
use crate::channel::{Address, Auth, Body, Method, Request, WebChannel};

pub(crate) const SHAPES: &[&str] = &[
    "jsons://HOST/PATH",
    "jsons://USER:PASSWORD@HOST:PORT/PATH?+X-Header=VALUE&-query=VALUE",
    "json://HOST/PATH",
];

/// The version of the shape.
const VERSION: &str = "1.0";

/// Enough for any message, and for any reader.
const LIMIT: Limit = Limit::Units(32 * 1024);

#[derive(Debug)]
struct AppriseJson {
    target: Target,
    auth: Auth,
    method: Method,
    /// `:name=value`: a field more, or another name for one, or none of it.
    changes: Vec<(String, String)>,
}

/// Reads such a URL.
pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    let mut target = Target::of(address, address.scheme == "jsons", &["method"])?;
    let method = match target.setting("method").map(str::to_ascii_uppercase).as_deref() {
        None | Some("POST") => Method::Post,
        Some("PUT") => Method::Put,
        Some("GET") => Method::Get,
        Some(_) => return Err("method is post, put or get".to_owned()),
    };
    let fields = std::mem::take(&mut target.fields);
    let mut changes = Vec::new();
    for (name, value) in fields {
        match name.strip_prefix(':') {
            Some(name) => changes.push((name.to_owned(), value)),
            None if GENERAL.contains(&name.to_ascii_lowercase().as_str()) => {}
            None => target.fields.push((name, value)),
        }
    }
    let auth = match Auth::of(address) {
        // A user alone is a user here.
        Auth::Bearer(user) => Auth::Basic(user, String::new()),
        auth => auth,
    };
    Ok(Box::new(AppriseJson { target, auth, method, changes }))
}

/// What any URL of Apprise may have, and means nothing here.
const GENERAL: [&str; 8] =
    ["verify", "format", "overflow", "rto", "cto", "tz", "emojis", "interpret"];

impl WebChannel for AppriseJson {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let words = text::plain(message, LIMIT);
        let mut body = Map::new();
        body.insert("version".to_owned(), json!(VERSION));
        body.insert("title".to_owned(), json!(words.subject));
        body.insert("message".to_owned(), json!(words.below_title()));
        body.insert("attachments".to_owned(), json!([]));
        body.insert("type".to_owned(), json!(Tone::of(message.kind).as_str()));
        for (name, value) in &self.changes {
            change(&mut body, name, value);
        }
        let url = self.target.url_with(&self.target.fields);
        let request = Request::new(self.method, url, Body::Json(Value::Object(body)));
        Ok(self.target.headed(request.with_auth(self.auth.clone())))
    }

    fn only_from_file(&self) -> Option<&'static str> {
        (self.method == Method::Get).then_some("with method=get ask by GET")
    }
}

fn change(body: &mut Map<String, Value>, name: &str, value: &str) {
    match body.remove(name) {
        Some(known) if !value.is_empty() => drop(body.insert(value.to_owned(), known)),
        Some(_) => {}
        None => drop(body.insert(name.to_owned(), json!(value))),
    }
}
