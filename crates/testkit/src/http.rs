//! An HTTP server that answers as a script says and remembers the requests.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crate::clock;
use crate::door::Door;
use crate::watch::Watch;

/// The largest request taken, head and body each, in bytes.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// When its last byte had come, by `CLOCK_MONOTONIC`.
    pub at: Duration,
    /// GET, POST ...
    pub method: String,
    /// The target as sent, with the query.
    pub path: String,
    /// The headers in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What the stub does with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Answers.
    Reply {
        /// The status code.
        status: u16,
        /// Headers besides `Content-Length` and `Connection`.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// Sends exactly these bytes and closes.
    Raw(Vec<u8>),
    /// Reads the request and closes without an answer.
    Drop,
    /// Reads the request and never answers; the connection stays open.
    Hang,
}

/// A scripted HTTP/1.1 server on 127.0.0.1, one request a connection. It lives
/// until it is dropped.
#[derive(Debug)]
pub struct Stub {
    door: Door,
    shared: Arc<Watch<State>>,
}

#[derive(Debug)]
struct State {
    always: Answer,
    next: VecDeque<Answer>,
    requests: Vec<Request>,
    streams: Vec<TcpStream>,
}

impl Request {
    /// The first header of that name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn body_text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first field of that name in a body of form fields, decoded: one line of them
    /// (`application/x-www-form-urlencoded`), or in parts (`multipart/form-data`).
    #[must_use]
    pub fn form(&self, name: &str) -> Option<String> {
        let kind = self.header("Content-Type").unwrap_or_default();
        if let Some((_, boundary)) = kind.split_once("boundary=") {
            return self.part(boundary.trim_matches('"'), name);
        }
        let body = self.body_text();
        let mut fields = body.split('&').filter_map(|field| field.split_once('='));
        let (_, value) = fields.find(|(key, _)| form_decoded(key) == name)?;
        Some(form_decoded(value))
    }

    /// A field of a form in parts (RFC 7578), as text.
    fn part(&self, boundary: &str, name: &str) -> Option<String> {
        let body = self.body_text();
        let is_named = |head: &str| {
            let wanted = format!("name=\"{name}\"");
            head.split([';', '\r', '\n']).any(|piece| piece.trim() == wanted)
        };
        body.split(&format!("--{boundary}")).find_map(|part| {
            let (head, value) = part.split_once("\r\n\r\n")?;
            is_named(head).then(|| value.strip_suffix("\r\n").unwrap_or(value).to_owned())
        })
    }
}

impl Answer {
    /// A reply without headers of its own.
    #[must_use]
    pub fn reply(status: u16, body: &str) -> Self {
        Self::Reply { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }

    /// The reply with one more header; other answers have none.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Self::Reply { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }
}

impl Stub {
    /// Starts it; it answers 200 with `{}` until told otherwise.
    ///
    /// # Panics
    /// When the machine has no free port.
    #[must_use]
    pub fn start() -> Self {
        let shared = Arc::new(Watch::new(State {
            always: Answer::reply(200, "{}"),
            next: VecDeque::new(),
            requests: Vec::new(),
            streams: Vec::new(),
        }));
        let guest = shared.clone();
        let door = Door::open(move |stream| {
            let shared = guest.clone();
            std::thread::spawn(move || {
                // The client sees how it ended; the stub has nobody to tell.
                let _ = serve(&shared, &stream);
                let _ = stream.shutdown(Shutdown::Both);
            });
        });
        Self { door: door.expect("a loopback port can be opened"), shared }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.door.address()
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://{}", self.addr())
    }

    /// Answers so from now on, when nothing is queued.
    pub fn always(&self, answer: Answer) {
        self.shared.change(|state| state.always = answer);
    }

    /// The next requests are answered so, one each, in this order.
    pub fn next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.shared.change(|state| state.next.extend(answers));
    }

    /// The requests so far, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// Waits until `n` requests came since the start; all of them.
    ///
    /// # Panics
    /// After `timeout`, telling what came instead.
    #[must_use]
    pub fn wait_for(&self, n: usize, timeout: Duration) -> Vec<Request> {
        let enough =
            |state: &mut State| (state.requests.len() >= n).then(|| state.requests.clone());
        match self.shared.wait(timeout, enough) {
            Some(requests) => requests,
            None => panic!("{n} requests did not come in {timeout:?}: {:?}", self.requests()),
        }
    }

