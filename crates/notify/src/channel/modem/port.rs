//! A serial port, opened for one conversation and locked against others.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::io::Errno;
use rustix::termios::{
    ControlModes, OptionalActions, QueueSelector, isatty, tcflush, tcgetattr, tcsetattr,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;

/// Why a port cannot be used.
#[derive(Debug)]
pub(super) enum NoPort {
    /// Another program, or another message of ours, is at it.
    Busy,
    /// It is none, or not ours, or not there now.
    Bad(String),
}

/// An open port, one end for each direction: what tokio has for pipes it has for all that
/// `poll(2)` knows. What has not gone out is thrown away with it, so that closing waits for nothing.
#[derive(Debug)]
pub(super) struct Port {
    from: pipe::Receiver,
    to: pipe::Sender,
}

impl Port {
    /// Opens and locks it, and sets it to `baud` bits a second, 8 data bits, no parity.
    pub(super) fn open(path: &Path, baud: u32) -> Result<Self, NoPort> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = open(path, flags, Mode::empty()).map_err(|error| match error {
            Errno::BUSY => NoPort::Busy,
            error => bad("open it", error),
        })?;
        if !isatty(&fd) {
            return Err(NoPort::Bad("it is no serial port".to_owned()));
        }
        flock(&fd, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
            Errno::WOULDBLOCK => NoPort::Busy,
            error => bad("lock it", error),
        })?;
        let mut modes = tcgetattr(&fd).map_err(|error| bad("read its settings", error))?;
        modes.make_raw();
        modes.control_modes |= ControlModes::CREAD | ControlModes::CLOCAL;
        // Hanging up at the end makes some modems leave the network.
        modes.control_modes -= ControlModes::HUPCL | ControlModes::CRTSCTS;
        modes.set_speed(baud).map_err(|error| bad("set its speed", error))?;
        tcsetattr(&fd, OptionalActions::Now, &modes).map_err(|error| bad("set it up", error))?;
        tcflush(&fd, QueueSelector::IOFlush).map_err(|error| bad("empty it", error))?;
        Self::of(fd).map_err(|error| NoPort::Bad(error.to_string()))
    }

    fn of(fd: OwnedFd) -> io::Result<Self> {
        let to = pipe::Sender::from_owned_fd_unchecked(fd.try_clone()?)?;
        Ok(Self { from: pipe::Receiver::from_owned_fd_unchecked(fd)?, to })
    }

    /// Waits for bytes. None are the end: the device is gone.
    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.from.read(buffer).await
    }

    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.to.write_all(bytes).await
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        let _ = tcflush(&self.from, QueueSelector::IOFlush);
    }
}

fn bad(what: &str, error: Errno) -> NoPort {
    NoPort::Bad(format!("cannot {what}: {}", io::Error::from(error)))
}
