//! The thread that carries packets between the devices.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::Why;
use crate::clock;
use crate::conditions::{Conditions, Fate, Traffic, Way};
use crate::seeded::Seeded;
use crate::watch::Watch;

/// Most packets on their way at a time; more are dropped and counted as crowded.
const MAX_IN_FLIGHT: usize = 65_536;

/// Packets that are taken from one device before the others have their turn.
const BURST: usize = 64;

/// The longest packet that IP has.
const MAX_PACKET: usize = 65_535;

/// Carries packets until it is dropped.
#[derive(Debug)]
pub(super) struct Forwarder {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    /// Wakes the thread.
    bell: OwnedFd,
    state: Watch<State>,
}

#[derive(Debug)]
struct State {
    stop: bool,
    /// The way from one host to another is at `from * addresses.len() + to`.
    ways: Vec<Way>,
    addresses: Vec<Ipv4Addr>,
    queue: BinaryHeap<Reverse<Due>>,
    /// Packets in the queue.
    in_flight: usize,
    /// Gives what is due at one instant the order in which it came.
    count: u64,
}

/// Something that happens at an instant.
#[derive(Debug, PartialEq)]
struct Due {
    at: Duration,
    order: u64,
    way: usize,
    what: What,
}

#[derive(Debug, PartialEq)]
enum What {
    Packet(Vec<u8>),
    Change(Conditions),
}

