use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::Stream;
use super::simulated::SimulatedListener;

/// Takes connections of the system, or of a simulation.
#[derive(Debug)]
pub struct Listener(Inner);

#[derive(Debug)]
enum Inner {
    System(TcpListener),
    Simulated(Box<dyn SimulatedListener>),
}

impl Listener {
    pub(super) fn simulated(listener: Box<dyn SimulatedListener>) -> Self {
        Self(Inner::Simulated(listener))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Inner::System(listener) => listener.local_addr(),
            Inner::Simulated(listener) => Ok(listener.local_addr()),
        }
    }

    /// The next connection, and whose it is. It may be cancelled; nothing is lost then.
    ///
    /// # Errors
    /// When the kernel cannot give it, mostly for want of descriptors.
    pub async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        match &self.0 {
            Inner::System(listener) => {
                let (stream, remote) = listener.accept().await?;
                Ok((stream.into(), remote))
            }
            Inner::Simulated(listener) => {
                let (connection, remote) = listener.accept().await;
                Ok((Stream::simulated(connection, remote), remote))
            }
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self(Inner::System(listener))
    }
}
