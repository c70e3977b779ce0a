//! Text messages by any gateway that takes HTTP: an operator's, one's own, a telephone's.
//!
//! `sms+https://USER:PASSWORD@gateway.example.org/send?to=+4917012345678&recipient={{to}}&body={{text}}`
//!
//! What stands in the query is what the gateway gets, with `{{to}}` and `{{text}}` filled in.
//! Where no field names the number it goes in `to`, and a text that none names in `text`. Ours
//! are `to` (who), `send` (form, query or json), `template` with `syntax` (the whole body
//! instead), and `accepted` and `refused` (what the gateway's answer says then).

use serde_json::{Map, Value};
use watchfire_model::DeliveryOutcome;

use crate::Outgoing;
use crate::channel::list::Parsed;
use crate::channel::passed_on::Target;
use crate::channel::sms::{self, Sms};
use crate::channel::template::{Syntax, Template, Values};
use crate::channel::{Address, Auth, Body, Method, Request, WebChannel};
use crate::channel::{by_status, refused, webhook};
use crate::web::Answer;

pub(crate) const SHAPES: &[&str] = &[
    "sms+https://HOST/PATH?to=NUMBER",
    "sms+https://USER:PASSWORD@HOST/PATH?to=NUMBER&recipient={{to}}&body={{text}}&accepted=OK",
    "sms+https://HOST/PATH?to=NUMBER&send=json",
    "sms+http://HOST/PATH?to=NUMBER&send=query",
];

const SETTINGS: [&str; 6] = ["to", "send", "template", "syntax", "accepted", "refused"];

/// The one name beside those of every template.
const TO: &str = "to";

#[derive(Debug)]
struct Gateway {
    target: Target,
    auth: Auth,
    to: String,
    /// Name and value of each field.
    fields: Vec<(String, Template)>,
    carrier: Carrier,
}

/// How the fields travel.
#[derive(Debug)]
enum Carrier {
    Query,
    Form,
    Json,
    /// In the query, beside a body of the user's.
    Template(Template, Syntax),
}

/// Reads such a URL.
pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    let target = Target::of(address, address.scheme == "sms+https", &SETTINGS)?;
    let to = sms::number(target.setting("to").ok_or("it names nobody: add to=+4917012345678")?)?;
    let body = target.setting("template");
    let syntax = webhook::syntax(target.setting("syntax"))?;
    let body = body.map(|text| Template::parse(text, syntax, &[TO])).transpose()?;
    let carrier = match (body, target.setting("send")) {
        (Some(body), None) => Carrier::Template(body, syntax),
        (Some(_), Some(_)) => return Err("send= has no meaning beside template=".to_owned()),
        (None, None | Some("form")) => Carrier::Form,
        (None, Some("query")) => Carrier::Query,
        (None, Some("json")) => Carrier::Json,
        (None, Some(_)) => return Err("send is form, query or json".to_owned()),
    };
    let fields = fields(&target, &carrier)?;
    Ok(Box::new(Gateway { auth: Auth::of(address), target, to, fields, carrier }))
}

/// The fields, and those that no field of the user's stands for.
fn fields(target: &Target, carrier: &Carrier) -> Result<Vec<(String, Template)>, String> {
    let template = |text: &str| Template::parse(text, Syntax::Plain, &[TO]);
    let read = |(name, value): &(String, String)| Ok((name.clone(), template(value)?));
    let mut fields = target.fields.iter().map(read).collect::<Result<Vec<_>, String>>()?;
    for name in [TO, "text"] {
        let in_body = matches!(carrier, Carrier::Template(body, _) if body.names(name));
        if !in_body && !fields.iter().any(|(_, value)| value.names(name)) {
            fields.push((name.to_owned(), template(&format!("{{{{{name}}}}}"))?));
        }
    }
    Ok(fields)
}

impl WebChannel for Gateway {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let text = Sms::of(message).text;
        let values = Values::of(message).with("text", &text).with(TO, &self.to);
        let filled = |(name, value): &(String, Template)| (name.clone(), value.fill(&values));
        let fields: Vec<(String, String)> = self.fields.iter().map(filled).collect();
        let url = self.target.url_with(&[]);
        let request = match &self.carrier {
            Carrier::Query => Request::new(Method::Get, self.target.url_with(&fields), Body::None),
            Carrier::Form => Request::new(Method::Post, url, Body::Form(fields)),
            Carrier::Json => {
                let fields = fields.into_iter().map(|(name, value)| (name, Value::from(value)));
                Request::post_json(url, Value::Object(fields.collect::<Map<_, _>>()))
            }
            Carrier::Template(body, syntax) => {
                let body = Body::Text(body.fill(&values));
                Request::new(Method::Post, self.target.url_with(&fields), body)
                    .with_header("Content-Type", syntax.content_type())
            }
        };
        Ok(self.target.headed(request.with_auth(self.auth.clone())))
    }

    /// By the words that the user knows of the gateway, and else by its status.
    fn judge(&self, answer: &Answer) -> DeliveryOutcome {
        let says = |setting: &str| {
            let words = self.target.setting(setting)?;
            Some(String::from_utf8_lossy(&answer.body).contains(words))
        };
        if says("refused") == Some(true) && answer.status < 500 {
            return refused(answer, "the answer says what refused= names");
        }
        if says("accepted") == Some(false) && answer.status / 100 == 2 {
            // It answered well, so it may have sent it all the same.
            let why = "the answer does not say what accepted= names";
            return DeliveryOutcome::Retry { why: why.to_owned(), maybe_accepted: true };
        }
        by_status(answer)
    }

    fn only_from_file(&self) -> Option<&'static str> {
        let reads = ["accepted", "refused"].iter().any(|word| self.target.setting(word).is_some());
        match self.carrier {
            _ if reads => Some("with accepted= or refused= tell what an answer holds"),
            Carrier::Query => Some("with send=query ask by GET"),
            _ => None,
        }
    }

    fn target(&self) -> Option<String> {
        Some(self.to.clone())
    }
}
