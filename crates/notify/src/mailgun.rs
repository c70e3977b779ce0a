//! Mail through Mailgun's HTTP API: `POST /v3/DOMAIN/messages`.

use std::fmt;

use lettre::Address;
use lettre::message::Mailbox;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response, StatusCode};
use watchfire_model::DeliveryOutcome;
use watchfire_runtime::net::Resolver;

use crate::message::{self, Words};
use crate::pictures::Picture;
use crate::url::{host_and_port, is_loopback};
use crate::web::{built, client, error_words, read};
use crate::{ChannelError, Outgoing, Timeouts, clean};

/// How much of an answer is read, in bytes. Mailgun's are below 200.
const MAX_ANSWER_BYTES: usize = 4 * 1024;

/// Hands mail to Mailgun. `Debug` hides the key.
pub(crate) struct Mailgun {
    client: Client,
    url: String,
    key: String,
}

impl fmt::Debug for Mailgun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailgun").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Mailgun {
    pub(crate) fn new(
        base: &str,
        domain: &str,
        key: String,
        timeouts: Timeouts,
        resolver: Resolver,
    ) -> Result<Self, ChannelError> {
        let bad = |why: &str| ChannelError::BadServer(why.to_owned());
        let plain = check_base(base)?;
        let (domain, port) = host_and_port(domain).map_err(ChannelError::BadServer)?;
        if port.is_some() || domain.contains(':') {
            return Err(bad("mailgun's domain is a name like mg.example.org"));
        }
        if key.is_empty() || key.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(bad("mailgun's key is one word: is there a newline in the file?"));
        }
        let url = format!("{}/v3/{domain}/messages", base.trim_end_matches('/'));
        // Each mail has a connection of its own, as an idle one may be dead.
        let builder = client(plain, timeouts, resolver).pool_max_idle_per_host(0);
        Ok(Self { client: built(builder)?, url, key })
    }

    pub(crate) async fn send(
        &self,
        from: &Mailbox,
        to: &Address,
        message: &Outgoing<'_>,
    ) -> DeliveryOutcome {
        let (fields, pictures) = fields(from, to, message);
        let request = self.client.post(&self.url).basic_auth("api", Some(&self.key));
        let request = match form(fields, pictures) {
            Ok(Fields::Plain(fields)) => request.form(&fields),
            Ok(Fields::Parts(parts)) => request.multipart(parts),
            Err(error) => return retry(&error_words(&error), false),
        };
        match request.send().await {
            Ok(response) => judge(response).await,
            // The URL is left out: an error is shown to people who may not
            // know the config.
            Err(error) => {
                let maybe_accepted = !error.is_connect() && !error.is_builder();
                retry(&error_words(&error.without_url()), maybe_accepted)
            }
        }
    }
}

/// True when `base` is plain HTTP, which is for this machine only: the key
/// must not travel in the clear.
fn check_base(base: &str) -> Result<bool, ChannelError> {
    let bad = |why: &str| ChannelError::BadServer(why.to_owned());
    let (scheme, rest) = base
        .split_once("://")
        .ok_or_else(|| bad("mailgun's base is like https://api.eu.mailgun.net"))?;
    let rest = rest.trim_end_matches('/');
    let (host, _) = host_and_port(rest).map_err(ChannelError::BadServer)?;
    match scheme {
        "https" => Ok(false),
        "http" if is_loopback(&host) => Ok(true),
        _ => Err(bad("mailgun's base begins with https://")),
    }
}

/// What is posted.
enum Fields {
    Plain(Vec<(String, String)>),
    Parts(Form),
}

/// Fields alone, and with pictures parts: Mailgun knows each by its file's name.
fn form(fields: Vec<(String, String)>, pictures: Vec<Picture>) -> Result<Fields, reqwest::Error> {
    if pictures.is_empty() {
        return Ok(Fields::Plain(fields));
    }
    let words = fields.into_iter().fold(Form::new(), |form, (name, value)| form.text(name, value));
    let parts = pictures.into_iter().try_fold(words, |form, Picture { id, bytes }| {
        let part = Part::bytes(bytes).file_name(id).mime_str("image/png")?;
        Ok(form.part("inline", part))
    })?;
    Ok(Fields::Parts(parts))
}

fn fields(
    from: &Mailbox,
    to: &Address,
    message: &Outgoing<'_>,
) -> (Vec<(String, String)>, Vec<Picture>) {
    let Words { subject, text, html, pictures } = message::words(message);
    let field = |name: &str, value: String| (name.to_owned(), value);
    let mut fields = vec![
        field("from", from.to_string()),
        field("to", to.to_string()),
        field("subject", subject),
        field("text", text),
    ];
    fields.extend(html.map(|html| field("html", html)));
    let headers = message::headers(message, &from.email);
    fields.extend(headers.into_iter().map(|(name, value)| field(&format!("h:{name}"), value)));
    // Links in an alert lead to the hub, not through somebody's counter.
    fields.push(field("o:tracking", "no".to_owned()));
    (fields, pictures)
}

/// What an answer means. Success is a 2xx whose body was read.
async fn judge(mut response: Response) -> DeliveryOutcome {
    let status = response.status();
    let later = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let later = later.map(|value| format!(", try again after {value}")).unwrap_or_default();
    let body = match read(&mut response, MAX_ANSWER_BYTES).await {
        Ok(body) => body,
        Err(error) if status.is_success() => {
            return retry(&error_words(&error.without_url()), true);
        }
        // The refusal is known; only its words are missing.
        Err(_) => Vec::new(),
    };
    let json: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
    let said = |key: &str| json.as_ref()?.get(key)?.as_str().map(clean::line);
    let why = format!("{}{later}: {}", status.as_u16(), said("message").unwrap_or_default());
    if status.is_success() {
        return match (said("id"), &json) {
            (Some(id), _) => DeliveryOutcome::Accepted { reply: id },
            (None, Some(serde_json::Value::Object(_))) => {
                DeliveryOutcome::Accepted { reply: clean::line(&why) }
            }
            // A captive portal or a wrong address says 200 to anything.
            _ => retry("the answer is not Mailgun's: is the base right?", true),
        };
    }
    if is_about_the_mail(status) {
        return DeliveryOutcome::Refused { why: format!("Mailgun: {}", clean::line(&why)) };
    }
    // A gateway that gave up on its backend does not know what that did.
    retry(&why, status.is_server_error())
}

/// True where a refusal means this recipient or this message. A wrong key, an
/// unpaid bill or a wrong domain (401, 402, 403, 404) is the hub's setup, and
/// somebody will mend it.
fn is_about_the_mail(status: StatusCode) -> bool {
    use StatusCode as Is;
    matches!(status, Is::BAD_REQUEST | Is::PAYLOAD_TOO_LARGE | Is::UNPROCESSABLE_ENTITY)
}

fn retry(why: &str, maybe_accepted: bool) -> DeliveryOutcome {
    DeliveryOutcome::Retry { why: clean::line(&format!("Mailgun: {why}")), maybe_accepted }
}

#[cfg(test)]
mod tests;
