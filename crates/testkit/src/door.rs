//! A listener on one port that can be shut and opened again.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustix::net::{Shutdown, shutdown};

use crate::ports::Reserved;

/// How many connections may wait to be accepted while the door is open.
pub(crate) const BACKLOG: i32 = 1024;

type Guest = Arc<dyn Fn(TcpStream) + Send + Sync>;

/// Accepts on one port, hands each stream to a callback, and can be shut, so
/// that connects are refused, and opened again on the same port.
pub(crate) struct Door {
    reserved: Reserved,
    guest: Guest,
    open: Mutex<Option<Open>>,
}

struct Open {
    listener: Arc<TcpListener>,
    shut: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Door({})", self.reserved.port)
    }
}

impl Door {
    /// An open door. `guest` is called on the accepting thread and must return soon.
    pub(crate) fn open(guest: impl Fn(TcpStream) + Send + Sync + 'static) -> io::Result<Self> {
        let door =
            Self { reserved: Reserved::new()?, guest: Arc::new(guest), open: Mutex::new(None) };
        door.reopen()?;
        Ok(door)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.reserved.address()
    }

    /// Runs `act` on the listening socket, when there is one.
    pub(crate) fn with_listener<R>(&self, act: impl FnOnce(&TcpListener) -> R) -> Option<R> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().map(|open| act(&open.listener))
    }

    /// Listens again; nothing happens when the door is open.
    pub(crate) fn reopen(&self) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.is_some() {
            return Ok(());
        }
        let listener = Arc::new(self.reserved.listen(BACKLOG)?);
        let shut = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (listener, shut, guest) = (listener.clone(), shut.clone(), self.guest.clone());
            move || accept(&listener, &shut, &guest)
        });
        *open = Some(Open { listener, shut, thread });
        Ok(())
    }

    /// Stops listening: connects are refused from now on. Streams that were
    /// accepted live on.
    pub(crate) fn shut(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Open { listener, shut, thread }) = open {
            shut.store(true, Ordering::SeqCst);
            // Shutting a listening socket down wakes the thread that accepts on it.
            let _ = shutdown(&listener, Shutdown::Both);
            drop(listener);
            let _ = thread.join();
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.shut();
    }
}

fn accept(listener: &TcpListener, shut: &AtomicBool, guest: &Guest) {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                // Small answers must not wait for the acknowledgement of the last one.
                let _ = stream.set_nodelay(true);
                guest(stream);
            }
            Err(_) if shut.load(Ordering::SeqCst) => return,
            // The connection was gone before it was accepted, or there are too
            // many open files for a while; the next one may be fine.
            Err(_) => std::thread::yield_now(),
        }
    }
}
