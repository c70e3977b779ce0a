//! Loopback ports that nobody else takes.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::os::fd::OwnedFd;

use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, getsockname, listen, socket_with, sockopt,
};

/// A port on 127.0.0.1 that stays free for the test: for a program that is
/// told where to listen.
///
/// A socket that is bound and never listens holds the port until the test
/// process ends, so the kernel hands it to nobody else. It does not stand in
/// the way of a listener that sets `SO_REUSEADDR`, which the standard library
/// and tokio both do. Until somebody listens, connects are refused.
///
/// # Panics
/// When the machine has no free port.
#[must_use]
pub fn free() -> u16 {
    let reserved = Reserved::new().expect("the machine has a free port");
    let port = reserved.port;
    // The port must stay reserved for as long as the program under test might
    // stop and start again, and only the test's end says when that is over.
    std::mem::forget(reserved);
    port
}

/// A port that is held by a socket that does not listen.
#[derive(Debug)]
pub(crate) struct Reserved {
    pub(crate) port: u16,
    _socket: OwnedFd,
}

impl Reserved {
    pub(crate) fn new() -> io::Result<Self> {
        let socket = bound(0)?;
        let address = SocketAddr::try_from(getsockname(&socket)?)?;
        Ok(Self { port: address.port(), _socket: socket })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::V4(loopback(self.port))
    }

    /// Listens on the port with room for `backlog` connections that were not
    /// accepted yet (the kernel allows one more).
    pub(crate) fn listen(&self, backlog: i32) -> io::Result<TcpListener> {
        let socket = bound(self.port)?;
        listen(&socket, backlog)?;
        Ok(TcpListener::from(socket))
    }
}

fn bound(port: u16) -> io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &loopback(port))?;
    Ok(socket)
}

fn loopback(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_free_port_refuses_until_somebody_listens_and_again_after() {
        let port = super::free();
        let connect = || TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.kind());
        assert_eq!(connect().unwrap_err(), std::io::ErrorKind::ConnectionRefused);
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        assert!(connect().is_ok());
        drop(listener);
        assert_eq!(connect().unwrap_err(), std::io::ErrorKind::ConnectionRefused);
    }
}