impl Forwarder {
    pub(super) fn start(
        devices: Vec<File>,
        addresses: Vec<Ipv4Addr>,
        dice: &Seeded,
    ) -> Result<Self, Why> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|error| Why(format!("this process has no file left: {error}")))?;
        let state = State::new(addresses, dice);
        let shared = Arc::new(Shared { bell, state: Watch::new(state) });
        let carrier = shared.clone();
        let thread = std::thread::spawn(move || carry(&carrier, &devices));
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(super) fn set(&self, way: (usize, usize), conditions: Conditions) {
        self.shared.state.change(|state| {
            let way = state.number(way);
            state.ways[way].set(conditions);
        });
    }

    /// Sets each way that `which` has conditions for.
    pub(super) fn set_each(&self, which: impl Fn(usize, usize) -> Option<Conditions>) {
        self.shared.state.change(|state| {
            let hosts = state.addresses.len();
            for (number, way) in state.ways.iter_mut().enumerate() {
                if let Some(conditions) = which(number / hosts, number % hosts) {
                    way.set(conditions);
                }
            }
        });
    }

    pub(super) fn plan(
        &self,
        way: (usize, usize),
        start: Duration,
        steps: &[(Duration, Conditions)],
    ) {
        self.shared.state.change(|state| {
            let way = state.number(way);
            for (after, conditions) in steps {
                state.push(start + *after, way, What::Change(*conditions));
            }
        });
        self.shared.ring();
    }

    pub(super) fn traffic(&self, way: (usize, usize)) -> Traffic {
        let state = self.shared.state.lock();
        state.ways[state.number(way)].traffic
    }

    pub(super) fn wait_for_sent(&self, way: (usize, usize), sent: u64, timeout: Duration) -> bool {
        let there = |state: &mut State| {
            let traffic = state.ways[state.number(way)].traffic;
            (traffic.sent >= sent).then_some(())
        };
        self.shared.state.wait(timeout, there).is_some()
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.shared.state.change(|state| state.stop = true);
        self.shared.ring();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn ring(&self) {
        // It only fails when the bell rings already.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }
}

fn carry(shared: &Shared, devices: &[File]) {
    let mut packet = vec![0; MAX_PACKET];
    loop {
        let ready = wait(shared, devices);
        let done = shared.state.change(|state| {
            let now = clock::monotonic();
            for (from, device) in devices.iter().enumerate().filter(|(from, _)| ready[*from]) {
                for _ in 0..BURST {
                    match { device }.read(&mut packet) {
                        Ok(length) => state.take(from, &packet[..length], now),
                        Err(_) => break,
                    }
                }
            }
            state.deliver(now, devices);
            state.stop
        });
        if done {
            return;
        }
    }
}

/// Waits for packets, for the bell, or until something is due; which devices
/// have packets.
fn wait(shared: &Shared, devices: &[File]) -> Vec<bool> {
    let due = shared.state.lock().queue.peek().map(|Reverse(due)| due.at);
    let rest = due.map(|due| due.saturating_sub(clock::monotonic()));
    let rest = rest.and_then(|rest| Timespec::try_from(rest).ok());
    let mut files: Vec<PollFd<'_>> =
        devices.iter().map(|device| PollFd::new(device, PollFlags::IN)).collect();
    files.push(PollFd::new(&shared.bell, PollFlags::IN));
    // A signal ends the wait early, which does no harm.
    let _ = poll(&mut files, rest.as_ref());
    let _ = rustix::io::read(&shared.bell, &mut [0; 8]);
    files.iter().map(|file| file.revents().contains(PollFlags::IN)).collect()
}

impl State {
    fn new(addresses: Vec<Ipv4Addr>, dice: &Seeded) -> Self {
        let hosts = addresses.len();
        let way = |number: usize| {
            Way::new(dice.part(&format!("{} to {}", number / hosts, number % hosts)))
        };
        Self {
            stop: false,
            ways: (0..hosts * hosts).map(way).collect(),
            addresses,
            queue: BinaryHeap::new(),
            in_flight: 0,
            count: 0,
        }
    }

    fn number(&self, (from, to): (usize, usize)) -> usize {
        from * self.addresses.len() + to
    }

    fn push(&mut self, at: Duration, way: usize, what: What) {
        self.count += 1;
        self.queue.push(Reverse(Due { at, order: self.count, way, what }));
    }

    /// Takes a packet that a host sent. One that is for no host is a stray.
    fn take(&mut self, from: usize, packet: &[u8], now: Duration) {
        let Some(to) = destination(packet) else { return };
        let Some(to) = self.addresses.iter().position(|address| *address == to) else { return };
        let way = self.number((from, to));
        let (at, copies) = match self.ways[way].datagram(now) {
            Fate::Lost => return,
            Fate::Once(at) => (at, 1),
            Fate::Twice(at) => (at, 2),
        };
        for _ in 0..copies {
            if self.in_flight == MAX_IN_FLIGHT {
                self.ways[way].traffic.crowded += 1;
                continue;
            }
            self.in_flight += 1;
            self.push(at, way, What::Packet(packet.to_vec()));
        }
    }

    /// Does all that is due.
    fn deliver(&mut self, now: Duration, devices: &[File]) {
        while self.queue.peek().is_some_and(|Reverse(due)| due.at <= now) {
            let Some(Reverse(due)) = self.queue.pop() else { return };
            match due.what {
                What::Change(conditions) => self.ways[due.way].set(conditions),
                What::Packet(packet) => {
                    self.in_flight -= 1;
                    if self.ways[due.way].lets_in() {
                        // A host whose queue is full loses it, as a real one would.
                        let _ = (&devices[due.way % self.addresses.len()]).write(&packet);
                    }
                }
            }
        }
    }
}

/// Where an IPv4 packet goes (RFC 791, section 3.1); `None` for anything else.
fn destination(packet: &[u8]) -> Option<Ipv4Addr> {
    let header: &[u8; 20] = packet.first_chunk()?;
    let [.., a, b, c, d] = *header;
    (header[0] >> 4 == 4).then_some(Ipv4Addr::new(a, b, c, d))
}

impl Eq for Due {}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixDatagram;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Two hosts, and what each of them receives.
    fn hosts() -> (State, Vec<File>, Vec<UnixDatagram>) {
        let addresses = vec![Ipv4Addr::new(10, 87, 0, 1), Ipv4Addr::new(10, 87, 0, 2)];
        let pairs = [(); 2].map(|()| UnixDatagram::pair().unwrap());
        let (devices, hosts): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        for host in &hosts {
            host.set_nonblocking(true).unwrap();
        }
        let devices = devices.into_iter().map(|device| File::from(OwnedFd::from(device))).collect();
        (State::new(addresses, &Seeded::new(1)), devices, hosts)
    }

    fn packet(to: [u8; 4]) -> Vec<u8> {
        let mut packet = vec![0; 28];
        packet[0] = 0x45;
        packet[16..20].copy_from_slice(&to);
        packet
    }

    #[test]
    fn a_packet_comes_out_where_its_header_says_and_strays_vanish() {
        let (mut state, devices, hosts) = hosts();
        let mut v6 = packet([10, 87, 0, 2]);
        v6[0] = 0x65;
        for stray in [packet([10, 87, 0, 3]), v6, vec![0x45; 19], Vec::new()] {
            state.take(0, &stray, Duration::ZERO);
        }
        state.take(0, &packet([10, 87, 0, 2]), Duration::ZERO);
        state.deliver(Duration::ZERO, &devices);
        let mut buffer = [0; 64];
        assert_eq!(hosts[1].recv(&mut buffer).unwrap(), 28);
        assert!(hosts[1].recv(&mut buffer).is_err() && hosts[0].recv(&mut buffer).is_err());
        assert_eq!(state.in_flight, 0);
    }

    #[test]
    fn what_is_on_its_way_when_the_way_is_blocked_is_lost() {
        let (mut state, devices, hosts) = hosts();
        let way = state.number((0, 1));
        state.ways[way].set(Conditions::clear().delay(50 * MS, Duration::ZERO));
        state.take(0, &packet([10, 87, 0, 2]), Duration::ZERO);
        state.take(0, &packet([10, 87, 0, 2]), 20 * MS);
        state.push(40 * MS, way, What::Change(Conditions::blocked()));
        state.push(60 * MS, way, What::Change(Conditions::clear()));
        state.deliver(49 * MS, &devices);
        assert!(state.ways[way].conditions.blocked);
        state.deliver(70 * MS, &devices);
        let mut buffer = [0; 64];
        assert_eq!(hosts[1].recv(&mut buffer).unwrap(), 28, "the second came after the cut");
        assert!(hosts[1].recv(&mut buffer).is_err());
        let Traffic { sent, delivered, blocked, .. } = state.ways[way].traffic;
        assert_eq!((sent, delivered, blocked), (2, 1, 1));
    }
}
