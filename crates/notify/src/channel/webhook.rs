//! A webhook: our JSON document, or a body of the user's, signed so that its receiver knows
//! who sent it and when. `webhook+https://hooks.example.org/watchfire?secret=…`

use watchfire_identity::hmac_sha256_hex;
use watchfire_model::Moment;

use crate::Outgoing;
use crate::channel::document::document;
use crate::channel::list::Parsed;
use crate::channel::passed_on::Target;
use crate::channel::template::{Syntax, Template, Values};
use crate::channel::{Address, Auth, Body, Method, Request, WebChannel};
use crate::clean;

pub(crate) const SHAPES: &[&str] = &[
    "webhook+https://HOST/PATH?secret=SECRET",
    "webhook+https://USER:PASSWORD@HOST/PATH?+X-Header=VALUE",
    "webhook+https://HOST/PATH?template={\"say\":\"{{subject}}\"}&syntax=json",
];

/// What the receiver compares: `t=1700000000,v1=HEX`, where HEX is the HMAC-SHA-256 of
/// `1700000000.BODY` by the secret.
pub(crate) const SIGNATURE: &str = "X-Watchfire-Signature";

const SETTINGS: [&str; 4] = ["secret", "template", "syntax", "method"];

#[derive(Debug)]
struct Webhook {
    target: Target,
    auth: Auth,
    method: Method,
    template: Option<Template>,
    syntax: Syntax,
    secret: Option<Secret>,
}

/// What signs.
struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Reads a webhook's URL.
pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    let target = Target::of(address, address.scheme == "webhook+https", &SETTINGS)?;
    let syntax = syntax(target.setting("syntax"))?;
    let template = target.setting("template");
    if template.is_none() && syntax != Syntax::Json {
        return Err("syntax says in what a template is written: add template=".to_owned());
    }
    let template = template.map(|text| Template::parse(text, syntax, &[])).transpose()?;
    let secret = target.setting("secret").map(|secret| Secret(secret.to_owned()));
    let method = match target.setting("method").map(str::to_ascii_uppercase).as_deref() {
        None | Some("POST") => Method::Post,
        Some("PUT") => Method::Put,
        Some(_) => return Err("method is post or put".to_owned()),
    };
    let auth = Auth::of(address);
    Ok(Box::new(Webhook { target, auth, method, template, syntax, secret }))
}

/// In what a body is written.
pub(super) fn syntax(word: Option<&str>) -> Result<Syntax, String> {
    match word {
        None | Some("json") => Ok(Syntax::Json),
        Some("form") => Ok(Syntax::Form),
        Some("text") => Ok(Syntax::Plain),
        Some(_) => Err("syntax is json, form or text".to_owned()),
    }
}

impl Syntax {
    /// The `Content-Type` of a body in it.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
            Self::Plain => "text/plain; charset=utf-8",
        }
    }
}

impl Webhook {
    fn body(&self, message: &Outgoing<'_>) -> String {
        match &self.template {
            Some(template) => template.fill(&Values::of(message)),
            None => document(message).to_string(),
        }
    }
}

impl WebChannel for Webhook {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let url = self.target.url_with(&self.target.fields);
        let request = Request::new(self.method, url, Body::Text(self.body(message)))
            .with_auth(self.auth.clone())
            .with_header("Content-Type", self.syntax.content_type())
            // The same on every try, so that a receiver can drop a second copy.
            .with_header("Idempotency-Key", clean::id(message.message_id));
        Ok(self.target.headed(request))
    }

    /// Signed for this try: a receiver may refuse what is old.
    fn request_at(&self, message: &Outgoing<'_>, now: Moment) -> Result<Request, String> {
        let request = self.request(message)?;
        match (&self.secret, &request.body) {
            (Some(secret), Body::Text(body)) => {
                let signature = signature(secret, body, now);
                Ok(request.with_header(SIGNATURE, signature))
            }
            _ => Ok(request),
        }
    }
}

fn signature(secret: &Secret, body: &str, now: Moment) -> String {
    let at = now.unix_ms.div_euclid(1000);
    let mac = hmac_sha256_hex(secret.0.as_bytes(), format!("{at}.{body}").as_bytes());
    format!("t={at},v1={mac}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_a_receiver_computes() {
        let now = Moment { unix_ms: 1_700_000_000_999, ..Moment::default() };
        let signed = signature(&Secret("s3cret".to_owned()), r#"{"a":1}"#, now);
        // By `printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac s3cret`.
        assert_eq!(
            signed,
            "t=1700000000,v1=1698a50bc74d1ff1db85c4e0a5297c2ad9fdba245d5737cdb789e4cc6e098940"
        );
    }

    #[test]
    fn what_cannot_work_is_refused_with_a_hint() {
        for (url, hint) in [
            ("webhook+https://h/?syntax=xml", "json, form or text"),
            ("webhook+https://h/?syntax=form", "template="),
            ("webhook+https://h/?template={{nothing}}&syntax=text", "at, link"),
            ("webhook+https://h/?template={\"a\":{{text}}}", "no JSON"),
            ("webhook+https://h/?method=delete", "post or put"),
            ("webhook+https:///path", "host"),
        ] {
            let address = Address::parse(url).unwrap();
            let why = parse(&address).unwrap_err();
            assert!(why.contains(hint), "{url}: {why}");
        }
    }
}
