//! A connection to systemd: over its own socket, which only root may use and
//! which needs no bus, or else over the system bus.

use std::io;
use std::path::PathBuf;

use super::super::local_socket::{Deadline, LocalStream};
use super::message::{Call, Cursor, MAX_MESSAGE_BYTES, Malformed, Message, message_bytes};
use crate::{CollectError, Root};

const PRIVATE_SOCKET: &str = "run/systemd/private";
const BUS_SOCKET: &str = "run/dbus/system_bus_socket";
const SYSTEMD: &str = "org.freedesktop.systemd1";

/// The longest line of the other side before messages begin.
const MAX_LINE_BYTES: usize = 512;
/// How much is read at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// What came back: the body and what it is made of, or the name of an error.
pub(super) type Answer<'a> = Result<(&'a str, Cursor<'a>), &'a str>;

/// A connection on which questions are asked.
#[derive(Debug)]
pub(super) struct Bus<'d> {
    stream: LocalStream<'d>,
    destination: Option<&'static str>,
    serial: u32,
    received: Vec<u8>,
    /// How much of `received` is the message that was taken last.
    taken: usize,
}

impl<'d> Bus<'d> {
    /// Connects to the systemd of the live machine.
    ///
    /// # Errors
    ///
    /// Names the socket of the bus when neither lets us in.
    pub(super) fn open(
        root: &Root,
        deadline: &'d Deadline,
    ) -> Result<(Self, PathBuf), CollectError> {
        let private = root.join(PRIVATE_SOCKET);
        if let Ok(stream) = LocalStream::connect(&private, deadline)
            && let Ok(bus) = Self::begin(stream, None)
        {
            return Ok((bus, private));
        }
        let path = root.join(BUS_SOCKET);
        let stream = LocalStream::connect(&path, deadline);
        match stream.and_then(|stream| Self::begin(stream, Some(SYSTEMD))) {
            Ok(bus) => Ok((bus, path)),
            Err(error) => Err(CollectError::unreadable(&path, error)),
        }
    }

    /// Says who we are, and hello to the bus where there is one.
    pub(super) fn begin(
        stream: LocalStream<'d>,
        destination: Option<&'static str>,
    ) -> io::Result<Self> {
        let mut bus = Self { stream, destination, serial: 1, received: Vec::new(), taken: 0 };
        bus.authenticate()?;
        if destination.is_some() {
            bus.hello()?;
        }
        Ok(bus)
    }

    /// The kernel vouches for our user: SASL EXTERNAL, with its number as text
    /// in hexadecimal digits.
    fn authenticate(&mut self) -> io::Result<()> {
        let user = rustix::process::geteuid().as_raw().to_string();
        let hex: String = user.bytes().map(|digit| format!("{digit:02x}")).collect();
        self.stream.write_all(format!("\0AUTH EXTERNAL {hex}\r\n").as_bytes())?;
        let line = self.line()?;
        if !line.starts_with(b"OK ") {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it refused our user"));
        }
        self.stream.write_all(b"BEGIN\r\n")
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = self.received.windows(2).position(|pair| pair == b"\r\n") {
                return Ok(self.received.drain(..end + 2).collect());
            }
            if self.received.len() > MAX_LINE_BYTES {
                return Err(Malformed("a line is too long").into());
            }
            self.read_more()?;
        }
    }

    fn hello(&mut self) -> io::Result<()> {
        let call = Call {
            destination: Some("org.freedesktop.DBus"),
            path: "/org/freedesktop/DBus",
            interface: "org.freedesktop.DBus",
            member: "Hello",
            arguments: &[],
        };
        let mut refused = None;
        self.ask(&[call], |_, answer| {
            refused = answer.err().map(str::to_owned);
            Ok(())
        })?;
        refused.map_or(Ok(()), |name| Err(io::Error::other(format!("hello was refused: {name}"))))
    }

    /// Makes all of `calls` at once and gives each answer to `hear` with the
    /// number of its call, in the order in which they come.
    pub(super) fn ask(
        &mut self,
        calls: &[Call<'_>],
        mut hear: impl FnMut(usize, Answer<'_>) -> Result<(), Malformed>,
    ) -> io::Result<()> {
        let first = self.serial;
        let mut out = Vec::new();
        for call in calls {
            let destination = call.destination.or(self.destination);
            out.extend_from_slice(&Call { destination, ..*call }.message(self.serial));
            self.serial = self.serial.checked_add(1).ok_or(Malformed("too many calls"))?;
        }
        self.stream.write_all(&out)?;
        let mut heard = vec![false; calls.len()];
        let mut missing = calls.len();
        while missing > 0 {
            self.receive()?;
            let message = Message::parse(&self.received[..self.taken])?;
            // Signals and answers to nothing of ours are passed over.
            let number = message.reply_to.and_then(|serial| serial.checked_sub(first));
            let number = number.and_then(|number| usize::try_from(number).ok());
            let Some(number) = number.filter(|&number| heard.get(number) == Some(&false)) else {
                continue;
            };
            heard[number] = true;
            missing -= 1;
            let answer = message.error.map_or(Ok((message.signature, message.body)), Err);
            hear(number, answer)?;
        }
        Ok(())
    }

    /// Takes the next message: the first [`Bus::taken`] bytes received. The
    /// buffer grows with what really comes, not with what is announced.
    fn receive(&mut self) -> io::Result<()> {
        self.received.drain(..self.taken);
        self.taken = 0;
        loop {
            match message_bytes(&self.received)? {
                Some(length) if self.received.len() >= length => {
                    self.taken = length;
                    return Ok(());
                }
                _ => self.read_more()?,
            }
        }
    }

    fn read_more(&mut self) -> io::Result<()> {
        debug_assert!(self.received.len() <= MAX_MESSAGE_BYTES + CHUNK_BYTES);
        let before = self.received.len();
        self.received.resize(before + CHUNK_BYTES, 0);
        let read = self.stream.read(&mut self.received[before..]);
        self.received.truncate(before + read.as_ref().map_or(0, |&read| read));
        match read? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
