use std::fmt;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::HttpCounters;
use crate::Clock;
use crate::net::Stream;
use crate::tls::{PULSE_LABEL, TlsServer, TlsStream};

/// The time for the first byte and the whole TLS handshake. It counts as a
/// part of the time for the first request header.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(5);

/// The type of a TLS record that holds a ClientHello (RFC 8446 section 5.1).
/// No request line of HTTP begins with it.
const HANDSHAKE_RECORD: u8 = 0x16;

/// How a listener's port may be talked to. It looks at the first byte of a
/// connection, so that one port takes both.
#[derive(Debug, Clone)]
pub struct Transport {
    /// TLS, when there is a certificate.
    pub tls: Option<TlsServer>,
    /// From where plain HTTP is answered.
    pub plain: Plain,
}

/// From where plain HTTP is answered. Elsewhere it is told to use TLS, with
/// status 426 and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plain {
    /// From everywhere.
    Anywhere,
    /// From this machine.
    Loopback,
    /// From nowhere.
    Never,
}

/// What a TLS session says of the other side.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsPeer {
    /// Its certificate in DER, which the hub's authority signed and which was
    /// valid when it came; `None` for a browser or a new agent.
    pub certificate: Option<Vec<u8>>,
    /// The key of this session's pulses, exported under [`PULSE_LABEL`].
    pub pulse_key: [u8; 32],
}

impl fmt::Debug for TlsPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let certificate = self.certificate.as_ref().map(Vec::len);
        f.debug_struct("TlsPeer").field("certificate", &certificate).finish_non_exhaustive()
    }
}

impl Transport {
    /// Plain HTTP alone, from everywhere.
    #[must_use]
    pub fn plain() -> Self {
        Self { tls: None, plain: Plain::Anywhere }
    }

    /// Looks at what the connection begins with and finishes the TLS handshake,
    /// if it is one. `None` when nothing came of it in time.
    pub(super) async fn open(
        &self,
        mut stream: Stream,
        limit: Duration,
        counters: &HttpCounters,
        clock: &Clock,
    ) -> Option<(Line, Option<Arc<TlsPeer>>)> {
        let Some(server) = &self.tls else {
            return Some((Line::Plain(stream), None));
        };
        let begun = clock.now();
        match clock.within(limit, stream.first_byte()).await {
            Some(Ok(Some(HANDSHAKE_RECORD))) => {}
            Some(Ok(_)) => return Some((Line::Plain(stream), None)),
            Some(Err(_)) => return None,
            None => {
                counters.handshake_failed();
                return None;
            }
        }
        let rest = limit.saturating_sub(clock.now().since(begun));
        match server.accept(stream, rest, clock).await {
            Ok(stream) => {
                let peer = TlsPeer {
                    certificate: stream.peer_certificate().map(<[u8]>::to_vec),
                    pulse_key: stream.export(PULSE_LABEL),
                };
                Some((Line::Tls(stream), Some(Arc::new(peer))))
            }
            Err(error) => {
                counters.handshake_failed();
                tracing::debug!(%error, "a TLS handshake failed");
                None
            }
        }
    }

    /// True when requests on this line are answered.
    pub(super) fn allows(&self, line: &Line, remote: IpAddr) -> bool {
        match (line, self.plain) {
            (Line::Tls(_), _) | (_, Plain::Anywhere) => true,
            (_, Plain::Loopback) => remote.to_canonical().is_loopback(),
            (_, Plain::Never) => false,
        }
    }
}

/// What plain HTTP is told where only TLS is answered (RFC 9110 section 15.5.22).
pub(super) fn use_tls() -> Response<Body> {
    let text = "This port answers only over TLS: use https:// with the same host and port.\n";
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
    for (name, value) in [
        (header::UPGRADE, "TLS/1.3, HTTP/1.1"),
        (header::CONNECTION, "Upgrade, close"),
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
    ] {
        response.headers_mut().insert(name, header::HeaderValue::from_static(value));
    }
    response
}

/// A connection, plain or not.
#[derive(Debug)]
pub(super) enum Line {
    Plain(Stream),
    Tls(TlsStream),
}

/// Does the same with either of the two.
macro_rules! either {
    ($line:expr, $inner:ident => $does:expr) => {
        match $line {
            Line::Plain($inner) => $does,
            Line::Tls($inner) => $does,
        }
    };
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(&mut *self, inner => Pin::new(inner).poll_read(context, buffer))
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(&mut *self, inner => Pin::new(inner).poll_write(context, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&mut *self, inner => Pin::new(inner).poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&mut *self, inner => Pin::new(inner).poll_shutdown(context))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(&mut *self, inner => Pin::new(inner).poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        either!(self, inner => inner.is_write_vectored())
    }
}
