use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use watchfire_api::agent::Message;
use watchfire_api::enrol::{ENROL_PATH, EnrolReply, EnrolRequest, MAX_BODY_BYTES};
use watchfire_identity::certificate::{HUB_NAME, MachineKey};
use watchfire_identity::enrol::EnrolToken;
use watchfire_runtime::tls::{Credentials, TlsClient};
use watchfire_runtime::{Clock, Secret};

use crate::machine::Host;
use crate::{Member, SimError};

/// How long one enrolment may take.
const TIME: Duration = Duration::from_secs(20);
/// The longest answer with its head, in bytes.
const MAX_ANSWER_BYTES: u64 = 2 * MAX_BODY_BYTES as u64;

/// Enrols one server.
pub(super) async fn member(
    hub: SocketAddr,
    host: &Host,
    token: &EnrolToken,
    clock: &Clock,
) -> Result<Member, SimError> {
    let refused = |why: String| SimError::Enrol { name: host.name.clone(), hub, why };
    let key = MachineKey::generate();
    let labels = host.labels();
    let asked = EnrolRequest {
        secret: token.secret().to_owned(),
        name: host.name.clone(),
        labels: labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        csr: key.signing_request(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let body = serde_json::to_string(&asked).map_err(|error| refused(error.to_string()))?;
    let asking = clock.within(TIME, post(hub, token, &body, clock)).await;
    let (status, body) =
        asking.unwrap_or_else(|| Err("it took too long".to_owned())).map_err(refused)?;
    if status != 200 {
        let message = serde_json::from_slice(&body).map(|refused: Message| refused.message);
        return Err(refused(
            message.unwrap_or_else(|_| format!("it answered with status {status}")),
        ));
    }
    let given: EnrolReply = serde_json::from_slice(&body)
        .map_err(|error| refused(format!("its answer is not understood: {error}")))?;
    let key_pem = Secret::new(key.pem().as_str());
    let credentials = Credentials { certificate_pem: given.certificate, key_pem, ca_pem: given.ca };
    Member::new(&given.name, credentials)
}

/// Posts the request and gives status and body of the answer.
async fn post(
    hub: SocketAddr,
    token: &EnrolToken,
    body: &str,
    clock: &Clock,
) -> Result<(u16, Vec<u8>), String> {
    let text = |error: std::io::Error| error.to_string();
    let stream = TcpStream::connect(hub).await.map_err(text)?;
    // Before the secret leaves, the hub has shown the authority that the token names.
    let client = TlsClient::enrol_pinned_to_ca(*token.ca.as_bytes());
    let connected = client.connect(stream, HUB_NAME, TIME, clock).await;
    let mut stream = connected.map_err(|error| error.to_string())?;
    let head = format!(
        "POST {ENROL_PATH} HTTP/1.1\r\nHost: {HUB_NAME}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.map_err(text)?;
    stream.flush().await.map_err(text)?;
    let mut answer = Vec::new();
    let read = (&mut stream).take(MAX_ANSWER_BYTES).read_to_end(&mut answer).await;
    // A peer that ends the connection without TLS' own farewell has still answered.
    parse(&answer).ok_or_else(|| match read {
        Ok(_) => "its answer is no HTTP".to_owned(),
        Err(error) => error.to_string(),
    })
}

/// Status and body of a whole answer (RFC 9112); its body is not chunked.
fn parse(answer: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let body = &answer[end + 4..];
    Some((status, body.get(..length.unwrap_or(body.len()))?.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let answer = b"HTTP/1.1 409 Conflict\r\nX: y\r\ncontent-length: 2\r\n\r\n{}rest";
        assert_eq!(parse(answer), Some((409, b"{}".to_vec())));
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n\r\nabc"), Some((200, b"abc".to_vec())));
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"), None);
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n"), None);
        assert_eq!(parse(b"nonsense\r\n\r\n"), None);
    }
}
