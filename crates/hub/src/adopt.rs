//! The hub takes an agent in that it must dial: it shows the secret of the
//! invitation to whoever has the invited key, and gives that key a certificate.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use watchfire_api::agent::Message;
use watchfire_api::enrol::{ADOPT_PATH, AdoptReply, AdoptRequest, MAX_BODY_BYTES};
use watchfire_identity::enrol::InviteCode;
use watchfire_runtime::tls::{TlsClient, TlsError, TlsStream};
use watchfire_runtime::{Clock, task};

use crate::dial::Dialer;

/// The name in the handshake. The pin is what counts, so any will do.
const NAME: &str = "agent.watchfire.internal";
/// The time for the TLS handshake.
const HANDSHAKE_TIME: Duration = Duration::from_secs(5);
/// The time for one question and its answer.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// Why an agent was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// Nothing answers there.
    #[error(
        "{address} cannot be reached: {why}\n  hint: is the agent running, and is its port open?"
    )]
    Unreachable {
        /// Where it was looked for.
        address: String,
        /// What happened.
        why: String,
    },
    /// What answers there is not the agent that was invited.
    #[error(
        "{address} is not the agent that made the code ({why}): the secret was not sent\n  hint: \
         is the address right, and does nothing between the two open the TLS connection?"
    )]
    OtherAgent {
        /// Where it was looked for.
        address: String,
        /// What TLS said.
        why: String,
    },
    /// The agent does not take the code.
    #[error(
        "the agent refused: {0}\n  hint: make a new code with `watchfire invite` on the server"
    )]
    Refused(String),
    /// The answer makes no sense.
    #[error("the agent's answer is not understood: {0}")]
    Strange(String),
}

/// A conversation with one agent that was invited.
pub(crate) struct Adoption<'a> {
    pub(crate) address: &'a str,
    pub(crate) code: &'a InviteCode,
    pub(crate) clock: &'a Clock,
}

impl Adoption<'_> {
    /// Asks the agent for its request for a certificate and its name.
    pub(crate) async fn begin(&self) -> Result<AdoptReply, AdoptError> {
        self.ask(&self.request()).await
    }

    /// Gives the agent its certificate. The agent belongs to the hub from then on.
    pub(crate) async fn end(
        &self,
        certificate: String,
        ca: String,
        hub_id: String,
    ) -> Result<(), AdoptError> {
        let (certificate, ca, hub_id) = (Some(certificate), Some(ca), Some(hub_id));
        let given = AdoptRequest { certificate, ca, hub_id, ..self.request() };
        self.ask::<serde_json::Value>(&given).await.map(drop)
    }

    fn request(&self) -> AdoptRequest {
        let secret = self.code.secret().to_owned();
        AdoptRequest { secret, certificate: None, ca: None, hub_id: None, name: None }
    }

    async fn ask<T: DeserializeOwned>(&self, question: &AdoptRequest) -> Result<T, AdoptError> {
        let stream = self.connect().await?;
        let body = serde_json::to_vec(question).map_err(|error| strange(&error))?;
        let asked = self.clock.within(ANSWER_TIME, post(stream, body)).await;
        let (status, answer) = asked.ok_or_else(|| self.unreachable("it does not answer"))??;
        if status == StatusCode::OK {
            return serde_json::from_slice(&answer).map_err(|error| strange(&error));
        }
        let words = serde_json::from_slice::<Message>(&answer).map(|told| told.message);
        let words = words.unwrap_or_else(|_| format!("status {status}"));
        // They are shown on a terminal, and nothing is known of their author.
        Err(AdoptError::Refused(words.chars().filter(|c| !c.is_control()).take(300).collect()))
    }

    async fn connect(&self) -> Result<TlsStream, AdoptError> {
        let dialer = Dialer::new(self.clock.clone());
        let stream = dialer.connect(self.address).await;
        let stream = stream.map_err(|failed| self.unreachable(&failed.why))?;
        let client = TlsClient::enrol_pinned_to_key(*self.code.key.as_bytes());
        let connected = client.connect(stream, NAME, HANDSHAKE_TIME, self.clock).await;
        connected.map_err(|error| match error {
            TlsError::Timeout | TlsError::Io(_) | TlsError::NotTls => {
                self.unreachable(&error.to_string())
            }
            other => {
                AdoptError::OtherAgent { address: self.address.to_owned(), why: other.to_string() }
            }
        })
    }

    fn unreachable(&self, why: &str) -> AdoptError {
        AdoptError::Unreachable { address: self.address.to_owned(), why: why.to_owned() }
    }
}

async fn post(stream: TlsStream, body: Vec<u8>) -> Result<(StatusCode, Bytes), AdoptError> {
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|error| strange(&error))?;
    let _connection = task::spawn("adopt connection", connection);
    let request = Request::post(ADOPT_PATH)
        // Every agent answers to it, whatever it is called.
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONNECTION, "close")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| strange(&error))?;
    let response = sender.send_request(request).await.map_err(|error| strange(&error))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_BODY_BYTES).collect().await;
    let body = body.map_err(|error| AdoptError::Strange(error.to_string()))?;
    Ok((status, body.to_bytes()))
}

fn strange(error: &dyn std::error::Error) -> AdoptError {
    AdoptError::Strange(error.to_string())
}
