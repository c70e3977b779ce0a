//! The UDP side, which carries the pulses.
//!
//! A datagram has no peer to wait for: what cannot be sent at once is dropped
//! and counted, as the network would do it, and the next pulse tells the same.

use std::io;
use std::net::{SocketAddr, UdpSocket as StdSocket};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{SendFlags, sendto};
use tokio::net::UdpSocket;

use crate::net::{Net, SimulatedDatagrams};

/// The kernel's room for datagrams that were not read yet. Ten thousand agents
/// send twenty thousand a second, which the kernel books at some 800 bytes each;
/// this holds a stall of 65 ms, and the next pulses the rest.
pub const RECEIVE_BUFFER_BYTES: usize = 1 << 20;

/// The longest datagram that can be told from a cut one, in bytes.
pub const MAX_DATAGRAM_BYTES: usize = 511;

/// The pause after the kernel could not give a datagram.
const FAILURE_PAUSE: Duration = Duration::from_millis(100);

/// A UDP socket that takes datagrams of one length from many senders.
#[derive(Debug)]
pub struct Datagrams {
    socket: Inner,
    misfits: AtomicU64,
    unsent: AtomicU64,
}

#[derive(Debug)]
enum Inner {
    System {
        socket: StdSocket,
        /// The same socket for the runtime that reads first.
        reading: OnceLock<UdpSocket>,
    },
    Simulated(Box<dyn SimulatedDatagrams>),
}

impl Datagrams {
    /// Binds `address`. The runtime that receives first is the one that receives.
    ///
    /// # Errors
    /// When the address is taken or not ours.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = StdSocket::bind(address)?;
        enlarge(&socket);
        socket.set_nonblocking(true)?;
        Ok(Self::new(Inner::System { socket, reading: OnceLock::new() }))
    }

    pub(crate) fn simulated(socket: Box<dyn SimulatedDatagrams>) -> Self {
        Self::new(Inner::Simulated(socket))
    }

    fn new(socket: Inner) -> Self {
        Self { socket, misfits: AtomicU64::new(0), unsent: AtomicU64::new(0) }
    }

    /// Binds any port, to talk to `remote`. The socket stays unconnected, so
    /// that it goes on when this machine changes its address.
    ///
    /// # Errors
    /// When the machine has no such addresses or no free port.
    pub fn towards(remote: SocketAddr) -> io::Result<Self> {
        Net::system().datagrams_towards(remote)
    }

    /// The address it is bound to.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.socket {
            Inner::System { socket, .. } => socket.local_addr(),
            Inner::Simulated(socket) => Ok(socket.local_addr()),
        }
    }

    /// The next datagram of exactly `N` bytes, and its sender's address, which
    /// anybody could have written there. All others are dropped and counted.
    /// Nothing is lost when the waiting is given up.
    pub async fn recv<const N: usize>(&self) -> ([u8; N], SocketAddr) {
        const { assert!(N <= MAX_DATAGRAM_BYTES, "a longer one could not be told from a cut one") };
        // One byte more than any that is asked for shows those that are longer.
        let mut buffer = [0; MAX_DATAGRAM_BYTES + 1];
        loop {
            match self.socket.recv_from(&mut buffer).await {
                Ok((length, from)) => match <[u8; N]>::try_from(&buffer[..length]) {
                    Ok(bytes) => return (bytes, from),
                    Err(_) => {
                        self.misfits.fetch_add(1, Ordering::Relaxed);
                    }
                },
                Err(error) => {
                    tracing::warn!(%error, "cannot receive a datagram");
                    tokio::time::sleep(FAILURE_PAUSE).await;
                }
            }
        }
    }

    /// Sends at once, or not at all; whether it left this machine. It never
    /// waits, so that one stuck way delays no other.
    pub fn send(&self, bytes: &[u8], to: SocketAddr) -> bool {
        let whole = match &self.socket {
            Inner::System { socket, .. } => send_whole(socket, bytes, to),
            Inner::Simulated(socket) => {
                socket.send_to(bytes, to);
                true
            }
        };
        if !whole {
            self.unsent.fetch_add(1, Ordering::Relaxed);
        }
        whole
    }

    /// Datagrams of other lengths that came in and were dropped.
    #[must_use]
    pub fn misfits(&self) -> u64 {
        self.misfits.load(Ordering::Relaxed)
    }

    /// Datagrams that could not be sent and were dropped.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        self.unsent.load(Ordering::Relaxed)
    }
}

