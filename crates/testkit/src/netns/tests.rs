use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};

use super::*;
use crate::process::Program;

const LONG: Duration = Duration::from_secs(30);
const MS: Duration = Duration::from_millis(1);

fn pair(seed: u64) -> Option<Namespaces> {
    Namespaces::or_skip(&["hub", "db-1"], seed)
}

/// A socket on each host, each connected to the other.
fn sockets(net: &Namespaces) -> (UdpSocket, UdpSocket) {
    let bind = |name| {
        let host = net.host(name);
        host.inside(|| UdpSocket::bind((host.address(), 5000)).unwrap())
    };
    let (hub, agent) = (bind("hub"), bind("db-1"));
    hub.connect((net.host("db-1").address(), 5000)).unwrap();
    agent.connect((net.host("hub").address(), 5000)).unwrap();
    for socket in [&hub, &agent] {
        socket.set_read_timeout(Some(LONG)).unwrap();
    }
    (hub, agent)
}

/// Sends a thousand datagrams from the agent to the hub, then heals; how many arrived.
fn send_a_thousand(net: &Namespaces) -> usize {
    let (hub, agent) = sockets(net);
    // It reads all the while, because a socket holds only a few hundred datagrams.
    let receiver = std::thread::spawn(move || {
        let arrived = || {
            let mut byte = [0];
            hub.recv(&mut byte).unwrap();
            byte[0]
        };
        std::iter::repeat_with(arrived).take_while(|byte| *byte == 0).count()
    });
    for number in 1..=1_000_u64 {
        agent.send(&[0]).unwrap();
        // One by one, so that no queue of the kernel overflows.
        net.wait_for_sent("db-1", "hub", number, LONG);
    }
    net.set_all(Conditions::clear());
    agent.send(&[1]).unwrap();
    receiver.join().unwrap()
}

fn connect(net: &Namespaces) -> (TcpStream, TcpStream, SocketAddr) {
    let hub = net.host("hub");
    let listener = hub.inside(|| TcpListener::bind((hub.address(), 5100)).unwrap());
    let address = listener.local_addr().unwrap();
    let agent = net.host("db-1").inside(|| TcpStream::connect_timeout(&address, LONG).unwrap());
    let (served, _) = listener.accept().unwrap();
    for stream in [&agent, &served] {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
    }
    (agent, served, address)
}

fn round_trip((agent, served): (&mut TcpStream, &mut TcpStream)) {
    let mut byte = [0];
    agent.write_all(b"a").unwrap();
    served.read_exact(&mut byte).unwrap();
    served.write_all(b"b").unwrap();
    agent.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"b");
}

#[test]
fn a_clear_network_carries_every_datagram_and_stream() {
    let Some(net) = pair(1) else { return };
    assert_eq!(send_a_thousand(&net), 1_000);
    let (mut agent, mut served, _) = connect(&net);
    for _ in 0..100 {
        round_trip((&mut agent, &mut served));
    }
    assert_eq!(net.traffic("db-1", "hub").lost, 0);
}

#[test]
fn a_lossy_network_loses_its_share_of_datagrams_and_no_byte_of_a_stream() {
    let Some(net) = pair(2) else { return };
    let (mut agent, mut served, _) = connect(&net);
    let before = net.traffic("db-1", "hub").sent;
    net.set_between("hub", "db-1", Conditions::clear().loss(0.3));
    for _ in 0..5 {
        round_trip((&mut agent, &mut served));
    }
    assert!(net.traffic("db-1", "hub").sent > before);
    drop((agent, served, net));
    let Some(net) = pair(3) else { return };
    net.set_between("hub", "db-1", Conditions::clear().loss(0.3));
    let arrived = send_a_thousand(&net);
    let traffic = net.traffic("db-1", "hub");
    assert!((630..770).contains(&arrived), "{arrived} of 1000 arrived");
    assert_eq!(traffic.lost, 1_000 - arrived as u64);
}

