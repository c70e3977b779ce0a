//! One request to a provider: by a proxy where the environment names one, otherwise to an
//! address that the guard has seen, with no redirect, within time and size.

use std::error::Error as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{Client, RequestBuilder, Url};
use watchfire_model::DeliveryOutcome;
use watchfire_runtime::Clock;
use watchfire_runtime::net::Resolver;

use super::guard::{Allowed, Way};
use super::quiet::Quiet;
use super::{Auth, Body, Method, Request, WebChannel, answers};
use crate::web::{Answer, built, client, error_words, guarded, received};
use crate::{ChannelError, Outgoing, Timeouts, clean};

/// How much of an answer is read, in bytes.
const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// For how long a channel that turned a message away is left alone, so that the next one has its
/// turn: what stands in the way is seldom gone within a second.
const TURNED_AWAY: Duration = Duration::from_secs(10);

/// What providers see as the program that asks; some refuse whoever names none.
const USER_AGENT: &str = concat!("Watchfire/", env!("CARGO_PKG_VERSION"));

/// Sends the requests of all web channels. The clients are made when they are first
/// needed, so that a hub without such channels needs no certificates.
#[derive(Debug)]
pub(crate) struct Sender {
    allowed: Arc<Allowed>,
    proxies: Matcher,
    timeouts: Timeouts,
    resolver: Resolver,
    clock: Clock,
    quiet: Quiet,
    direct: OnceLock<Client>,
    plain: OnceLock<Client>,
    proxied: OnceLock<Client>,
}

impl Sender {
    /// A sender that takes its proxies from `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.
    pub(crate) fn new(timeouts: Timeouts, resolver: Resolver, clock: Clock) -> Self {
        Self {
            allowed: Arc::default(),
            proxies: Matcher::from_env(),
            timeouts,
            resolver,
            clock,
            quiet: Quiet::default(),
            direct: OnceLock::new(),
            plain: OnceLock::new(),
            proxied: OnceLock::new(),
        }
    }

    /// The sender, which reaches these as well.
    pub(crate) fn allowing(mut self, allowed: Allowed) -> Self {
        self.allowed = Arc::new(allowed);
        self
    }

    /// The sender with another proxy for all that `proxies` intercepts than the environment's.
    #[cfg(test)]
    pub(crate) fn by(mut self, proxies: Matcher, proxy: reqwest::Proxy) -> Self {
        self.proxies = proxies;
        let builder = client(false, self.timeouts, self.resolver.clone()).proxy(proxy);
        self.proxied = OnceLock::from(built(builder).expect("a client of a test"));
        self
    }

    /// Where a request leads and by what way.
    ///
    /// # Errors
    /// [`ChannelError`] when it may not go there.
    pub(crate) fn checked(&self, request: &Request) -> Result<(Url, Way), ChannelError> {
        let no_url = || ChannelError::Blocked { host: String::new(), what: "no URL" };
        let url = Url::parse(&request.url).map_err(|_| no_url())?;
        let proxy = url.as_str().parse().ok().and_then(|uri| self.proxies.intercept(&uri));
        let spoken = proxy.as_ref().map(|proxy| proxy.uri().scheme_str().unwrap_or_default());
        if let Some(scheme) = spoken.filter(|scheme| !["http", "https"].contains(scheme)) {
            return Err(ChannelError::Proxy { scheme: clean::line(scheme) });
        }
        let by_proxy = proxy.is_some();
        let way = match url.scheme() {
            "http" | "https" if by_proxy => Way::Proxy,
            "https" => Way::Direct,
            "http" => Way::Plain,
            _ => return Err(no_url()),
        };
        self.allowed.check(&url, way)?;
        Ok((url, way))
    }

    /// For how long the channel whose URL is `key` is left alone from now on.
    pub(crate) fn rests(&self, key: &str) -> Option<Duration> {
        self.quiet.left(key, self.clock.now())
    }

    /// Sends `message` by `channel`, whose URL is `key`, and says what came of it.
    pub(crate) async fn send(
        &self,
        channel: &dyn WebChannel,
        key: &str,
        message: &Outgoing<'_>,
    ) -> DeliveryOutcome {
        if let Some(left) = self.rests(key) {
            let left = left.as_secs_f64().ceil();
            return not_now(&format!("the provider is left alone for {left} s more"));
        }
        let delivered = self.delivered(channel, key, message);
        // A question before the message has its part of the time.
        match self.clock.within(self.timeouts.whole, delivered).await {
            Some(Ok(outcome) | Err(outcome)) => outcome,
            None => {
                DeliveryOutcome::Retry { why: "no answer in time".to_owned(), maybe_accepted: true }
            }
        }
    }

