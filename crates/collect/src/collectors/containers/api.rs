//! The list of containers from the socket of Docker, or of Podman, which
//! speaks the same protocol.

use std::io;
use std::path::Path;

use serde::Deserialize;

use super::super::local_socket::{Deadline, LocalStream};
use super::names::Named;

/// The longest answer that is taken.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;
const CHUNK_BYTES: usize = 16 * 1024;

const REQUEST: &[u8] =
    b"GET /containers/json HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n\r\n";

/// One container of the list; all else that is told of it is passed over.
#[derive(Debug, Deserialize)]
struct Listed {
    #[serde(rename = "Id")]
    id: String,
    #[serde(rename = "Names", default)]
    names: Option<Vec<String>>,
    #[serde(rename = "Image", default)]
    image: Option<String>,
}

/// The running containers: id, name and image.
pub(super) fn running(path: &Path, deadline: &Deadline) -> io::Result<Vec<(String, Named)>> {
    let mut stream = LocalStream::connect(path, deadline)?;
    stream.write_all(REQUEST)?;
    let mut answer = Vec::new();
    loop {
        let before = answer.len();
        if before >= MAX_ANSWER_BYTES {
            return Err(malformed("the answer is too long"));
        }
        answer.resize(before + CHUNK_BYTES, 0);
        let read = stream.read(&mut answer[before..])?;
        answer.truncate(before + read);
        if read == 0 || is_whole(&answer) {
            return parse(&answer);
        }
    }
}

/// Reads a whole answer.
pub(super) fn parse(answer: &[u8]) -> io::Result<Vec<(String, Named)>> {
    let (head, body) = split(answer).ok_or_else(|| malformed("the answer is cut"))?;
    let status = head.split(|&byte| byte == b' ').nth(1).unwrap_or_default();
    if !head.starts_with(b"HTTP/1.") || status != b"200" {
        let status = crate::text::printable(&status[..status.len().min(16)]);
        return Err(io::Error::other(format!("it answered with status {status:?}")));
    }
    let chunked = header(head, b"transfer-encoding").is_some_and(|coding| coding == b"chunked");
    let decoded = if chunked {
        Some(dechunk(body).ok_or_else(|| malformed("a chunk is cut"))?)
    } else {
        None
    };
    let listed: Vec<Listed> =
        serde_json::from_slice(decoded.as_deref().unwrap_or(body)).map_err(io::Error::from)?;
    Ok(listed.into_iter().map(|listed| (listed.id.clone(), listed.named())).collect())
}

impl Listed {
    /// Docker puts a slash before names, and the names of links behind one more.
    fn named(self) -> Named {
        let names = self.names.unwrap_or_default();
        let plain = |name: &String| name.trim_start_matches('/').to_owned();
        let name = names.iter().map(plain).find(|name| !name.contains('/'));
        Named { name: name.unwrap_or_default(), image: self.image.unwrap_or_default() }
    }
}

/// True when as much came as was announced. Most answers end with the connection.
fn is_whole(answer: &[u8]) -> bool {
    let Some((head, body)) = split(answer) else { return false };
    let length = header(head, b"content-length").and_then(crate::text::number);
    length.is_some_and(|length| usize::try_from(length).is_ok_and(|length| length <= body.len()))
}

fn split(answer: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n")?;
    Some((&answer[..end], &answer[end + 4..]))
}

fn header<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let lines = head.split(|&byte| byte == b'\n').skip(1);
    let mut fields = lines.filter_map(|line| crate::text::split_once(line, b':'));
    fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim_ascii())
}

/// Puts together a body that was sent in chunks, which proxies do.
fn dechunk(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        let end = body.windows(2).position(|pair| pair == b"\r\n")?;
        let size = body[..end].split(|&byte| byte == b';').next()?;
        let size = usize::from_str_radix(std::str::from_utf8(size).ok()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(out);
        }
        let chunk = body.get(end + 2..)?;
        out.extend_from_slice(chunk.get(..size)?);
        body = chunk.get(size.checked_add(2)?..)?;
    }
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BODY: &str = r#"[{"Id":"ab","Names":["/web/link","/web"],"Image":"nginx:1","More":{"x":[1]}},{"Id":"cd"}]"#;

    fn names(answer: &str) -> Vec<(String, String)> {
        let parsed = parse(answer.as_bytes()).unwrap();
        parsed.into_iter().map(|(id, named)| (id, named.name)).collect()
    }

    #[test]
    fn names_are_plain() {
        let expected = [("ab".to_owned(), "web".to_owned()), ("cd".to_owned(), String::new())];
        assert_eq!(names(&format!("HTTP/1.0 200 OK\r\nA: b\r\n\r\n{BODY}")), expected);
        let (first, second) = BODY.split_at(10);
        let chunked = format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x};x=y\r\n{first}\r\n{:X}\r\n{second}\r\n0\r\n\r\n",
            first.len(),
            second.len()
        );
        assert_eq!(names(&chunked), expected);
    }

    #[test]
    fn an_answer_of_known_length_needs_no_end() {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-LENGTH: {}\r\n\r\n", BODY.len());
        assert!(is_whole(format!("{head}{BODY}").as_bytes()));
        assert!(!is_whole(format!("{head}{}", &BODY[1..]).as_bytes()));
        assert!(!is_whole(head.as_bytes()));
    }

    #[test]
    fn other_answers_are_errors() {
        for (answer, text) in [
            ("HTTP/1.1 403 Forbidden\r\n\r\n[]", "403"),
            ("SSH-2.0 200 x\r\n\r\n[]", "200"),
            ("HTTP/1.1 200 OK\r\n", "cut"),
            ("HTTP/1.1 200 OK\r\n\r\n{}", "sequence"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx", "chunk"),
        ] {
            let error = parse(answer.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), chunked in any::<bool>()) {
            let coding = if chunked { "Transfer-Encoding: chunked\r\n" } else { "" };
            let head = format!("HTTP/1.1 200 OK\r\n{coding}\r\n");
            let _ = parse(&[head.as_bytes(), &bytes].concat());
            let _ = parse(&bytes);
        }
    }
}