#[test]
fn the_same_seed_loses_the_same_datagrams() {
    let run = || {
        let net = pair(4)?;
        net.set("db-1", "hub", Conditions::clear().loss(0.5));
        Some(send_a_thousand(&net))
    };
    assert_eq!(run(), run());
}

#[test]
fn a_network_that_loses_everything_lets_nobody_connect() {
    let Some(net) = pair(5) else { return };
    let (_agent, _served, address) = connect(&net);
    net.set_between("hub", "db-1", Conditions::clear().loss(1.0));
    let db = net.host("db-1");
    let late = db.inside(|| TcpStream::connect_timeout(&address, 300 * MS));
    assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
    drop(net);
    let Some(net) = pair(5) else { return };
    net.set_between("hub", "db-1", Conditions::clear().loss(1.0));
    assert_eq!(send_a_thousand(&net), 0);
}

#[test]
fn one_way_can_be_cut_alone() {
    let Some(net) = pair(6) else { return };
    let (hub, agent) = sockets(&net);
    net.set("hub", "db-1", Conditions::blocked());
    let mut byte = [0];
    agent.send(b"a").unwrap();
    hub.recv(&mut byte).unwrap();
    assert_eq!(&byte, b"a", "the way to the hub is whole");
    hub.send(b"b").unwrap();
    net.wait_for_sent("hub", "db-1", 1, LONG);
    net.set("hub", "db-1", Conditions::clear());
    hub.send(b"c").unwrap();
    agent.recv(&mut byte).unwrap();
    assert_eq!(&byte, b"c", "what was sent during the cut never arrives");
    assert_eq!(net.traffic("hub", "db-1").blocked, 1);
}

#[test]
fn a_partition_cuts_between_its_parts_and_not_within() {
    let Some(net) = Namespaces::or_skip(&["hub", "db-1", "db-2"], 7) else { return };
    let bind = |name| {
        let host = net.host(name);
        let socket = host.inside(|| UdpSocket::bind((host.address(), 5000)).unwrap());
        socket.set_read_timeout(Some(LONG)).unwrap();
        socket
    };
    let (hub, one, two) = (bind("hub"), bind("db-1"), bind("db-2"));
    net.partition(&["hub"]);
    one.send_to(b"a", hub.local_addr().unwrap()).unwrap();
    one.send_to(b"b", two.local_addr().unwrap()).unwrap();
    let mut byte = [0];
    two.recv(&mut byte).unwrap();
    assert_eq!(&byte, b"b");
    net.wait_for_sent("db-1", "hub", 1, LONG);
    assert_eq!(net.traffic("db-1", "hub").blocked, 1);
}

#[test]
fn delay_holds_doubling_doubles_and_a_plan_is_kept() {
    let Some(net) = pair(8) else { return };
    let (hub, agent) = sockets(&net);
    let rough = Conditions::clear().delay(80 * MS, 10 * MS).duplicate(1.0);
    net.set("db-1", "hub", rough);
    let sent = clock::monotonic();
    agent.send(b"a").unwrap();
    for _ in 0..2 {
        hub.recv(&mut [0]).unwrap();
    }
    assert!(clock::monotonic() - sent >= 70 * MS);
    net.set("db-1", "hub", Conditions::blocked());
    let start = net.plan("db-1", "hub", &[(150 * MS, Conditions::clear())]);
    hub.set_read_timeout(Some(5 * MS)).unwrap();
    while hub.recv(&mut [0]).is_err() {
        agent.send(b"b").unwrap();
        assert!(clock::monotonic() - start < LONG, "the plan was not carried out");
    }
    assert!(clock::monotonic() - start >= 150 * MS);
}

#[test]
fn programs_run_on_their_host_and_loopback_is_up() {
    let Some(net) = pair(9) else { return };
    let running = net.host("db-1").start(Program::new("ip").args(["-o", "address", "show"]));
    running.wait_for_end(LONG);
    let words = running.text();
    assert!(words.contains("10.87.0.2/24") && words.contains("127.0.0.1"), "{words}");
    assert!(!words.contains("10.87.0.1/24"), "{words}");
}
