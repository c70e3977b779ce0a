//! HTTP to services of others, within limits.
//!
//! What fails does so by an error with its causes in words, without the URL: it is shown to
//! people who may not know the config.

use std::error::Error as _;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, RequestBuilder, Response};
use watchfire_runtime::net::Resolver;

use crate::{ChannelError, Timeouts};

pub use reqwest::header;

/// How many addresses of a name are tried: each gets its part of the time for connecting, so
/// more of them have too little.
const MAX_TRIED: usize = 4;

/// Talks to one service. Cheap to clone; connections are kept for the next request.
#[derive(Debug, Clone)]
pub struct Web(Client);

/// What a service said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// How long it wants to be left alone, where it says so in seconds.
    pub retry_after: Option<Duration>,
    /// What kind of body it says that it sent.
    pub content_type: Option<String>,
    /// The body, as much of it as was wanted.
    pub body: Vec<u8>,
}

/// Why there is no answer, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(String);

impl Web {
    /// A client that follows no redirect. With `plain` it is for this machine or network alone:
    /// no proxy, and no TLS.
    ///
    /// # Errors
    /// [`ChannelError::Setup`] when the system's certificates cannot be read.
    pub fn new(plain: bool, timeouts: Timeouts, resolver: Resolver) -> Result<Self, ChannelError> {
        built(client(plain, timeouts, resolver)).map(Self)
    }

    /// Asks, and reads at most `most` bytes of the answer.
    ///
    /// # Errors
    /// As [`Web::post`].
    pub async fn get(
        &self,
        url: &str,
        headers: HeaderMap,
        query: &[(String, String)],
        most: usize,
    ) -> Result<Answer, NoAnswer> {
        answer(self.0.get(url).headers(headers).query(query), most).await
    }

    /// Posts a body, and reads at most `most` bytes of the answer.
    ///
    /// # Errors
    /// [`NoAnswer`] when there was none within the limits.
    pub async fn post(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Vec<u8>,
        most: usize,
    ) -> Result<Answer, NoAnswer> {
        answer(self.0.post(url).headers(headers).body(body), most).await
    }

    /// Posts the fields of a form, likewise.
    ///
    /// # Errors
    /// As [`Web::post`].
    pub async fn post_form(
        &self,
        url: &str,
        headers: HeaderMap,
        form: &[(String, String)],
        most: usize,
    ) -> Result<Answer, NoAnswer> {
        answer(self.0.post(url).headers(headers).form(form), most).await
    }
}

async fn answer(request: RequestBuilder, most: usize) -> Result<Answer, NoAnswer> {
    let no_answer = |error: reqwest::Error| NoAnswer(error_words(&error.without_url()));
    let mut response = request.send().await.map_err(no_answer)?;
    let text = |name| response.headers().get(name)?.to_str().ok();
    let retry_after = text(RETRY_AFTER).and_then(|text| text.parse().ok());
    let retry_after = retry_after.map(Duration::from_secs);
    let content_type = text(header::CONTENT_TYPE).map(str::to_owned);
    let status = response.status().as_u16();
    let body = read(&mut response, most).await.map_err(no_answer)?;
    Ok(Answer { status, retry_after, content_type, body })
}

pub(crate) fn client(plain: bool, timeouts: Timeouts, resolver: Resolver) -> ClientBuilder {
    // Somebody else in the process may have installed a provider before us;
    // any will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        // A redirect would carry keys and content to wherever it points.
        .redirect(Policy::none())
        .connect_timeout(timeouts.connect)
        .read_timeout(timeouts.verb)
        .timeout(timeouts.whole)
        .dns_resolver(Names { resolver, limit: timeouts.connect });
    // This machine needs neither a proxy nor the system's certificates.
    if plain { builder.no_proxy().tls_certs_only([]) } else { builder }
}

pub(crate) fn built(builder: ClientBuilder) -> Result<Client, ChannelError> {
    builder.build().map_err(|error| {
        let words = error_words(&error);
        ChannelError::Setup(format!("{words}; are the ca-certificates installed?"))
    })
}

/// Reads a body, but no more than so many bytes of it.
pub(crate) async fn read(response: &mut Response, most: usize) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = most - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == most {
            break;
        }
    }
    Ok(body)
}

/// An error with its causes: the outermost one only says that it failed.
pub(crate) fn error_words(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        source = cause.source();
    }
    words
}

/// How reqwest finds a service: by the resolver that bounds its lookups.
struct Names {
    resolver: Resolver,
    limit: Duration,
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolver, limit) = (self.resolver.clone(), self.limit);
        Box::pin(async move {
            let found = resolver.addresses(name.as_str(), limit).await?;
            let found = found.into_iter().take(MAX_TRIED).map(|ip| SocketAddr::new(ip, 0));
            let addresses: Addrs = Box::new(found);
            Ok(addresses)
        })
    }
}
