use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::HeaderName;
use hyper::rt::{Read, Write};
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use watchfire_api::hub::Needs;
use watchfire_identity::certificate::{Fingerprint, HUB_NAME};
use watchfire_runtime::net::{Lost, Net, Resolver, Stream, first_of};
use watchfire_runtime::tls::{self, TlsClient, TlsError};
use watchfire_runtime::{Clock, task};

use super::{Address, Login};

/// How long the name's lookup, the connection and the TLS handshake may take each.
const STEP_TIME: Duration = Duration::from_secs(10);
/// How long a hub may take to answer; it gives a question ten seconds itself.
const ANSWER_TIME: Duration = Duration::from_secs(30);
/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 256 << 20;

/// What a hub is asked.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    method: Method,
    target: &'a str,
    /// Its kind and its text.
    body: Option<(&'static str, String)>,
    /// What is said of the version that it changes.
    condition: Option<(HeaderName, String)>,
}

/// What it said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The first cookie that it set.
    pub(crate) cookie: Option<String>,
    pub(crate) body: Bytes,
}

impl<'a> Question<'a> {
    /// `GET` of a path with its query.
    pub(crate) fn get(target: &'a str) -> Self {
        Self { method: Method::GET, target, body: None, condition: None }
    }

    /// `DELETE` of a path.
    pub(crate) fn delete(target: &'a str) -> Self {
        Self { method: Method::DELETE, target, body: None, condition: None }
    }

    /// `POST` of JSON to a path.
    pub(crate) fn post(target: &'a str, json: &serde_json::Value) -> Self {
        let body = Some(("application/json", json.to_string()));
        Self { method: Method::POST, target, body, condition: None }
    }

    /// `PATCH` of a path with JSON.
    pub(crate) fn patch(target: &'a str, json: &serde_json::Value) -> Self {
        Self { method: Method::PATCH, ..Self::post(target, json) }
    }

    /// `PUT` of a text to a path.
    pub(crate) fn put(target: &'a str, kind: &'static str, text: String) -> Self {
        Self { method: Method::PUT, target, body: Some((kind, text)), condition: None }
    }

    /// The same, where something of this version stands there; `*` is any.
    pub(crate) fn if_it_is(self, version: &str) -> Self {
        let tag = if version == "*" { "*".to_owned() } else { format!("\"{version}\"") };
        Self { condition: Some((header::IF_MATCH, tag)), ..self }
    }

    /// The same, where nothing stands there.
    pub(crate) fn if_there_is_none(self) -> Self {
        Self { condition: Some((header::IF_NONE_MATCH, "*".to_owned())), ..self }
    }
}

impl Answer {
    /// What a no says that would make it a yes.
    pub(crate) fn needs(&self) -> Option<String> {
        if !matches!(self.status, 401 | 403) {
            return None;
        }
        serde_json::from_slice::<Needs>(&self.body).ok()?.needs
    }
}

/// Asks over a connection of its own. Over TLS the hub must be the one with the authority
/// `ca`, whatever it is called.
pub(crate) async fn ask(
    hub: &Address,
    ca: Option<Fingerprint>,
    question: &Question<'_>,
    login: Option<&Login>,
    clock: &Clock,
) -> anyhow::Result<Answer> {
    let stream = connect(hub, clock).await?;
    let asking = async {
        if !hub.is_tls() {
            return talk(TokioIo::new(stream), &hub.authority(), question, login).await;
        }
        let Some(ca) = ca else { bail!("the authority of {hub} is not known") };
        let client = TlsClient::enrol_pinned_to_ca(*ca.as_bytes());
        let stream = client.connect(stream, HUB_NAME, STEP_TIME, clock).await;
        let stream = stream.map_err(|error| untrusted(hub, &error))?;
        // Every hub knows itself by this name, whatever the way to it.
        talk(TokioIo::new(stream), HUB_NAME, question, login).await
    };
    let answer = clock.within(ANSWER_TIME, asking).await;
    answer.ok_or_else(|| anyhow!("{hub} does not answer"))?.with_context(|| format!("asking {hub}"))
}

/// The authority that a hub shows which is not known yet.
pub(crate) async fn shown_authority(hub: &Address, clock: &Clock) -> anyhow::Result<Fingerprint> {
    let stream = connect(hub, clock).await?;
    let shown = tls::shown_authority(stream, HUB_NAME, STEP_TIME, clock).await;
    shown.map(Fingerprint::from_bytes).map_err(|error| untrusted(hub, &error))
}

fn untrusted(hub: &Address, error: &TlsError) -> anyhow::Error {
    match error {
        TlsError::OtherIdentity(_) => anyhow!(
            "another one answers at {hub} than the hub that is known there\n  hint: if the hub has \
             a new authority (`watchfire doctor` prints it there): watchfire login {hub} --ca \
             FINGERPRINT. Behind a proxy, name the hub's own port"
        ),
        TlsError::NotTrusted(why) => anyhow!(
            "what answers at {hub} is no hub: {why}\n  hint: behind a proxy, name the hub's own \
             port, as in https://hub.example.org:5100"
        ),
        other => anyhow!("{hub}: {other}"),
    }
}

async fn connect(hub: &Address, clock: &Clock) -> anyhow::Result<Stream> {
    let resolver = Resolver::system(Duration::ZERO, clock.clone());
    let found = resolver.addresses(hub.host(), STEP_TIME).await;
    let found = found.with_context(|| format!("the name {} has no address", hub.host()))?;
    let addresses: Vec<SocketAddr> =
        found.into_iter().map(|address| (address, hub.port()).into()).collect();
    let net = Net::system();
    let connected = first_of(&addresses, STEP_TIME, clock, |address| net.connect(address)).await;
    connected.map(|(stream, _)| stream).map_err(|Lost { failures, .. }| {
        let why = failures.first().map_or_else(|| "no answer".to_owned(), ToString::to_string);
        anyhow!("{hub} cannot be reached: {why}\n  hint: does the hub run, and is the port right?")
    })
}

async fn talk(
    io: impl Read + Write + Unpin + Send + 'static,
    host: &str,
    question: &Question<'_>,
    login: Option<&Login>,
) -> anyhow::Result<Answer> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
    let _connection = task::spawn("connection to the hub", connection);
    let (kind, body) = question.body.clone().unzip();
    let body = body.unwrap_or_default();
    let mut request = Request::builder()
        .method(question.method.clone())
        .uri(question.target)
        .header(header::HOST, host)
        .header(header::CONNECTION, "close");
    if let Some(kind) = kind {
        request = request.header(header::CONTENT_TYPE, kind);
    }
    if let Some((name, value)) = &question.condition {
        request = request.header(name, value);
    }
    if let Some(login) = login {
        request = login.sign(request);
    }
    let response = sender.send_request(request.body(Full::new(Bytes::from(body)))?).await?;
    let status = response.status().as_u16();
    let cookie = response.headers().get(header::SET_COOKIE).and_then(|value| value.to_str().ok());
    let cookie = cookie.map(str::to_owned);
    let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
    let body = body.map_err(|error| anyhow!("the answer broke off: {error}"))?.to_bytes();
    Ok(Answer { status, cookie, body })
}
