use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::simulated::SimulatedConnection;

/// A connection of the system, or of a simulation.
#[derive(Debug)]
pub struct Stream(Inner);

#[derive(Debug)]
enum Inner {
    System(TcpStream),
    Simulated(Simulated),
}

struct Simulated {
    connection: SimulatedConnection,
    remote: SocketAddr,
    /// A byte that was looked at before its time.
    first: Option<u8>,
}

impl Stream {
    pub(super) fn simulated(connection: SimulatedConnection, remote: SocketAddr) -> Self {
        Self(Inner::Simulated(Simulated { connection, remote, first: None }))
    }

    /// The address of the other side.
    ///
    /// # Errors
    /// When the connection is over and the kernel does not know it any more.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Inner::System(stream) => stream.peer_addr(),
            Inner::Simulated(stream) => Ok(stream.remote),
        }
    }

    /// Sends small pieces at once and does not wait for more (`TCP_NODELAY`).
    ///
    /// # Errors
    /// When the kernel does not.
    pub fn set_nodelay(&self) -> io::Result<()> {
        match &self.0 {
            Inner::System(stream) => stream.set_nodelay(true),
            Inner::Simulated(_) => Ok(()),
        }
    }

    /// Ends the connection when nothing that was sent is acknowledged by the other
    /// side's kernel for so long (`TCP_USER_TIMEOUT`). A simulated connection has no
    /// such limit and stays silent for as long as its way is blocked.
    ///
    /// # Errors
    /// When the kernel does not.
    pub fn set_unheard(&self, limit: Duration) -> io::Result<()> {
        let millis = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
        match &self.0 {
            Inner::System(stream) => {
                rustix::net::sockopt::set_tcp_user_timeout(stream, millis).map_err(Into::into)
            }
            Inner::Simulated(_) => Ok(()),
        }
    }

    /// Looks at the first byte, which stays to be read; `None` at the end. Call it
    /// before anything is read.
    ///
    /// # Errors
    /// When the connection broke.
    pub(crate) async fn first_byte(&mut self) -> io::Result<Option<u8>> {
        let mut first = [0];
        match &mut self.0 {
            Inner::System(stream) => {
                let read = stream.peek(&mut first).await?;
                Ok((read == 1).then_some(first[0]))
            }
            Inner::Simulated(stream) => {
                if stream.first.is_none() && stream.connection.read(&mut first).await? == 1 {
                    stream.first = Some(first[0]);
                }
                Ok(stream.first)
            }
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self(Inner::System(stream))
    }
}

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a simulated connection with {}", self.remote)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Inner::System(stream) => Pin::new(stream).poll_read(context, into),
            Inner::Simulated(stream) => {
                if into.remaining() > 0
                    && let Some(first) = stream.first.take()
                {
                    into.put_slice(&[first]);
                    return Poll::Ready(Ok(()));
                }
                Pin::new(&mut stream.connection).poll_read(context, into)
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Inner::System(stream) => Pin::new(stream).poll_write(context, bytes),
            Inner::Simulated(stream) => Pin::new(&mut stream.connection).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Inner::System(stream) => Pin::new(stream).poll_flush(context),
            Inner::Simulated(stream) => Pin::new(&mut stream.connection).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Inner::System(stream) => Pin::new(stream).poll_shutdown(context),
            Inner::Simulated(stream) => Pin::new(&mut stream.connection).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Inner::System(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Inner::Simulated(stream) => {
                Pin::new(&mut stream.connection).poll_write_vectored(context, slices)
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Inner::System(stream) => stream.is_write_vectored(),
            Inner::Simulated(stream) => stream.connection.is_write_vectored(),
        }
    }
}
