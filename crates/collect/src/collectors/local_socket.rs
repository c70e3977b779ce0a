//! Sockets of services of this machine, with one time limit for all that is
//! said on them.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_gettime, timerfd_settime,
};

/// The most time that one collector spends with other programs in a reading.
pub(super) const WITHIN: Duration = Duration::from_millis(900);

/// A time limit that the kernel keeps, because nothing here reads a clock.
#[derive(Debug)]
pub(super) struct Deadline {
    timer: OwnedFd,
}

impl Deadline {
    /// A limit that ends after `within`, which is not zero.
    pub(super) fn begin(within: Duration) -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
        let value = Timespec::try_from(within).map_err(io::Error::other)?;
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let setting = Itimerspec { it_interval: never, it_value: value };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &setting)?;
        Ok(Self { timer })
    }

    /// The time that is left.
    ///
    /// # Errors
    ///
    /// `TimedOut` when there is none.
    fn left(&self) -> io::Result<Duration> {
        let left = Duration::try_from(timerfd_gettime(&self.timer)?.it_value);
        match left {
            // The socket counts in microseconds, and zero means no limit to it.
            Ok(left) if left >= Duration::from_micros(1) => Ok(left),
            _ => Err(io::Error::new(io::ErrorKind::TimedOut, "it did not answer in time")),
        }
    }
}

/// A connection that fails when its time is over.
#[derive(Debug)]
pub(super) struct LocalStream<'d> {
    stream: UnixStream,
    deadline: &'d Deadline,
}

impl<'d> LocalStream<'d> {
    /// Connects to the socket at `path`. A service that has no room for one
    /// more connection is an error at once, because waiting could last.
    pub(super) fn connect(path: &Path, deadline: &'d Deadline) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&socket, &SocketAddrUnix::new(path)?).map_err(|error| match error {
            Errno::AGAIN => io::Error::other("it takes no more connections"),
            error => error.into(),
        })?;
        let stream = UnixStream::from(socket);
        stream.set_nonblocking(false)?;
        Ok(Self::over(stream, deadline))
    }

    /// A connection that stands.
    pub(super) fn over(stream: UnixStream, deadline: &'d Deadline) -> Self {
        Self { stream, deadline }
    }

    /// Reads some bytes; none when the other side closed.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.stream.set_read_timeout(Some(self.deadline.left()?))?;
            match self.stream.read(buffer) {
                Err(error) if again(&error) => {}
                done => return done,
            }
        }
    }

    /// Writes all of it.
    pub(super) fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.set_write_timeout(Some(self.deadline.left()?))?;
            match self.stream.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if again(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// True when the deadline decides whether to go on.
fn again(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_silent_service_is_given_up() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let deadline = Deadline::begin(Duration::from_millis(20)).unwrap();
        let error = LocalStream::over(ours, &deadline).read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_service_that_does_not_read_is_given_up() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let deadline = Deadline::begin(Duration::from_millis(20)).unwrap();
        let error = LocalStream::over(ours, &deadline).write_all(&vec![0; 1 << 24]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    /// Each byte alone is in time, and all of them together are not.
    #[test]
    fn a_service_that_drips_is_given_up() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let deadline = Deadline::begin(Duration::from_millis(50)).unwrap();
        std::thread::spawn(move || while theirs.write_all(b".").is_ok() {});
        let mut stream = LocalStream::over(ours, &deadline);
        let error = std::iter::repeat_with(|| stream.read(&mut [0; 1])).find_map(Result::err);
        assert_eq!(error.unwrap().kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_full_service_is_an_error_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let deadline = Deadline::begin(Duration::from_secs(60)).unwrap();
        let mut held = Vec::new();
        let refused = (0..16).find_map(|_| match LocalStream::connect(&path, &deadline) {
            Ok(stream) => {
                held.push(stream);
                None
            }
            Err(error) => Some(error),
        });
        assert!(refused.unwrap().to_string().contains("no more connections"));
    }
}
