//! A network path in front of a port that can be cut.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crate::door::{self, Door};
use crate::watch::Watch;
use crate::{clock, hole};

/// How long a cut waits for bytes that are on their way out of the link.
const CUT_PATIENCE: Duration = Duration::from_millis(200);

/// How long the accepting thread may take to stand still, on a machine that is
/// very busy.
const PARK_PATIENCE: Duration = Duration::from_secs(10);

/// A TCP path on 127.0.0.1 to one target, which can be cut, refused and healed.
#[derive(Debug)]
pub struct Link {
    door: Door,
    path: Arc<Path>,
}

#[derive(Debug)]
struct Path {
    target: SocketAddr,
    gate: Watch<Gate>,
}

#[derive(Debug)]
struct Gate {
    mode: Mode,
    writers: usize,
    /// The accepting thread stands still.
    parked: bool,
    fillers: Vec<TcpStream>,
    filler_addresses: HashSet<SocketAddr>,
    streams: HashMap<u64, [TcpStream; 2]>,
    counts: Counts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Flow,
    Cut,
    Refuse,
}

/// What a link has carried since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Connections that it carried to the target.
    pub connections: u64,
    /// Connections that are open now.
    pub open: usize,
    /// Bytes from the caller to the target.
    pub bytes_to_target: u64,
    /// Bytes from the target to the caller.
    pub bytes_from_target: u64,
}

impl Link {
    /// A healthy link to `target`.
    ///
    /// # Panics
    /// When the machine has no free port.
    #[must_use]
    pub fn to(target: SocketAddr) -> Self {
        let gate = Gate {
            mode: Mode::Flow,
            writers: 0,
            parked: false,
            fillers: Vec::new(),
            filler_addresses: HashSet::new(),
            streams: HashMap::new(),
            counts: Counts::default(),
        };
        let path = Arc::new(Path { target, gate: Watch::new(gate) });
        let guest = path.clone();
        let door = Door::open(move |stream| Path::welcome(&guest, stream));
        Self { door: door.expect("a loopback port can be opened"), path }
    }

    /// Where callers connect; the same for the link's whole life.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.door.address()
    }

    /// The path goes dead, as if a cable were pulled: no byte moves on open
    /// connections in either direction, neither FIN nor RST passes, and new
    /// connects get no answer. The instant (`CLOCK_MONOTONIC`) after which
    /// nothing moved any more.
    ///
    /// How sure this is: bytes that the target or the caller write during the
    /// cut are acknowledged by this machine's kernel and kept, up to the socket
    /// buffers, and delivered after [`Link::heal`]; a real cut would leave them
    /// unacknowledged, which only the TCP stack can tell. New connects are
    /// dropped by a full accept queue (see [`hole::black_hole_addr`]), which is
    /// proven with a connect of its own before this returns; a caller that
    /// connects in the few microseconds before that is accepted and then hears
    /// nothing.
    ///
    /// # Panics
    /// When the kernel goes on answering connects.
    pub fn cut(&self) -> Duration {
        if self.path.gate.change(|gate| std::mem::replace(&mut gate.mode, Mode::Cut)) == Mode::Cut {
            return clock::monotonic();
        }
        self.door.reopen().expect("the port is reserved for this link");
        self.path.gate.wait(CUT_PATIENCE, |gate| (gate.writers == 0).then_some(()));
        let dark = clock::monotonic();
        // The accepting thread must stand still before the queue is filled, or
        // it would take a filler out of the full queue and leave room for one.
        let knock = TcpStream::connect(self.addr()).expect("the link still listens");
        let parked = self.path.gate.wait(PARK_PATIENCE, |gate| gate.parked.then_some(()));
        assert!(parked.is_some(), "the accepting thread did not come to stand still");
        self.set_backlog(0);
        let mut fillers = hole::fill(self.addr());
        fillers.push(knock);
        self.path.gate.change(|gate| {
            let addresses = fillers.iter().filter_map(|filler| filler.local_addr().ok());
            gate.filler_addresses.extend(addresses);
            gate.fillers = fillers;
        });
        dark
    }

    /// The host answers, and nothing listens: connects are refused, and open
    /// connections are closed.
    pub fn refuse(&self) {
        self.path.gate.change(Gate::refuse);
        self.door.shut();
        self.path.gate.change(Gate::refuse);
    }

    /// All is well again: what was held back moves on, and connects are answered.
    ///
    /// # Panics
    /// When the port cannot be opened, which the kit's reservation prevents.
    pub fn heal(&self) {
        self.set_backlog(door::BACKLOG);
        self.path.gate.change(|gate| {
            gate.mode = Mode::Flow;
            gate.fillers.clear();
        });
        self.door.reopen().expect("the port is reserved for this link");
    }

    /// What it has carried.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let gate = self.path.gate.lock();
        Counts { open: gate.streams.len(), ..gate.counts }
    }

    /// Waits until the link carries `n` open connections.
    ///
    /// # Panics
    /// After `timeout`.
    pub fn wait_for_open(&self, n: usize, timeout: Duration) {
        let there = self.path.gate.wait(timeout, |gate| (gate.streams.len() == n).then_some(()));
        assert!(there.is_some(), "the link did not come to {n} connections: {:?}", self.counts());
    }

    fn set_backlog(&self, backlog: i32) {
        let set = |listener: &TcpListener| rustix::net::listen(listener, backlog);
        if let Some(done) = self.door.with_listener(set) {
            done.expect("the backlog of a listening socket can be changed");
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.refuse();
    }
}

