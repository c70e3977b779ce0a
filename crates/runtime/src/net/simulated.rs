use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use crate::socket::Connection;

/// Something that a simulated network does and that takes time.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A connection in memory.
pub type SimulatedConnection = Box<dyn Connection + Sync>;

/// What one host of a network in memory can do. A simulation hands it to
/// [`Net::simulated`](super::Net::simulated).
pub trait SimulatedNet: fmt::Debug + Send + Sync {
    /// Connects to `to`. It may take for ever; the caller has a limit.
    ///
    /// # Errors
    /// As `connect(2)` has them: nobody listens there, no such host.
    fn connect(&self, to: SocketAddr) -> Doing<'static, io::Result<SimulatedConnection>>;

    /// Takes connections on `at`.
    ///
    /// # Errors
    /// When the address is taken.
    fn listen(&self, at: SocketAddr) -> io::Result<Box<dyn SimulatedListener>>;

    /// Sends and receives datagrams on `at`; its port may be 0.
    ///
    /// # Errors
    /// When the address is taken.
    fn bind(&self, at: SocketAddr) -> io::Result<Box<dyn SimulatedDatagrams>>;

    /// Returns once the host with that address has answered a ping; never when it
    /// does not.
    fn ping(&self, host: IpAddr) -> Doing<'static, ()>;
}

/// Takes connections on a network in memory, until it is dropped.
pub trait SimulatedListener: fmt::Debug + Send + Sync {
    /// Where it listens.
    fn local_addr(&self) -> SocketAddr;

    /// The next connection, and whose it is.
    fn accept(&self) -> Doing<'_, (SimulatedConnection, SocketAddr)>;
}

/// A socket for datagrams on a network in memory, until it is dropped.
pub trait SimulatedDatagrams: fmt::Debug + Send + Sync {
    /// Where others reach it.
    fn local_addr(&self) -> SocketAddr;

    /// The next datagram: how long it is, and whose. What does not fit is cut off.
    fn recv_from<'a>(&'a self, into: &'a mut [u8]) -> Doing<'a, (usize, SocketAddr)>;

    /// Sends a datagram; nobody says whether it arrives.
    fn send_to(&self, bytes: &[u8], to: SocketAddr);
}
