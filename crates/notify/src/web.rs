//! HTTP to services of others, within limits.
//!
//! What fails does so by an error with its causes in words, without the URL: it is shown to
//! people who may not know the config.

use std::error::Error as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
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
    /// How long it wants to be left alone, where it says so.
    pub retry_after: Option<Duration>,
    /// What kind of body it says that it sent.
    pub content_type: Option<String>,
    /// The body, as much of it as was wanted.
    pub body: Vec<u8>,
    /// True where it is a known provider's, whose host nobody chose: then words of it may be shown.
    pub is_providers: bool,
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
    let response = request.send().await.map_err(no_answer)?;
    received(response, most).await.map_err(no_answer)
}

/// What came, and at most `most` bytes of its body.
pub(crate) async fn received(
    mut response: Response,
    most: usize,
) -> Result<Answer, reqwest::Error> {
    let text = |name| response.headers().get(name)?.to_str().ok();
    let retry_after = text(RETRY_AFTER).and_then(|until| pause(until, text(DATE)));
    let content_type = text(header::CONTENT_TYPE).map(str::to_owned);
    let status = response.status().as_u16();
    let body = read(&mut response, most).await?;
    Ok(Answer { status, retry_after, content_type, body, is_providers: false })
}

/// A pause in seconds, or until a date (RFC 9110, section 10.2.3), which counts from the date of the
/// answer, so that nobody's clock matters.
fn pause(until: &str, answered: Option<&str>) -> Option<Duration> {
    if let Ok(seconds) = until.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text: &str| DateTimeParser::new().parse_timestamp(text).ok();
    Duration::try_from(date(until)?.duration_since(date(answered?)?)).ok()
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
        .dns_resolver(Names { resolver, limit: timeouts.connect, fit: None });
    // This machine needs neither a proxy nor the system's certificates.
    if plain { builder.no_proxy().tls_certs_only([]) } else { builder }
}

/// The same, which connects only to those of a name's addresses that `fit` leaves.
pub(crate) fn guarded(
    plain: bool,
    timeouts: Timeouts,
    resolver: Resolver,
    fit: impl Fn(&str, Vec<IpAddr>) -> Result<Vec<IpAddr>, ChannelError> + Send + Sync + 'static,
) -> ClientBuilder {
    let names =
        Names { resolver: resolver.clone(), limit: timeouts.connect, fit: Some(Arc::new(fit)) };
    client(plain, timeouts, resolver).dns_resolver(names)
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

/// Chooses among the addresses of a name.
type Fit = Arc<dyn Fn(&str, Vec<IpAddr>) -> Result<Vec<IpAddr>, ChannelError> + Send + Sync>;

/// How reqwest finds a service: by the resolver that bounds its lookups.
struct Names {
    resolver: Resolver,
    limit: Duration,
    fit: Option<Fit>,
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolver, limit, fit) = (self.resolver.clone(), self.limit, self.fit.clone());
        Box::pin(async move {
            let mut found = resolver.addresses(name.as_str(), limit).await?;
            if let Some(fit) = fit {
                found = fit(name.as_str(), found)?;
            }
            let found = found.into_iter().take(MAX_TRIED).map(|ip| SocketAddr::new(ip, 0));
            let addresses: Addrs = Box::new(found);
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_seconds_or_a_date() {
        let answered = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(pause("7", None), seconds(7));
        assert_eq!(pause("Sun, 06 Nov 1994 08:50:07 GMT", answered), seconds(30));
        for none in ["Sun, 06 Nov 1994 08:49:36 GMT", "soon", "-7", "1.5", ""] {
            assert_eq!(pause(none, answered), None, "{none}");
        }
        assert_eq!(pause("Sun, 06 Nov 1994 08:50:07 GMT", None), None);
    }
}
