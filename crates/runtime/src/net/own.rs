//! Failures that are this machine's own and say nothing of the other side.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use rustix::io::Errno;

/// True when this machine itself lacked what a socket needs: descriptors, memory,
/// or a port of its own.
#[must_use]
pub fn is_own_want(error: &io::Error) -> bool {
    let wants = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::ADDRNOTAVAIL];
    Errno::from_io_error(error).is_some_and(|errno| wants.contains(&errno))
}

/// True when connecting to `address` failed because this machine has no address
/// to come from, as one without IPv6: no want that goes away, but no way there.
/// The kernel says the same of used-up ports, so a datagram socket is asked,
/// which needs the address and not the port. Nothing is sent.
#[must_use]
pub fn has_no_way(error: &io::Error, address: SocketAddr) -> bool {
    if error.kind() != io::ErrorKind::AddrNotAvailable {
        return false;
    }
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let asked = UdpSocket::bind(any).and_then(|socket| socket.connect(address));
    asked.is_err_and(|error| {
        !matches!(Errno::from_io_error(&error), Some(Errno::MFILE | Errno::NFILE))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn want_of_descriptors_is_an_own_want_and_a_refusal_is_not() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::ADDRNOTAVAIL] {
            assert!(is_own_want(&errno.into()), "{errno}");
        }
        for errno in [Errno::CONNREFUSED, Errno::TIMEDOUT, Errno::HOSTUNREACH, Errno::CONNRESET] {
            assert!(!is_own_want(&errno.into()), "{errno}");
        }
        assert!(!is_own_want(&io::Error::other("no number")));
    }

    #[test]
    fn used_up_ports_are_no_missing_way() {
        let loopback: SocketAddr = (Ipv4Addr::LOCALHOST, 9).into();
        assert!(!has_no_way(&Errno::ADDRNOTAVAIL.into(), loopback));
        // Without a scope a link-local address has no way from anywhere.
        let nowhere: SocketAddr = "[fe80::1]:9".parse().expect("an address");
        assert!(has_no_way(&Errno::ADDRNOTAVAIL.into(), nowhere));
        assert!(!has_no_way(&Errno::CONNREFUSED.into(), nowhere));
    }
}