    /// The port refuses connects, and open connections are closed.
    pub fn stop_listening(&self) {
        self.door.shut();
        for stream in self.shared.lock().streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Listens again on the same port.
    ///
    /// # Panics
    /// When the port cannot be opened, which the kit's reservation prevents.
    pub fn start_listening(&self) {
        self.door.reopen().expect("the port is reserved for this stub");
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.stop_listening();
    }
}

fn serve(shared: &Watch<State>, mut stream: &TcpStream) -> io::Result<()> {
    let handle = stream.try_clone()?;
    shared.lock().streams.push(handle);
    let Some(request) = read_request(stream)? else { return Ok(()) };
    let answer = shared.change(|state| {
        state.requests.push(request);
        state.next.pop_front().unwrap_or_else(|| state.always.clone())
    });
    match answer {
        Answer::Reply { status, headers, body } => {
            let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            head.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n\r\n", body.len()));
            stream.write_all(&[head.as_bytes(), &body].concat())
        }
        Answer::Raw(bytes) => stream.write_all(&bytes),
        Answer::Drop => Ok(()),
        Answer::Hang => io::copy(&mut stream, &mut io::sink()).map(|_| ()),
    }
}

fn read_request(stream: &TcpStream) -> io::Result<Option<Request>> {
    let mut reader = BufReader::new(stream.take(MAX_BYTES * 2));
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or("").to_owned();
    let path = words.next().unwrap_or("").to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut request = Request { at: Duration::ZERO, method, path, headers, body: Vec::new() };
    request.body = read_body(&request, &mut reader)?;
    request.at = clock::monotonic();
    Ok(Some(request))
}

fn read_body(request: &Request, reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let bad = |_| io::Error::other("a length that is no number");
    let mut body = Vec::new();
    if let Some(length) = request.header("Content-Length") {
        let length: u64 = length.parse().map_err(bad)?;
        reader.take(length.min(MAX_BYTES)).read_to_end(&mut body)?;
        return Ok(body);
    }
    if !request.header("Transfer-Encoding").is_some_and(|coding| coding.contains("chunked")) {
        return Ok(body);
    }
    loop {
        let mut size = String::new();
        reader.read_line(&mut size)?;
        let size = size.split(';').next().unwrap_or("").trim();
        let size = u64::from_str_radix(size, 16).map_err(bad)?;
        reader.take(size.min(MAX_BYTES)).read_to_end(&mut body)?;
        let mut end = String::new();
        reader.read_line(&mut end)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn form_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let two: Vec<u8> = bytes.by_ref().take(2).collect();
                let two = String::from_utf8_lossy(&two).into_owned();
                out.push(u8::from_str_radix(&two, 16).unwrap_or(b'?'));
            }
            byte => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(stub: &Stub, request: &str) -> String {
        let mut stream = TcpStream::connect(stub.addr()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn answers_come_in_order_and_requests_are_kept() {
        let stub = Stub::start();
        stub.next([Answer::reply(429, "slow").with_header("Retry-After", "7"), Answer::Drop]);
        let post = "POST /v3/x?y=1 HTTP/1.1\r\nA: b\r\nContent-Length: 11\r\n\r\nto=a%40b+c&";
        let first = ask(&stub, post);
        assert!(first.starts_with("HTTP/1.1 429 ") && first.contains("Retry-After: 7\r\n"));
        assert!(first.ends_with("\r\n\r\nslow"));
        assert_eq!(ask(&stub, "GET / HTTP/1.1\r\n\r\n"), "");
        let chunked = "PUT /z HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
        assert!(ask(&stub, chunked).ends_with("{}"));
        let requests = stub.wait_for(3, Duration::from_secs(5));
        assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("POST", "/v3/x?y=1"));
        assert_eq!(requests[0].form("to").as_deref(), Some("a@b c"));
        assert_eq!(requests[0].header("a"), Some("b"));
        assert_eq!(requests[2].body_text(), "ab");
        let headers = vec![("Content-Type".into(), "multipart/form-data; boundary=x".into())];
        let part = |name: &str, value: &str| {
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let body = format!("{}{}--x--\r\n", part("h:to", "a=1&b"), part("to", "a\r\nb"));
        let parts = Request { headers, body: body.into_bytes(), ..requests[0].clone() };
        assert_eq!(parts.form("to").as_deref(), Some("a\r\nb"));
        assert_eq!(parts.form("h:to").as_deref(), Some("a=1&b"));
        assert_eq!(parts.form("x"), None);
    }
}