impl Inner {
    async fn recv_from(&self, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match self {
            Self::System { socket, reading } => {
                let reading = match reading.get() {
                    Some(reading) => reading,
                    None => {
                        let fresh = UdpSocket::from_std(socket.try_clone()?)?;
                        reading.get_or_init(|| fresh)
                    }
                };
                reading.recv_from(into).await
            }
            Self::Simulated(socket) => Ok(socket.recv_from(into).await),
        }
    }
}

fn send_whole(socket: &StdSocket, bytes: &[u8], to: SocketAddr) -> bool {
    let sent = match sendto(socket, bytes, SendFlags::DONTWAIT, &to) {
        // An ICMP error about an earlier datagram is told by the next call
        // and used up by it.
        Err(Errno::CONNREFUSED) => sendto(socket, bytes, SendFlags::DONTWAIT, &to),
        sent => sent,
    };
    sent.is_ok_and(|sent| sent == bytes.len())
}

/// The kernel gives what it may without the right to force it; less than asked
/// for is no failure.
fn enlarge(socket: &StdSocket) {
    use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_recv_buffer_size_force};
    let size = RECEIVE_BUFFER_BYTES;
    let set = set_socket_recv_buffer_size_force(socket, size)
        .or_else(|_| set_socket_recv_buffer_size(socket, size));
    if let Err(error) = set {
        tracing::debug!(%error, "the receive buffer cannot be enlarged");
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn local() -> Datagrams {
        Datagrams::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port")
    }

    #[tokio::test]
    async fn datagrams_go_both_ways_between_many() {
        let hub = local();
        let address = hub.local_addr().expect("an address");
        let agents: Vec<_> =
            (0..50).map(|_| Datagrams::towards(address).expect("a free port")).collect();
        for (number, agent) in (0_u8..).zip(&agents) {
            assert!(agent.send(&[number; 48], address));
        }
        for _ in &agents {
            let (bytes, from) = hub.recv::<48>().await;
            assert!(hub.send(&bytes, from));
        }
        for (number, agent) in (0_u8..).zip(&agents) {
            assert_eq!(agent.recv::<48>().await, ([number; 48], address));
        }
        assert_eq!((hub.misfits(), hub.unsent()), (0, 0));
    }

    #[tokio::test]
    async fn other_lengths_are_dropped_and_counted() {
        let (hub, agent) = (local(), local());
        let address = hub.local_addr().expect("an address");
        for length in [0, 47, 49, 511, 512, 2000] {
            assert!(agent.send(&vec![1; length], address));
        }
        agent.send(&[2; 48], address);
        let (bytes, from) = hub.recv::<48>().await;
        assert_eq!((bytes, from), ([2; 48], agent.local_addr().expect("an address")));
        assert_eq!(hub.misfits(), 6);
    }

    #[tokio::test]
    async fn what_cannot_be_sent_is_counted() {
        let agent = local();
        assert!(!agent.send(&[0; 70_000], agent.local_addr().expect("an address")));
        assert!(!agent.send(&[0; 48], "[2001:db8::1]:5100".parse().expect("an address")));
        assert_eq!(agent.unsent(), 2);
    }

    #[tokio::test]
    async fn the_buffer_is_enlarged() {
        let hub = local();
        let Inner::System { socket, .. } = &hub.socket else { panic!("it is the system's") };
        let room = rustix::net::sockopt::socket_recv_buffer_size(socket).expect("a size");
        let plain = StdSocket::bind("127.0.0.1:0").expect("a free port");
        let before = rustix::net::sockopt::socket_recv_buffer_size(&plain).expect("a size");
        assert!(room > before, "{room} is more than {before}");
    }
}
