use futures_util::StreamExt;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message as Frame};
use watchfire_model::Sight;
use watchfire_runtime::Secret;
use watchfire_wire::{MAX_FRAME_BYTES, Message, decode};

use super::pace::{FRAMES_PER_SECOND, Pace, TooFast};
use super::{Dialer, Failed, answer};

/// Bytes that a stream buffers for reading: ten thousand streams must fit one hub.
const READ_BUFFER: usize = 4 << 10;

/// An open stream of an agent.
pub(crate) struct Stream {
    socket: WebSocketStream<TcpStream>,
    pace: Pace,
    address: String,
    dialer: Dialer,
}

/// Opens `ws://address/stream` with an agent's token. `silent` is called when
/// the agent took the connection and has not answered for a while.
pub(crate) async fn open_stream(
    dialer: &Dialer,
    address: &str,
    token: &Secret,
    silent: &mut (impl FnMut() + Send),
) -> Result<Stream, Failed> {
    let stream = dialer.connect(address).await?;
    let mut request = format!("ws://{address}/stream")
        .into_client_request()
        .map_err(|error| Failed::new(Sight::NameUnknown, error.to_string()))?;
    let bearer = header::HeaderValue::from_str(&format!("Bearer {}", token.expose()));
    let mut bearer = bearer.map_err(|_| Failed::new(Sight::NotAnAgent, "the token is no text"))?;
    bearer.set_sensitive(true);
    request.headers_mut().insert(header::AUTHORIZATION, bearer);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_FRAME_BYTES))
        .max_frame_size(Some(MAX_FRAME_BYTES));
    let opening = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
    match answer(dialer.clock(), opening, silent).await? {
        Ok((socket, _)) => {
            let (address, dialer) = (address.to_owned(), dialer.clone());
            Ok(Stream { socket, pace: Pace::default(), address, dialer })
        }
        Err(error) => Err(refused(&error)),
    }
}

impl Stream {
    /// The next message that this version knows; why the stream ended otherwise.
    /// An agent that sends too much is read no faster.
    pub(crate) async fn next(&mut self) -> Result<Message, Failed> {
        loop {
            self.keep_pace().await?;
            let frame = match self.socket.next().await {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    return Err(Failed::new(Sight::StreamClosed, error.to_string()));
                }
                None => return Err(Failed::new(Sight::StreamClosed, "the stream ended")),
            };
            self.pace.read(self.dialer.clock.now());
            let Frame::Binary(bytes) = frame else { continue };
            match decode(&bytes) {
                Ok(Some(message)) => return Ok(message),
                Ok(None) => {}
                Err(error) => return Err(Failed::new(Sight::NotAnAgent, error.to_string())),
            }
        }
    }

    async fn keep_pace(&mut self) -> Result<(), Failed> {
        let now = self.dialer.clock.now();
        let wait = self.pace.wait(now).map_err(|TooFast| {
            let why = format!("the agent sends more than {FRAMES_PER_SECOND} frames a second");
            Failed::new(Sight::StreamClosed, why)
        })?;
        if wait.is_zero() {
            return Ok(());
        }
        if let Some(held_up) = self.dialer.held_up.note(now) {
            tracing::warn!(
                address = self.address,
                held_up,
                "an agent sends more than {FRAMES_PER_SECOND} frames a second; it is read no faster"
            );
        }
        self.dialer.clock.sleep(wait).await;
        Ok(())
    }
}

fn refused(error: &Error) -> Failed {
    let saw = match error {
        Error::Http(response) if response.status() == StatusCode::TOO_MANY_REQUESTS => {
            Sight::LoginLimited
        }
        Error::Http(response)
            if matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) =>
        {
            Sight::LoginRefused
        }
        Error::Io(_) | Error::ConnectionClosed => Sight::StreamClosed,
        Error::Protocol(
            tokio_tungstenite::tungstenite::error::ProtocolError::HandshakeIncomplete,
        ) => Sight::StreamClosed,
        _ => Sight::NotAnAgent,
    };
    Failed::new(saw, error.to_string())
}
