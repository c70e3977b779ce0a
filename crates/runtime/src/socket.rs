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
    /// The other side closed it in order; why, if it said so in a way that this
    /// version knows.
    #[error("the other side closed the stream{}", in_words(*.0))]
    Closed(Option<CloseReason>),
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

/// Why a stream is closed (RFC 6455, section 7.4.1).
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
    /// The other side speaks an older version than it did before (a number of our own:
    /// 4426).
    Older,
    /// Another stream of the same server took its place (a number of our own: 4409).
    Replaced,
}

/// An open stream.
pub struct Socket {
    inner: WebSocketStream<Box<dyn Connection>>,
    slim: Slim,
    /// Once the other side has closed it: why, if that is known. Whoever receives is
    /// told so also when an earlier call was cancelled while the answer left.
    closed: Option<Option<CloseReason>>,
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
            Ok((inner, _)) => Ok(Self::over(inner, limits)),
            Err(error) => Err(of(error)),
        }
    }

    /// The server's end over a connection whose handshake is done already.
    pub async fn accepted(connection: impl Connection + 'static, limits: SocketLimits) -> Self {
        let connection: Box<dyn Connection> = Box::new(connection);
        let inner =
            WebSocketStream::from_raw_socket(connection, Role::Server, Some(config(limits)));
        Self::over(inner.await, limits)
    }

    /// The client's end over a connection whose handshake is done already.
    pub async fn begun(connection: impl Connection + 'static, limits: SocketLimits) -> Self {
        let connection: Box<dyn Connection> = Box::new(connection);
        let inner =
            WebSocketStream::from_raw_socket(connection, Role::Client, Some(config(limits)));
        Self::over(inner.await, limits)
    }

    fn over(inner: WebSocketStream<Box<dyn Connection>>, limits: SocketLimits) -> Self {
        Self { inner, slim: Slim::new(limits), closed: None }
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
            if let Some(why) = self.closed {
                // The answer, for which the other side waits, leaves with this.
                let _ = self.inner.flush().await;
                return Err(SocketError::Closed(why));
            }
            match self.inner.next().await {
                Some(Ok(Message::Binary(frame))) => {
                    self.slim.came(&frame);
                    return Ok(frame);
                }
                Some(Ok(Message::Text(_))) => return Err(SocketError::Text),
                Some(Ok(Message::Close(frame))) => {
                    self.closed = Some(frame.and_then(|frame| CloseReason::of(frame.code)));
                }
                None => return Err(SocketError::Closed(None)),
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

    /// After [`close`](Self::close), waits until the other side has closed its end: a
    /// connection that is dropped with unread bytes may take the reason with it. The
    /// caller keeps the limit of time.
    pub async fn linger(&mut self) {
        while let Some(Ok(message)) = self.inner.next().await {
            if message.is_close() {
                return;
            }
        }
    }
}

/// Keeps the read buffer small. It grows for a large frame, which a stream mostly
/// begins with, and would stay so for days: it is used again once no frame lies in it.
/// While one is held, a new one of the usual size is taken in its place.
struct Slim {
    usual: usize,
    held: Option<Bytes>,
    /// Where the last frame lay.
    place: usize,
}

impl Slim {
    fn new(limits: SocketLimits) -> Self {
        Self { usual: limits.read_buffer, held: None, place: 0 }
    }

    fn came(&mut self, frame: &Bytes) {
        let place = frame.as_ptr() as usize;
        // Within one buffer each frame lies behind the one before it.
        if place <= self.place {
            self.held = None;
        }
        self.place = place;
        if frame.len() > self.usual {
            self.held = Some(frame.clone());
        }
    }
}

impl CloseReason {
    const ALL: [Self; 7] = [
        Self::Normal,
        Self::Away,
        Self::Protocol,
        Self::Unsupported,
        Self::Forbidden,
        Self::Older,
        Self::Replaced,
    ];

    fn of(code: CloseCode) -> Option<Self> {
        Self::ALL.into_iter().find(|why| u16::from(why.code()) == u16::from(code))
    }

    fn code(self) -> CloseCode {
        match self {
            Self::Normal => CloseCode::Normal,
            Self::Away => CloseCode::Away,
            Self::Protocol => CloseCode::Protocol,
            Self::Unsupported => CloseCode::Unsupported,
            Self::Forbidden => CloseCode::Library(4403),
            Self::Older => CloseCode::Library(4426),
            Self::Replaced => CloseCode::Library(4409),
        }
    }
}

/// What the log adds to a stream that was closed.
fn in_words(why: Option<CloseReason>) -> &'static str {
    match why {
        None | Some(CloseReason::Normal) => "",
        Some(CloseReason::Away) => ": it ends",
        Some(CloseReason::Protocol) => ": it does not understand this side",
        Some(CloseReason::Unsupported) => ": it takes no text",
        Some(CloseReason::Forbidden) => ": this side may not do this",
        Some(CloseReason::Older) => ": this side spoke a newer version before",
        Some(CloseReason::Replaced) => ": another stream took its place",
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
        Error::ConnectionClosed | Error::AlreadyClosed => SocketError::Closed(None),
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
    use futures_util::FutureExt;

    use super::*;

    const LIMITS: SocketLimits =
        SocketLimits { read_buffer: 4096, incoming: 1 << 10, outgoing: 1 << 10 };

    /// Longer than any machine needs for a few frames in memory.
    const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

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
        hub.send(vec![4]).await.expect("it is open");
        let leaving = async {
            agent.close(CloseReason::Replaced).await;
            agent.linger().await;
        };
        let ((), over) = tokio::join!(leaving, hub.recv());
        assert!(matches!(over, Err(SocketError::Closed(Some(CloseReason::Replaced)))), "{over:?}");
        drop(hub);
        assert!(agent.recv().await.is_err());
    }

    #[tokio::test]
    async fn a_reason_is_told_after_a_call_that_was_cancelled() {
        let (here, there) = tokio::io::duplex(64);
        let mut agent = Socket::begun(here, LIMITS).await;
        let mut hub = Socket::accepted(there, LIMITS).await;
        // The agent reads nothing, so that the hub's answer to the end cannot leave.
        assert!(hub.send(vec![1; 200]).now_or_never().is_none(), "it does not fit");
        agent.close(CloseReason::Replaced).await;
        assert!(hub.recv().now_or_never().is_none(), "its answer waits");
        let both = async { tokio::join!(hub.recv(), agent.linger()) };
        let (over, ()) = tokio::time::timeout(PATIENCE, both).await.expect("it is over");
        assert!(matches!(over, Err(SocketError::Closed(Some(CloseReason::Replaced)))), "{over:?}");
    }

    #[test]
    fn every_reason_is_known_by_its_number() {
        for why in CloseReason::ALL {
            assert_eq!(CloseReason::of(u16::from(why.code()).into()), Some(why));
        }
        assert_eq!(u16::from(CloseReason::Forbidden.code()), 4403);
        assert_eq!(u16::from(CloseReason::Older.code()), 4426);
        assert_eq!(CloseReason::of(CloseCode::from(4999)), None);
    }

    #[tokio::test]
    async fn a_large_frame_leaves_no_large_buffer() {
        let (here, there) = tokio::io::duplex(1 << 16);
        let limits = SocketLimits { incoming: 1 << 16, outgoing: 1 << 16, ..LIMITS };
        let mut agent = Socket::begun(here, limits).await;
        let mut hub = Socket::accepted(there, limits).await;
        let mut places = Vec::new();
        for length in [40_000].into_iter().chain([200; 400]) {
            agent.send(vec![1; length]).await.expect("it is open");
            let frame = hub.recv().await.expect("a frame");
            places.push(frame.as_ptr() as usize);
        }
        assert!(hub.slim.held.is_none(), "the large one is let go");
        let last = &places[200..];
        let (from, to) = (last.iter().min(), last.iter().max());
        let used = to.expect("many") - from.expect("many");
        assert!(used < LIMITS.read_buffer, "frames lie in {used} bytes");
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
