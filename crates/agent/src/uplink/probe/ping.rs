//! An ICMP echo without privileges, where the kernel allows it
//! (`net.ipv4.ping_group_range`, icmp(7)).

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdSocket};

use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with};
use tokio::net::UdpSocket;
use watchfire_runtime::net::Net;

/// The types of the echo request and of its reply (RFC 792, RFC 4443).
const V4: [u8; 2] = [8, 0];
const V6: [u8; 2] = [128, 129];
/// Type, code, checksum, identifier, sequence and eight bytes to come back. The
/// kernel fills in checksum and identifier, and gives us the replies to ours alone.
const PACKET_BYTES: usize = 16;

/// True when the host answers a ping. False when it does not, and when this
/// agent may not ask; it waits until somebody gives it up.
pub(super) async fn answers(ip: IpAddr, net: &Net) -> bool {
    if let Some(simulation) = net.simulation() {
        simulation.ping(ip).await;
        return true;
    }
    match ask(ip).await {
        Ok(answered) => answered,
        Err(error) => {
            tracing::debug!(%error, "no ping could be sent");
            false
        }
    }
}

async fn ask(ip: IpAddr) -> io::Result<bool> {
    let ip = ip.to_canonical();
    let [request, reply] = if ip.is_ipv4() { V4 } else { V6 };
    let socket = open(ip)?;
    socket.connect(SocketAddr::new(ip, 0)).await?;
    let mut packet = [0; PACKET_BYTES];
    (packet[0], packet[7]) = (request, 1);
    socket.send(&packet).await?;
    let mut answer = [0; PACKET_BYTES];
    loop {
        let length = socket.recv(&mut answer).await?;
        if length >= 8 && answer[0] == reply {
            return Ok(true);
        }
    }
}

/// A ping socket works like one for datagrams.
fn open(ip: IpAddr) -> io::Result<UdpSocket> {
    let (family, protocol) = match ip {
        IpAddr::V4(_) => (AddressFamily::INET, ipproto::ICMP),
        IpAddr::V6(_) => (AddressFamily::INET6, ipproto::ICMPV6),
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::DGRAM, flags, Some(protocol))?;
    UdpSocket::from_std(StdSocket::from(socket))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn this_machine_answers_itself() {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        if let Err(error) = open(ip) {
            eprintln!("skipped: this user may not ping: {error}");
            return;
        }
        assert!(answers(ip, &Net::system()).await);
    }
}
