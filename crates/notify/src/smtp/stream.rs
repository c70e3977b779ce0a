//! The plain part of a STARTTLS connection, read so that nothing said before
//! encryption can pass as said under it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use watchfire_runtime::net::Stream;

/// The first byte of a TLS handshake record (RFC 8446, 5.1). No SMTP verb
/// begins with it.
const TLS_HANDSHAKE: u8 = 0x16;

/// A TCP stream that hands over one byte a read until TLS begins.
///
/// Somebody on the way can append replies of his own to the plain answer to
/// STARTTLS. A buffered reader would take them in and later present them as
/// the mail server's answers under TLS, an acceptance among them. Byte by byte
/// the reader never holds more than the line it wants; what was appended stays
/// in the socket and breaks the handshake.
#[derive(Debug)]
pub(crate) struct Careful {
    inner: Stream,
    sealed: bool,
}

impl Careful {
    pub(crate) fn new(inner: Stream) -> Self {
        Self { inner, sealed: false }
    }
}

impl AsyncTokioStream for Careful {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.inner.peer_addr()
    }
}

impl AsyncRead for Careful {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.sealed || into.remaining() == 0 {
            return Pin::new(&mut self.inner).poll_read(context, into);
        }
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte);
        ready!(Pin::new(&mut self.inner).poll_read(context, &mut one))?;
        into.put_slice(one.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Careful {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.first() == Some(&TLS_HANDSHAKE) {
            self.sealed = true;
        }
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
