//! The bytes of one SMTP connection, plain or under TLS.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The longest line a client may send, in bytes: far above RFC 5321's 1000.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// A stream that reads lines and can go over to TLS.
pub(crate) struct Stream {
    inner: Inner,
    pending: Vec<u8>,
}

enum Inner {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
    /// Only while the one above takes the place of the other.
    Moving,
}

impl Stream {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { inner: Inner::Plain(stream), pending: Vec::new() }
    }

    pub(crate) fn is_tls(&self) -> bool {
        matches!(self.inner, Inner::Tls(_))
    }

    /// Does the TLS handshake as a server.
    pub(crate) fn start_tls(&mut self, config: Arc<ServerConfig>) -> io::Result<()> {
        let Inner::Plain(mut stream) = std::mem::replace(&mut self.inner, Inner::Moving) else {
            return Err(io::Error::other("already under TLS"));
        };
        self.pending.clear();
        let mut connection = ServerConnection::new(config).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        self.inner = Inner::Tls(Box::new(StreamOwned::new(connection, stream)));
        Ok(())
    }

    /// The next line without its end; `None` when the client is gone.
    pub(crate) fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.pending.drain(..=end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(Some(line));
            }
            if self.pending.len() > MAX_LINE_BYTES {
                return Err(io::Error::other("line too long"));
            }
            let mut chunk = [0; 4096];
            match self.read(&mut chunk)? {
                0 => return Ok(None),
                n => self.pending.extend_from_slice(&chunk[..n]),
            }
        }
    }

    /// Reads and forgets until the client goes away.
    pub(crate) fn swallow(&mut self) {
        let mut chunk = [0; 4096];
        while self.read(&mut chunk).is_ok_and(|n| n > 0) {}
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.inner {
            Inner::Plain(stream) => stream.write_all(bytes),
            Inner::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
            Inner::Moving => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.inner {
            Inner::Plain(stream) => stream.read(into),
            Inner::Tls(stream) => stream.read(into),
            Inner::Moving => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}
