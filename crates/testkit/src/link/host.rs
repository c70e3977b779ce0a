//! A host of a [`Network`] as the product's [`Net`] sees it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use watchfire_runtime::net::{
    Doing, Net, SimulatedConnection, SimulatedDatagrams, SimulatedListener, SimulatedNet,
};

use super::datagrams::Socket;
use super::network::{Host, Listener};

/// The address that every host has for itself.
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

impl Host {
    /// What a program on this host dials and listens with. Its loopback address
    /// leads to the host itself, and no condition of the network applies there.
    #[must_use]
    pub fn net(&self) -> Net {
        Net::simulated(self.clone())
    }
}

impl SimulatedNet for Host {
    fn connect(&self, to: SocketAddr) -> Doing<'static, io::Result<SimulatedConnection>> {
        let (host, to) = (self.clone(), self.meant(to));
        Box::pin(async move {
            let end = Host::connect(&host, to).await?;
            Ok(Box::new(end) as SimulatedConnection)
        })
    }

    fn listen(&self, at: SocketAddr) -> io::Result<Box<dyn SimulatedListener>> {
        Ok(Box::new(Host::listen(self, at.port())?))
    }

    fn bind(&self, at: SocketAddr) -> io::Result<Box<dyn SimulatedDatagrams>> {
        if at.is_ipv6() {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        Ok(Box::new(Host::bind(self, at.port())?))
    }

    fn ping(&self, host: IpAddr) -> Doing<'static, ()> {
        let this = self.clone();
        Box::pin(async move { Host::ping(&this, host).await })
    }
}

impl Host {
    fn meant(&self, address: SocketAddr) -> SocketAddr {
        if address.ip() == LOOPBACK { SocketAddr::new(self.ip(), address.port()) } else { address }
    }
}

impl SimulatedListener for Listener {
    fn local_addr(&self) -> SocketAddr {
        Listener::local_addr(self)
    }

    fn accept(&self) -> Doing<'_, (SimulatedConnection, SocketAddr)> {
        Box::pin(async move {
            let (end, from) = Listener::accept(self).await;
            (Box::new(end) as SimulatedConnection, from)
        })
    }
}

impl SimulatedDatagrams for Socket {
    fn local_addr(&self) -> SocketAddr {
        Socket::local_addr(self)
    }

    fn recv_from<'a>(&'a self, into: &'a mut [u8]) -> Doing<'a, (usize, SocketAddr)> {
        Box::pin(Socket::recv_from(self, into))
    }

    fn send_to(&self, bytes: &[u8], to: SocketAddr) {
        Socket::send_to(self, bytes, to);
    }
}