    /// `Err` is an outcome as well: one that came before the message's own answer.
    async fn delivered(
        &self,
        channel: &dyn WebChannel,
        key: &str,
        message: &Outgoing<'_>,
    ) -> Result<DeliveryOutcome, DeliveryOutcome> {
        let found = match channel.question() {
            Some(question) => {
                let answer = self.asked(question, key).await?;
                let found = channel.answered(&answer);
                Some(found.map_err(|outcome| self.noted(outcome, &answer, key))?)
            }
            None => None,
        };
        let channel = found.as_deref().unwrap_or(channel);
        let request = channel.request_at(message, self.clock.now());
        let request = request.map_err(|why| DeliveryOutcome::Refused { why: clean::line(&why) })?;
        let answer = self.asked(request, key).await?;
        Ok(self.noted(channel.judge(&answer), &answer, key))
    }

    /// The outcome, remembered where it leaves the turn to another channel.
    fn noted(&self, outcome: DeliveryOutcome, answer: &Answer, key: &str) -> DeliveryOutcome {
        if answers::is_turned_away(answer, &outcome) {
            self.quiet.begin(key, TURNED_AWAY, self.clock.now());
        }
        outcome
    }

    /// Asks, and remembers how long the provider then wants to be left alone.
    async fn asked(&self, request: Request, key: &str) -> Result<Answer, DeliveryOutcome> {
        let answer = self.answer(request).await?;
        if let Some(pause) = answers::pause(&answer) {
            self.quiet.begin(key, pause, self.clock.now());
        }
        Ok(answer)
    }

    async fn answer(&self, request: Request) -> Result<Answer, DeliveryOutcome> {
        let (url, way) = self.checked(&request).map_err(|error| refused(&error))?;
        let client = self.client(way).map_err(|error| not_now(&error.to_string()))?;
        let is_providers = answers::is_providers(&url);
        let response = builder(client, url, request).send().await.map_err(no_answer)?;
        let answer = received(response, MAX_ANSWER_BYTES).await.map_err(|error| {
            let why = error_words(&error.without_url());
            DeliveryOutcome::Retry { why: clean::line(&why), maybe_accepted: true }
        })?;
        Ok(Answer { is_providers, ..answer })
    }

    /// The client for a way. One that could not be made is tried anew next time.
    fn client(&self, way: Way) -> Result<&Client, ChannelError> {
        let cell = match way {
            Way::Direct => &self.direct,
            Way::Plain => &self.plain,
            Way::Proxy => &self.proxied,
        };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let made = match way {
            Way::Direct | Way::Plain => self.guarded(way)?,
            Way::Proxy => self.by_proxy()?,
        };
        Ok(cell.get_or_init(|| made))
    }

    /// A client that connects only to addresses that the guard has seen.
    fn guarded(&self, way: Way) -> Result<Client, ChannelError> {
        let allowed = self.allowed.clone();
        let check = move |name: &str, found| allowed.of_name(name, found, way);
        let builder = guarded(way == Way::Plain, self.timeouts, self.resolver.clone(), check);
        // Each message has a connection of its own, as an idle one may be dead.
        built(builder.no_proxy().user_agent(USER_AGENT).pool_max_idle_per_host(0))
    }

    /// A client that finds its proxies as `proxies` does. Where they stand is the
    /// administrator's choice.
    fn by_proxy(&self) -> Result<Client, ChannelError> {
        let builder = client(false, self.timeouts, self.resolver.clone());
        built(builder.user_agent(USER_AGENT).pool_max_idle_per_host(0))
    }
}

fn builder(client: &Client, url: Url, request: Request) -> RequestBuilder {
    let builder = match request.method {
        Method::Get => client.get(url),
        Method::Post => client.post(url),
        Method::Put => client.put(url),
    };
    let builder = match request.body {
        Body::None => builder,
        Body::Json(value) => builder.json(&value),
        Body::Form(fields) => builder.form(&fields),
        Body::Text(text) => builder.body(text),
    };
    let builder = match request.auth {
        Auth::None => builder,
        Auth::Basic(user, password) => builder.basic_auth(user, Some(password)),
        Auth::Bearer(token) => builder.bearer_auth(token),
    };
    request
        .headers
        .into_iter()
        .fold(builder, |builder, (name, value)| builder.header(&*name, value))
}

/// The URL is left out of the words: an error is shown to people who may not know the config.
fn no_answer(error: reqwest::Error) -> DeliveryOutcome {
    let mut source = error.source();
    while let Some(cause) = source {
        // What a name leads to may be mended at any time, by whoever has it in hand.
        if let Some(blocked) = cause.downcast_ref::<ChannelError>() {
            return not_now(&blocked.to_string());
        }
        source = cause.source();
    }
    let maybe_accepted = !error.is_connect() && !error.is_builder();
    let why = clean::line(&error_words(&error.without_url()));
    DeliveryOutcome::Retry { why, maybe_accepted }
}

fn refused(error: &ChannelError) -> DeliveryOutcome {
    match error {
        // It is the environment that is wrong, and no message.
        ChannelError::Proxy { .. } => not_now(&error.to_string()),
        _ => DeliveryOutcome::Refused { why: clean::line(&error.to_string()) },
    }
}

fn not_now(why: &str) -> DeliveryOutcome {
    DeliveryOutcome::Retry { why: clean::line(why), maybe_accepted: false }
}

#[cfg(test)]
mod tests;
