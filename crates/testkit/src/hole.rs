//! Addresses where nothing ever answers.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::door::Door;
use crate::ports::Reserved;

/// How long a connect on loopback waits before it counts as unanswered. The
/// kernel completes a loopback handshake inside the connect call itself, so
/// nothing but a dropped SYN takes this long, however busy the machine is.
pub(crate) const UNANSWERED: Duration = Duration::from_millis(100);

/// More fillers than any queue of backlog 0 takes.
const MAX_FILLERS: usize = 16;

/// A listener that accepts every connection and never says a word.
#[derive(Debug)]
pub struct Silent {
    door: Door,
    held: Arc<Mutex<Vec<TcpStream>>>,
}

/// Starts a listener that accepts and never answers. Streams stay open until
/// it is dropped.
///
/// # Panics
/// When the machine has no free port.
#[must_use]
pub fn accept_silently() -> Silent {
    let held: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
    let keep = held.clone();
    let door = Door::open(move |stream| {
        keep.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
    });
    Silent { door: door.expect("a loopback port can be opened"), held }
}

impl Silent {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.door.address()
    }

    /// How many connections it has accepted.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// An address whose SYNs vanish, for as long as this value lives.
#[derive(Debug)]
pub struct BlackHole {
    addr: SocketAddr,
    _listener: TcpListener,
    _fillers: Vec<TcpStream>,
    _reserved: Reserved,
}

/// Makes an address that drops every SYN: connects hang until the caller's
/// own timeout. Any number of callers may try it at once.
///
/// The listener never accepts, its backlog is 0, and its accept queue is full;
/// Linux then drops each SYN instead of answering (`tcp_abort_on_overflow`
/// must be 0, the default). That it does so is checked before this returns.
///
/// # Panics
/// When the kernel goes on answering, so that a test can rely on the hole.
#[must_use]
pub fn black_hole_addr() -> BlackHole {
    let reserved = Reserved::new().expect("the machine has a free port");
    let listener = reserved.listen(0).expect("a loopback port can be opened");
    let addr = reserved.address();
    let fillers = fill(addr);
    BlackHole { addr, _listener: listener, _fillers: fillers, _reserved: reserved }
}

impl BlackHole {
    /// The address to connect to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// Connects to `addr`, whose listener has backlog 0 and is not accepting,
/// until a SYN goes unanswered. The streams keep the queue full.
pub(crate) fn fill(addr: SocketAddr) -> Vec<TcpStream> {
    let mut fillers = Vec::new();
    while fillers.len() < MAX_FILLERS {
        match TcpStream::connect_timeout(&addr, UNANSWERED) {
            Ok(stream) => fillers.push(stream),
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => return fillers,
            Err(error) => panic!("the hole at {addr} answers instead of keeping quiet: {error}"),
        }
    }
    panic!("the accept queue at {addr} took {MAX_FILLERS} connections and is not full yet");
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read};

    use super::*;

    #[test]
    fn a_silent_listener_accepts_and_says_nothing() {
        let silent = accept_silently();
        let mut stream = TcpStream::connect(silent.addr()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let error = stream.read(&mut [0]).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    }

    #[test]
    fn a_black_hole_never_completes_a_connect() {
        let hole = black_hole_addr();
        for _ in 0..3 {
            let error = TcpStream::connect_timeout(&hole.addr(), UNANSWERED).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
        }
    }
}
