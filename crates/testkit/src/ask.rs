//! A small HTTP client: one request a connection, blocking, and no opinion.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The largest answer taken, in bytes.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// A request to send.
#[derive(Debug, Clone)]
pub struct Ask {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The status code.
    pub status: u16,
    /// The headers in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Ask {
    /// `GET target`, which is sent exactly as it stands.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// `POST target` with a JSON body.
    #[must_use]
    pub fn post_json(target: &str, body: &str) -> Self {
        let mut ask = Self::new("POST", target).header("Content-Type", "application/json");
        ask.body = body.as_bytes().to_vec();
        ask
    }

    /// `POST target` with any body.
    #[must_use]
    pub fn post(target: &str, body: Vec<u8>) -> Self {
        Self { body, ..Self::new("POST", target) }
    }

    fn new(method: &str, target: &str) -> Self {
        let (method, target) = (method.to_owned(), target.to_owned());
        Self { method, target, headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends it and reads the whole answer.
    ///
    /// # Errors
    /// When nobody answers in `timeout`, or what comes is not HTTP.
    pub fn send(&self, to: SocketAddr, timeout: Duration) -> io::Result<Answered> {
        let mut stream = TcpStream::connect_timeout(&to, timeout)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        let mut request = format!("{} {} HTTP/1.1\r\nHost: {to}\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        let length = self.body.len();
        request.push_str(&format!("Content-Length: {length}\r\nConnection: close\r\n\r\n"));
        stream.write_all(&[request.as_bytes(), &self.body].concat())?;
        let mut raw = Vec::new();
        stream.take(MAX_BYTES).read_to_end(&mut raw)?;
        parse(&raw).ok_or_else(|| io::Error::other("the answer is not HTTP"))
    }
}

impl Answered {
    /// The first header of that name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn parse(raw: &[u8]) -> Option<Answered> {
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&raw[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    let mut answered = Answered { status, headers: headers.collect(), body: Vec::new() };
    let rest = &raw[end + 4..];
    answered.body = match answered.header("Transfer-Encoding") {
        Some(coding) if coding.contains("chunked") => unchunked(rest)?,
        _ => rest.to_vec(),
    };
    Some(answered)
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..end]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(end + 2..end + 2 + size)?);
        rest = rest.get(end + 4 + size..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Answer, Stub};

    #[test]
    fn an_answer_comes_whole_in_either_coding() {
        let stub = Stub::start();
        let chunked = "HTTP/1.1 201 Made\r\ntransfer-encoding: chunked\r\n\r\n\
             2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
        let raw = Answer::Raw(chunked.as_bytes().to_vec());
        stub.next([Answer::reply(403, "no").with_header("X-Why", "rule"), raw]);
        let ask = Ask::post_json("//a/?b=c", "{}").header("Cookie", "d=e");
        let first = ask.send(stub.addr(), Duration::from_secs(5)).unwrap();
        assert_eq!((first.status, first.text().as_str()), (403, "no"));
        assert_eq!(first.header("x-why"), Some("rule"));
        let second = Ask::get("/").send(stub.addr(), Duration::from_secs(5)).unwrap();
        assert_eq!((second.status, second.text().as_str()), (201, "abc"));
        let asked = stub.wait_for(2, Duration::from_secs(5));
        assert_eq!((asked[0].path.as_str(), asked[0].body_text().as_str()), ("//a/?b=c", "{}"));
        assert_eq!(asked[0].header("cookie"), Some("d=e"));
    }
}
