//! The channels that are addressed by a URL, one a file. Each knows only how one
//! message looks as a request of its provider, and what the provider's answers mean;
//! [`send`] does everything else once for all of them, and [`list`] names them all.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use serde_json::Value;
use watchfire_model::{DeliveryOutcome, Moment};
use watchfire_runtime::Clock;

use crate::web::Answer;
use crate::{Outgoing, Timeouts};

pub(crate) mod address;
pub(crate) mod answers;
pub(crate) mod expand;
pub(crate) mod guard;
pub(crate) mod list;
pub(crate) mod quiet;
pub(crate) mod route;
pub(crate) mod send;
pub(crate) mod text;
pub(crate) mod tone;

mod discord;
mod google_chat;
mod gotify;
mod matrix;
mod mattermost;
mod ntfy;
mod pushover;
mod rocketchat;
mod signal;
mod slack;
mod teams;
mod telegram;
mod webex;
mod zulip;

// What wakes people and what wakes programs.
mod act;
mod alertmanager;
mod apprise_json;
mod bird;
mod document;
mod exec;
pub(crate) mod from_file;
mod gsm7;
mod messagebird;
mod modem;
mod opsgenie;
mod pagerduty;
mod passed_on;
mod plivo;
mod sms;
mod sms_gateway;
mod template;
mod twilio;
mod vonage;
mod webhook;

#[cfg(test)]
mod tests;

pub(crate) use address::Address;
pub(crate) use answers::{accepted, by_identifier, by_status, refused, retry};

/// A channel that is reached by one HTTP request.
pub(crate) trait WebChannel: fmt::Debug + Send + Sync {
    /// The request that carries the message.
    ///
    /// # Errors
    /// In words, when the message can never be sent so: it is refused.
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String>;

    /// The same for a try that is made now: what says when it was made is put in here.
    ///
    /// # Errors
    /// As [`WebChannel::request`].
    fn request_at(&self, message: &Outgoing<'_>, _now: Moment) -> Result<Request, String> {
        self.request(message)
    }

    /// What must be asked before the message can be sent, where something must.
    fn question(&self) -> Option<Request> {
        None
    }

    /// The channel that the answer to [`WebChannel::question`] leads to.
    ///
    /// # Errors
    /// The outcome, when the message cannot be sent.
    fn answered(&self, answer: &Answer) -> Result<Box<dyn WebChannel>, DeliveryOutcome> {
        Err(by_status(answer))
    }

    /// What the provider's answer means: by its status, unless the provider hides
    /// failures in a 200.
    fn judge(&self, answer: &Answer) -> DeliveryOutcome {
        by_status(answer)
    }

    /// What it can besides telling, where it can: find out what an answer holds, or ask by `GET`,
    /// which makes many a service give or do something.
    fn only_from_file(&self) -> Option<&'static str> {
        None
    }

    /// Whom it reaches, without a secret: `chat 12345`.
    fn target(&self) -> Option<String> {
        None
    }
}

/// A channel that is no HTTP request: a program, a modem.
pub(crate) trait OwnChannel: fmt::Debug + Send + Sync {
    /// Hands the message over within `limits`, which are measured by `clock`.
    fn send<'a>(
        &'a self,
        message: &'a Outgoing<'a>,
        clock: &'a Clock,
        limits: Timeouts,
    ) -> Sending<'a>;

    /// Whether it can be used at all, as far as that is known beforehand.
    ///
    /// # Errors
    /// In words without a secret.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// What it does, without a secret: `runs /usr/local/bin/tell`.
    fn does(&self) -> String;
}

/// A message on its way by an [`OwnChannel`].
pub(crate) type Sending<'a> = Pin<Box<dyn Future<Output = DeliveryOutcome> + Send + 'a>>;

/// One HTTP request. `Debug` shows its method and host only, because URLs, headers and
/// bodies of providers hold secrets.
#[derive(Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: Vec<(Cow<'static, str>, String)>,
    pub(crate) body: Body,
    pub(crate) auth: Auth,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
}

#[derive(Clone, PartialEq)]
pub(crate) enum Body {
    None,
    Json(Value),
    Form(Vec<(String, String)>),
    /// Bytes as they are; their `Content-Type` is among the headers.
    Text(String),
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Auth {
    None,
    Basic(String, String),
    Bearer(String),
}

impl Request {
    /// A request with this body and nothing else.
    pub(crate) fn new(method: Method, url: impl Into<String>, body: Body) -> Self {
        Self { method, url: url.into(), headers: Vec::new(), body, auth: Auth::None }
    }

    /// `POST` of JSON, which is what most providers want.
    pub(crate) fn post_json(url: impl Into<String>, body: Value) -> Self {
        Self::new(Method::Post, url, Body::Json(body))
    }

    /// `POST` of form fields.
    pub(crate) fn post_form<const N: usize>(
        url: impl Into<String>,
        fields: [(&str, String); N],
    ) -> Self {
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self::new(Method::Post, url, Body::Form(fields))
    }

    /// The request with one more header.
    pub(crate) fn with_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The request with this login.
    pub(crate) fn with_auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }
}

impl Auth {
    /// Basic with user and password, where the URL has both; a user alone is a token.
    pub(crate) fn of(address: &Address) -> Self {
        match (&address.user, &address.password) {
            (Some(user), Some(password)) => Self::Basic(user.clone(), password.clone()),
            (Some(token), None) => Self::Bearer(token.clone()),
            (None, _) => Self::None,
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic(..) => "Basic(…)",
            Self::Bearer(_) => "Bearer(…)",
        })
    }
}

impl Method {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} to {})", self.method.as_str(), guard::host_of(&self.url))
    }
}
