use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};

use super::simulated::SimulatedNet;
use super::{Listener, Stream};
use crate::datagram::Datagrams;

/// The network: the system's, or a simulation's. It is passed in like the
/// [`Clock`](crate::Clock), so that a test can hold the wires in its hand. Cheap
/// to clone.
#[derive(Debug, Clone)]
pub struct Net(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Simulated(Arc<dyn SimulatedNet>),
}

impl Net {
    /// The system's network.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A network in memory, as one of its hosts has it.
    #[must_use]
    pub fn simulated(host: impl SimulatedNet + 'static) -> Self {
        Self(Source::Simulated(Arc::new(host)))
    }

    /// Connects to `to`.
    ///
    /// # Errors
    /// Whatever stands in the way, in the system's words.
    pub async fn connect(&self, to: SocketAddr) -> io::Result<Stream> {
        match &self.0 {
            Source::System => TcpStream::connect(to).await.map(Stream::from),
            Source::Simulated(net) => Ok(Stream::simulated(net.connect(to).await?, to)),
        }
    }

    /// Takes connections on `at`.
    ///
    /// # Errors
    /// When the address is taken or not ours.
    pub async fn listen(&self, at: SocketAddr) -> io::Result<Listener> {
        match &self.0 {
            Source::System => TcpListener::bind(at).await.map(Listener::from),
            Source::Simulated(net) => net.listen(at).map(Listener::simulated),
        }
    }

    /// Sends and receives datagrams on `at`. Call it within the runtime.
    ///
    /// # Errors
    /// When the address is taken or not ours.
    pub fn datagrams(&self, at: SocketAddr) -> io::Result<Datagrams> {
        match &self.0 {
            Source::System => Datagrams::bind(at),
            Source::Simulated(net) => net.bind(at).map(Datagrams::simulated),
        }
    }

    /// Binds any port for datagrams to `remote`. The socket stays unconnected, so
    /// that it goes on when this machine changes its address.
    ///
    /// # Errors
    /// When the machine has no such addresses or no free port.
    pub fn datagrams_towards(&self, remote: SocketAddr) -> io::Result<Datagrams> {
        let any: IpAddr = match remote {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        self.datagrams((any, 0).into())
    }

    /// The simulation, where this is one: for what a program asks the system's
    /// network itself, a ping for example.
    #[must_use]
    pub fn simulation(&self) -> Option<&dyn SimulatedNet> {
        match &self.0 {
            Source::System => None,
            Source::Simulated(net) => Some(net.as_ref()),
        }
    }
}
