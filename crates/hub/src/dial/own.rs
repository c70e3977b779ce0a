//! Failures that are the hub's own and say nothing of a server.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use watchfire_model::Moment;

/// How often the log is told of the hub's own want.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Counts the dials that failed for the hub's own want, and tells the log now
/// and then. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnWant(Arc<Mutex<Count>>);

#[derive(Debug, Default)]
struct Count {
    dials: u64,
    told: Option<Moment>,
}

impl OwnWant {
    pub(super) fn note(&self, why: &str, now: Moment) {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        count.dials += 1;
        if count.told.is_none_or(|told| now.since(told) >= TELL_EVERY) {
            count.told = Some(now);
            tracing::error!(
                why,
                dials = count.dials,
                "the hub cannot dial for want of something of its own; the servers that it \
                 cannot dial are not judged"
            );
        }
    }

    /// How many dials failed for it since the start.
    #[cfg(test)]
    pub(crate) fn dials(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).dials
    }
}

/// True when the hub itself lacked what a socket needs: descriptors, memory,
/// or a port of its own.
pub(super) fn is_hubs_own(error: &io::Error) -> bool {
    let wants = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::ADDRNOTAVAIL];
    Errno::from_io_error(error).is_some_and(|errno| wants.contains(&errno))
}

/// True when connecting to `address` failed because this machine has no address
/// to come from, as one without IPv6: no want that goes away, but no way there.
/// The kernel says the same of used-up ports, so a datagram socket is asked,
/// which needs the address and not the port. Nothing is sent.
pub(super) fn has_no_way(error: &io::Error, address: SocketAddr) -> bool {
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
    fn want_of_descriptors_is_the_hubs_own_and_a_refusal_is_not() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::ADDRNOTAVAIL] {
            assert!(is_hubs_own(&errno.into()), "{errno}");
        }
        for errno in [Errno::CONNREFUSED, Errno::TIMEDOUT, Errno::HOSTUNREACH, Errno::CONNRESET] {
            assert!(!is_hubs_own(&errno.into()), "{errno}");
        }
        assert!(!is_hubs_own(&io::Error::other("no number")));
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
