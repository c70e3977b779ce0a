use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsStream as Session;

use crate::net::Stream;

/// The label under which both sides of a stream export the key of its pulses
/// (RFC 8446 section 7.5), without context.
pub const PULSE_LABEL: &str = "EXPORTER-watchfire-pulse";

/// A TLS connection whose handshake is over.
pub struct TlsStream(Box<Session<Stream>>);

impl TlsStream {
    /// Boxed, because a connection's state is some hundred times as large as a
    /// plain socket, which may stand in the same place.
    pub(super) fn new(stream: Session<Stream>) -> Self {
        Self(Box::new(stream))
    }

    /// The other side's certificate in DER, which was verified. A server's
    /// client may have none.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        self.0.get_ref().1.peer_certificates()?.first().map(AsRef::as_ref)
    }

    /// 32 bytes that both sides of this session know and nobody else
    /// (RFC 8446 section 7.5). Every label has its own.
    #[must_use]
    pub fn export(&self, label: &str) -> [u8; 32] {
        let label = label.as_bytes();
        let exported = match &*self.0 {
            Session::Client(session) => {
                session.get_ref().1.export_keying_material([0; 32], label, None)
            }
            Session::Server(session) => {
                session.get_ref().1.export_keying_material([0; 32], label, None)
            }
        };
        exported.expect("the handshake is over, and 32 bytes are fewer than 255 hashes")
    }

    /// The connection below.
    #[must_use]
    pub fn tcp(&self) -> &Stream {
        self.0.get_ref().0
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsStream({:?})", self.tcp())
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}
