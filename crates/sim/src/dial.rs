//! From nothing to an open stream.

use std::net::SocketAddr;
use std::time::Duration;

use crate::SimError;
use axum::http::HeaderMap;
use tokio::net::TcpStream;
use watchfire_identity::certificate::HUB_NAME;
use watchfire_runtime::Clock;
use watchfire_runtime::socket::{Socket, SocketError, SocketLimits};
use watchfire_runtime::tls::{Credentials, CredentialsError, PULSE_LABEL, TlsClient, TlsError};
use watchfire_wire::{Hello, Message, StreamDecoder, StreamEncoder, WireError, limits};

/// How long a TCP connection may take.
const CONNECT_TIME: Duration = Duration::from_secs(3);
/// How long the TLS handshake may take. Many begin at once here, and share the cores.
const TLS_TIME: Duration = Duration::from_secs(10);
/// How long the hub may take to open the stream and to say hello.
const HELLO_TIME: Duration = Duration::from_secs(10);
/// What a hub says is short, and there may be ten thousand streams here.
const LIMITS: SocketLimits =
    SocketLimits { read_buffer: 2 << 10, incoming: 64 << 10, outgoing: limits::MAX_FRAME_BYTES };

/// A stream on which both sides said hello.
pub(crate) struct Opened {
    pub(crate) socket: Socket,
    pub(crate) encoder: StreamEncoder,
    pub(crate) decoder: StreamDecoder,
    pub(crate) hub: Hello,
    pub(crate) pulse_key: [u8; 32],
}

/// Why there is no stream.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("the hub cannot be reached: {0}")]
    Connect(std::io::Error),
    #[error("the hub did not answer in time")]
    Timeout,
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Socket(#[from] SocketError),
    #[error("what the hub says is not understood: {0}")]
    Wire(#[from] WireError),
    #[error(transparent)]
    Enrol(#[from] SimError),
    #[error("the hub did not say hello first")]
    NoHello,
}

/// Dials the hub and says `hello`.
pub(crate) async fn dial(
    hub: SocketAddr,
    credentials: &Credentials,
    hello: Hello,
    clock: &Clock,
) -> Result<Opened, DialError> {
    let connecting = clock.within(CONNECT_TIME, TcpStream::connect(hub)).await;
    let stream = connecting.ok_or(DialError::Timeout)?.map_err(DialError::Connect)?;
    // A tick is one small write, and waits for nothing.
    stream.set_nodelay(true).map_err(DialError::Connect)?;
    let client = TlsClient::new(credentials)?;
    let stream = client.connect(stream, HUB_NAME, TLS_TIME, clock).await?;
    let pulse_key = stream.export(PULSE_LABEL);
    let opening = async {
        let mut socket =
            Socket::dial(stream, HUB_NAME, "/stream", HeaderMap::new(), LIMITS).await?;
        let (mut encoder, mut decoder) = (StreamEncoder::new(), StreamDecoder::new());
        socket.send(encoder.encode(&Message::Hello(hello))?).await?;
        match decoder.decode(&socket.recv().await?)? {
            Some(Message::Hello(hub)) => Ok(Opened { socket, encoder, decoder, hub, pulse_key }),
            _ => Err(DialError::NoHello),
        }
    };
    clock.within(HELLO_TIME, opening).await.ok_or(DialError::Timeout)?
}
