//! The stream between hub and agent: binary WebSocket frames (RFC 6455) over
//! any connection, whichever side dialed.
//!
//! Both ends are driven by the same code, so that what comes after the
//! handshake does not depend on who began it. Receiving is safe to cancel, and
//! pings are answered on the way.

use std::fmt;
use std::io;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use futures_util::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// A connection that can carry a stream.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// How much one stream may take.
#[derive(Debug, Clone, Copy)]
pub struct SocketLimits {
    /// The read buffer, in bytes: it is there for as long as the stream is.
    pub read_buffer: usize,
    /// The largest frame that is taken, in bytes.
    pub incoming: usize,
    /// The largest frame that is sent, in bytes.
    pub outgoing: usize,
}

/// Why a stream is over.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The other side closed it in order.
    #[error("the other side closed the stream")]
    Closed,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The other side does not keep to the protocol.
    #[error("the other side is not understood: {0}")]
    Protocol(String),
    /// The other side sent text, which is no frame of ours.
    #[error("the other side sent text")]
    Text,
    /// The other side answered the opening with another status.
    #[error("the stream was refused with status {0}")]
    Refused(u16),
}

/// Why a request opens no stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this path is a WebSocket: ask for an upgrade with GET")]
pub struct NoUpgrade;

/// Why we close a stream (RFC 6455, section 7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// All is said.
    Normal,
    /// This side leaves.
    Away,
    /// The other side is not understood.
    Protocol,
    /// The other side sent text.
    Unsupported,
    /// The other side may not do this (a number of our own: 4403).
    Forbidden,
    /// Another stream of the same server took its place (a number of our own: 4409).
    Replaced,
}

/// An open stream.
pub struct Socket {
    inner: WebSocketStream<Box<dyn Connection>>,
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").finish_non_exhaustive()
    }
}

impl Socket {
    /// Opens `path` at the other end of `connection`. `host` goes into the
    /// header of that name; `headers` are added.
    ///
    /// # Errors
    /// [`SocketError`] says what came instead.
    pub async fn dial(
        connection: impl Connection + 'static,
        host: &str,
        path: &str,
        headers: HeaderMap,
        limits: SocketLimits,
    ) -> Result<Self, SocketError> {
        let request = format!("ws://{host}{path}").into_client_request();
        let mut request = request.map_err(|error| SocketError::Protocol(error.to_string()))?;
        request.headers_mut().extend(headers);
        let connection: Box<dyn Connection> = Box::new(connection);
        let opening =
            tokio_tungstenite::client_async_with_config(request, connection, Some(config(limits)));
        match opening.await {
            Ok((inner, _)) => Ok(Self { inner }),
            Err(error) => Err(of(error)),
        }
    }

    /// The server's end over a connection whose handshake is done already.
    pub async fn accepted(connection: impl Connection + 'static, limits: SocketLimits) -> Self {
        let connection: Box<dyn Connection> = Box::new(connection);
        let inner =
            WebSocketStream::from_raw_socket(connection, Role::Server, Some(config(limits)));
        Self { inner: inner.await }
    }

    /// The client's end over a connection whose handshake is done already.
    pub async fn begun(connection: impl Connection + 'static, limits: SocketLimits) -> Self {
        let connection: Box<dyn Connection> = Box::new(connection);
        let inner =
            WebSocketStream::from_raw_socket(connection, Role::Client, Some(config(limits)));
        Self { inner: inner.await }
    }

    /// Sends one frame and waits until the kernel took it.
    ///
    /// # Errors
    /// [`SocketError`] when the stream is over.
    pub async fn send(&mut self, frame: impl Into<Bytes>) -> Result<(), SocketError> {
        self.inner.send(Message::Binary(frame.into())).await.map_err(of)
    }

    /// The next frame. It may be cancelled; nothing is lost then.
    ///
    /// # Errors
    /// [`SocketError`] when the stream is over. Text is no frame of ours.
    pub async fn recv(&mut self) -> Result<Bytes, SocketError> {
        loop {
            match self.inner.next().await {
                Some(Ok(Message::Binary(frame))) => return Ok(frame),
                Some(Ok(Message::Text(_))) => return Err(SocketError::Text),
                Some(Ok(Message::Close(_))) | None => return Err(SocketError::Closed),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(error)) => return Err(of(error)),
            }
        }
    }

    /// Says why the stream ends. Whether it arrives is not known.
    pub async fn close(&mut self, why: CloseReason) {
        let frame = CloseFrame { code: why.code(), reason: "".into() };
        // The stream is over for us in any case.
        let _ = self.inner.close(Some(frame)).await;
    }
}