impl Gate {
    fn refuse(&mut self) {
        self.mode = Mode::Refuse;
        self.fillers.clear();
        for stream in self.streams.values().flatten() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Path {
    /// Called on the accepting thread, which stands still while the link is
    /// cut: that keeps the accept queue full.
    fn welcome(path: &Arc<Self>, caller: TcpStream) {
        let mode = path.park_while_cut();
        let peer = caller.peer_addr();
        let filler = peer.is_ok_and(|peer| path.gate.lock().filler_addresses.remove(&peer));
        if filler || mode == Mode::Refuse {
            return;
        }
        let path = path.clone();
        std::thread::spawn(move || path.carry(caller));
    }

    /// Stands still while the link is cut; the mode that ended it. `parked` is
    /// set and cleared under the lock that the mode is under, so a cut right
    /// after a heal cannot take a thread that is on its way for one that stands.
    fn park_while_cut(&self) -> Mode {
        loop {
            let mode = self.gate.change(|gate| {
                gate.parked = gate.mode == Mode::Cut;
                gate.mode
            });
            if mode != Mode::Cut {
                return mode;
            }
            self.gate.wait_for_ever(|gate| (gate.mode != Mode::Cut).then(|| gate.parked = false));
        }
    }

    fn carry(&self, caller: TcpStream) {
        // A target that is gone ends the caller's connection, as its host would.
        let Ok(target) = TcpStream::connect(self.target) else { return };
        let _ = target.set_nodelay(true);
        let clone = |stream: &TcpStream| stream.try_clone();
        let (Ok(c1), Ok(c2), Ok(t1), Ok(t2)) =
            (clone(&caller), clone(&caller), clone(&target), clone(&target))
        else {
            return;
        };
        let id = self.gate.change(|gate| {
            gate.counts.connections += 1;
            gate.streams.insert(gate.counts.connections, [c1, t1]);
            if gate.mode == Mode::Refuse {
                gate.refuse();
            }
            gate.counts.connections
        });
        std::thread::scope(|scope| {
            scope.spawn(|| self.pump(c2, target, |counts| &mut counts.bytes_to_target));
            self.pump(t2, caller, |counts| &mut counts.bytes_from_target);
        });
        self.gate.change(|gate| gate.streams.remove(&id));
    }

    fn pump(
        &self,
        mut from: TcpStream,
        mut to: TcpStream,
        count: impl Fn(&mut Counts) -> &mut u64,
    ) {
        let mut chunk = vec![0; 64 * 1024];
        loop {
            let read = from.read(&mut chunk);
            self.gate.wait_for_ever(|gate| (gate.mode != Mode::Cut).then(|| gate.writers += 1));
            let on = match read {
                Ok(n) if n > 0 => to.write_all(&chunk[..n]).map(|()| n),
                _ => Err(std::io::ErrorKind::UnexpectedEof.into()),
            };
            self.gate.change(|gate| {
                gate.writers -= 1;
                if let Ok(n) = on {
                    *count(&mut gate.counts) += n as u64;
                }
            });
            if on.is_err() {
                let _ = to.shutdown(Shutdown::Write);
                let _ = from.shutdown(Shutdown::Read);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::TcpListener;

    use super::*;

    fn pair() -> (Link, TcpStream, TcpStream) {
        let target = TcpListener::bind("127.0.0.1:0").unwrap();
        let link = Link::to(target.local_addr().unwrap());
        let caller = TcpStream::connect(link.addr()).unwrap();
        let (served, _) = target.accept().unwrap();
        (link, caller, served)
    }

    fn quiet(stream: &mut TcpStream) -> bool {
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let error = stream.read(&mut [0]).unwrap_err();
        stream.set_read_timeout(None).unwrap();
        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
    }

    #[test]
    fn a_cut_holds_bytes_and_ends_back_and_healing_lets_them_go() {
        let (link, mut caller, mut served) = pair();
        let mut byte = [0];
        caller.write_all(b"a").unwrap();
        served.read_exact(&mut byte).unwrap();
        for round in 0..2 {
            link.cut();
            caller.write_all(b"b").unwrap();
            served.write_all(b"c").unwrap();
            assert!(quiet(&mut served) && quiet(&mut caller), "round {round}");
            let late = TcpStream::connect_timeout(&link.addr(), hole::UNANSWERED);
            assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
            link.heal();
            served.read_exact(&mut byte).unwrap();
            assert_eq!(&byte, b"b");
            caller.read_exact(&mut byte).unwrap();
            assert_eq!(&byte, b"c");
        }
        link.cut();
        drop(served);
        assert!(quiet(&mut caller), "the end of the stream did not pass the cut");
        link.heal();
        assert_eq!(caller.read(&mut byte).unwrap(), 0);
        assert_eq!(link.counts().connections, 1, "fillers are not counted");
        assert_eq!(link.counts().bytes_to_target, 3);
    }

    #[test]
    fn a_cut_right_after_a_heal_is_as_dark() {
        let (link, _caller, _served) = pair();
        for round in 0..10 {
            link.cut();
            let late = TcpStream::connect_timeout(&link.addr(), hole::UNANSWERED);
            assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut, "round {round}");
            link.heal();
        }
    }

    #[test]
    fn refusing_closes_and_healing_listens_again() {
        let (link, mut caller, _served) = pair();
        link.refuse();
        assert_eq!(caller.read(&mut [0]).unwrap_or(0), 0);
        let refused = TcpStream::connect(link.addr()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        link.heal();
        assert!(TcpStream::connect(link.addr()).is_ok());
        link.cut();
        link.refuse();
        let refused = TcpStream::connect(link.addr()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }
}
