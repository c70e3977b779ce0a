use std::net::{IpAddr, SocketAddr, UdpSocket as StdSocket};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with};
use tokio::net::UdpSocket;
use watchfire_runtime::Clock;
use watchfire_runtime::net::Net;

/// The time for an answer.
const LIMIT: Duration = Duration::from_millis(800);
/// A ping that is lost says nothing, so it is said twice.
const TRIES: u16 = 2;

/// Whether the host answers a ping. False also where this process may not ping:
/// Linux allows it without a right to the groups in
/// `net.ipv4.ping_group_range` (ping(8), icmp(7)).
pub(super) async fn answers(ip: IpAddr, clock: &Clock, net: &Net) -> bool {
    if let Some(simulation) = net.simulation() {
        return clock.within(LIMIT, simulation.ping(ip)).await.is_some();
    }
    let Ok(socket) = open(ip) else { return false };
    for sequence in 1..=TRIES {
        let asked = socket.send_to(&echo(ip, sequence), SocketAddr::new(ip, 0)).await;
        if asked.is_err() {
            return false;
        }
        if clock.within(LIMIT / u32::from(TRIES), answer(&socket, ip)).await.is_some() {
            return true;
        }
    }
    false
}

/// A ping socket is a datagram socket to the kernel, which fills in the identifier
/// and the checksum and gives only the answers to what was sent on it.
fn open(ip: IpAddr) -> std::io::Result<UdpSocket> {
    let (family, protocol) = match ip {
        IpAddr::V4(_) => (AddressFamily::INET, ipproto::ICMP),
        IpAddr::V6(_) => (AddressFamily::INET6, ipproto::ICMPV6),
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::DGRAM, flags, Some(protocol))?;
    UdpSocket::from_std(StdSocket::from(socket))
}

/// An echo request (RFC 792, RFC 4443 section 4.1).
fn echo(ip: IpAddr, sequence: u16) -> [u8; 16] {
    let mut packet = [0; 16];
    packet[0] = if ip.is_ipv4() { 8 } else { 128 };
    packet[6..8].copy_from_slice(&sequence.to_be_bytes());
    packet
}

async fn answer(socket: &UdpSocket, ip: IpAddr) {
    let reply = if ip.is_ipv4() { 0 } else { 129 };
    let mut packet = [0; 64];
    loop {
        match socket.recv_from(&mut packet).await {
            Ok((length, from)) if length >= 8 && from.ip() == ip && packet[0] == reply => return,
            Ok(_) => {}
            // An error tells that nobody answers; the limit of time is the caller's.
            Err(_) => std::future::pending::<()>().await,
        }
    }
}