impl CloseReason {
    fn code(self) -> CloseCode {
        match self {
            Self::Normal => CloseCode::Normal,
            Self::Away => CloseCode::Away,
            Self::Protocol => CloseCode::Protocol,
            Self::Unsupported => CloseCode::Unsupported,
            Self::Forbidden => CloseCode::Library(4403),
            Self::Replaced => CloseCode::Library(4409),
        }
    }
}

/// The answer to a request for a stream, and the stream itself, which is there
/// once the answer was sent.
///
/// # Errors
/// [`NoUpgrade`] when the request asks for no WebSocket.
pub fn upgrade(
    mut request: Request<Body>,
    limits: SocketLimits,
) -> Result<(Response<Body>, impl Future<Output = io::Result<Socket>> + Send), NoUpgrade> {
    let accept = accept_key(&request).ok_or(NoUpgrade)?;
    let upgrade = hyper::upgrade::on(&mut request);
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, accept)
        .body(Body::empty())
        .map_err(|_| NoUpgrade)?;
    let opening = async move {
        let upgraded = upgrade.await.map_err(io::Error::other)?;
        Ok(Socket::accepted(TokioIo::new(upgraded), limits).await)
    };
    Ok((response, opening))
}

/// What proves that the request was understood (RFC 6455, section 4.2.2).
fn accept_key(request: &Request<Body>) -> Option<HeaderValue> {
    let headers = request.headers();
    let has = |name: header::HeaderName, word: &str| {
        let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        lines.flat_map(|line| line.split(',')).any(|one| one.trim().eq_ignore_ascii_case(word))
    };
    let asks = request.method() == Method::GET
        && has(header::CONNECTION, "upgrade")
        && has(header::UPGRADE, "websocket")
        && has(header::SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| asks)?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()
}

fn config(limits: SocketLimits) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(limits.read_buffer)
        .write_buffer_size(0)
        // A frame of the largest size, and its head.
        .max_write_buffer_size(limits.outgoing + 1024)
        .max_message_size(Some(limits.incoming))
        .max_frame_size(Some(limits.incoming))
}

fn of(error: Error) -> SocketError {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => SocketError::Closed,
        Error::Http(response) => SocketError::Refused(response.status().as_u16()),
        Error::Io(error) => SocketError::Broken(error.to_string()),
        Error::Protocol(
            error @ (tokio_tungstenite::tungstenite::error::ProtocolError::HandshakeIncomplete
            | tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake),
        ) => SocketError::Broken(error.to_string()),
        other => SocketError::Protocol(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: SocketLimits =
        SocketLimits { read_buffer: 4096, incoming: 1 << 10, outgoing: 1 << 10 };

    async fn pair() -> (Socket, Socket) {
        let (here, there) = tokio::io::duplex(1 << 16);
        (Socket::begun(here, LIMITS).await, Socket::accepted(there, LIMITS).await)
    }

    #[tokio::test]
    async fn frames_go_both_ways_and_an_end_is_told() {
        let (mut agent, mut hub) = pair().await;
        agent.send(vec![1, 2]).await.expect("it is open");
        hub.send(vec![3]).await.expect("it is open");
        assert_eq!(hub.recv().await.expect("a frame")[..], [1, 2]);
        assert_eq!(agent.recv().await.expect("a frame")[..], [3]);
        agent.close(CloseReason::Replaced).await;
        assert!(matches!(hub.recv().await, Err(SocketError::Closed)));
        drop(hub);
        assert!(agent.recv().await.is_err());
    }

    #[tokio::test]
    async fn too_large_a_frame_is_refused_and_nothing_panics() {
        let (here, there) = tokio::io::duplex(1 << 16);
        let generous = SocketLimits { outgoing: 1 << 12, ..LIMITS };
        let mut agent = Socket::begun(here, generous).await;
        let mut hub = Socket::accepted(there, LIMITS).await;
        let sending = async {
            let _ = agent.send(vec![0; 2048]).await;
        };
        let (refused, ()) = tokio::join!(hub.recv(), sending);
        assert!(matches!(refused, Err(SocketError::Protocol(_))), "{refused:?}");
    }

    #[test]
    fn only_a_request_for_a_websocket_opens_one() {
        let request = |pairs: &[(&str, &str)]| {
            let mut request = Request::get("/stream");
            for (name, value) in pairs {
                request = request.header(*name, *value);
            }
            request.body(Body::empty()).expect("a good request")
        };
        // The example of RFC 6455, section 1.3.
        let good = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let key = accept_key(&request(&good)).expect("it asks for one");
        assert_eq!(key, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        for left_out in 0..good.len() {
            let mut fewer = good.to_vec();
            fewer.remove(left_out);
            assert!(accept_key(&request(&fewer)).is_none(), "{left_out}");
        }
        assert!(upgrade(request(&good[..2]), LIMITS).is_err());
    }
}
