//! A mail as it came, and its parts (RFC 5322, 2045 to 2047).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A mail that the sink received in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The envelope's sender.
    pub from: String,
    /// The envelope's recipients.
    pub to: Vec<String>,
    /// The message as it came, dots unstuffed, lines ending in CR LF.
    pub raw: Vec<u8>,
    /// The headers in order: names as they came, values unfolded and with
    /// encoded words decoded.
    pub headers: Vec<(String, String)>,
    /// The `text/plain` part, decoded, with plain newlines; empty without one.
    pub text: String,
    /// The `text/html` part, likewise.
    pub html: String,
    /// When its last byte had come, by `CLOCK_MONOTONIC`.
    pub received: Duration,
    /// When the sink accepted it, just before the 250 went out; `None` when it
    /// did not.
    pub accepted: Option<Duration>,
    /// True when it came under TLS.
    pub tls: bool,
    /// Who had logged in.
    pub login: Option<String>,
    /// On which connection it came; the first is 1.
    pub connection: u64,
}

impl Mail {
    pub(crate) fn new(
        from: &mut Option<String>,
        to: &mut Vec<String>,
        raw: Vec<u8>,
        received: Duration,
    ) -> Self {
        let (headers, body) = split(&raw);
        let mut mail = Self {
            from: from.take().unwrap_or_default(),
            to: std::mem::take(to),
            headers: headers.clone(),
            text: String::new(),
            html: String::new(),
            received,
            accepted: None,
            tls: false,
            login: None,
            connection: 0,
            raw: Vec::new(),
        };
        mail.take_parts(&headers, body);
        mail.raw = raw;
        mail
    }

    /// A mail that a server of a test's own took at `received`.
    #[must_use]
    pub fn of(mut to: Vec<String>, raw: Vec<u8>, received: Duration) -> Self {
        Self::new(&mut None, &mut to, raw, received)
    }

    /// The first header of that name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// All headers of that name, in any case.
    #[must_use]
    pub fn headers_named(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The subject, decoded; empty without one.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.header("Subject").unwrap_or("")
    }

    /// The `Message-ID` with its brackets; empty without one.
    #[must_use]
    pub fn message_id(&self) -> &str {
        self.header("Message-ID").unwrap_or("")
    }

    /// The raw message as text.
    #[must_use]
    pub fn raw_text(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }

    fn take_parts(&mut self, headers: &[(String, String)], body: &[u8]) {
        let kind = find(headers, "Content-Type").unwrap_or("text/plain").to_owned();
        let main = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        if main.starts_with("multipart/") {
            let Some(boundary) = parameter(&kind, "boundary") else { return };
            for part in parts(body, &boundary) {
                let (headers, body) = split(part);
                self.take_parts(&headers, body);
            }
            return;
        }
        let text = || decode_body(find(headers, "Content-Transfer-Encoding"), body);
        if main == "text/plain" && self.text.is_empty() {
            self.text = text();
        } else if main == "text/html" && self.html.is_empty() {
            self.html = text();
        }
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let header = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    header.map(|(_, value)| value.as_str())
}

/// Headers and body of a message or a part.
fn split(raw: &[u8]) -> (Vec<(String, String)>, &[u8]) {
    let (head, body) = match raw.windows(4).position(|four| four == b"\r\n\r\n") {
        Some(_) if raw.starts_with(b"\r\n") => (&raw[..0], &raw[2..]),
        Some(at) => (&raw[..at], &raw[at + 4..]),
        None => (raw, &raw[raw.len()..]),
    };
    let head = String::from_utf8_lossy(head);
    let mut lines: Vec<String> = Vec::new();
    for line in head.split("\r\n") {
        match lines.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => last.push_str(line),
            _ => lines.push(line.to_owned()),
        }
    }
    let headers = lines.iter().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_owned(), decode_words(value.trim())))
    });
    (headers.collect(), body)
}

/// The value of a parameter of a structured header.
fn parameter(value: &str, name: &str) -> Option<String> {
    value.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// The parts between the boundary's lines.
fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut begin = None;
    let mut at = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(delimiter.as_bytes()) {
            if let Some(begin) = begin {
                // The line end before a boundary belongs to the boundary.
                parts.push(body[begin..at].strip_suffix(b"\r\n").unwrap_or(&body[begin..at]));
            }
            begin = Some(at + line.len());
        }
        at += line.len();
    }
    parts
}

fn decode_body(encoding: Option<&str>, body: &[u8]) -> String {
    let bytes = match encoding.map(str::to_ascii_lowercase).as_deref() {
        Some("quoted-printable") => quoted_printable(body),
        Some("base64") => {
            let packed: Vec<u8> =
                body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            STANDARD.decode(packed).unwrap_or_default()
        }
        _ => body.to_vec(),
    };
    String::from_utf8_lossy(&bytes).replace("\r\n", "\n")
}

fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'=' if after.starts_with(b"\r\n") => rest = &after[2..],
            b'=' => match after.get(..2).and_then(hex) {
                Some(byte) => {
                    out.push(byte);
                    rest = &after[2..];
                }
                None => out.push(b'='),
            },
            byte => out.push(*byte),
        }
    }
    out
}

fn hex(two: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok()
}

/// Decodes `=?charset?B|Q?...?=` words; white space between two of them goes.
fn decode_words(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value;
    let mut after_word = false;
    while let Some(at) = rest.find("=?") {
        let (before, from) = rest.split_at(at);
        let Some((text, length)) = decode_word(from) else {
            out.push_str(before);
            out.push_str("=?");
            rest = &from[2..];
            after_word = false;
            continue;
        };
        if !(after_word && before.trim().is_empty()) {
            out.push_str(before);
        }
        out.push_str(&text);
        rest = &from[length..];
        after_word = true;
    }
    out.push_str(rest);
    out
}

fn decode_word(from: &str) -> Option<(String, usize)> {
    let mut fields = from[2..].splitn(3, '?');
    let (charset, encoding, rest) = (fields.next()?, fields.next()?, fields.next()?);
    let (data, _) = rest.split_once("?=")?;
    let bytes = match encoding {
        "B" | "b" => STANDARD.decode(data).ok()?,
        "Q" | "q" => quoted_printable(data.replace('_', " ").as_bytes()),
        _ => return None,
    };
    let length = 2 + charset.len() + 1 + encoding.len() + 1 + data.len() + 2;
    Some((String::from_utf8_lossy(&bytes).into_owned(), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(raw: &str) -> Mail {
        let raw = raw.replace('\n', "\r\n").into_bytes();
        Mail::new(&mut None, &mut Vec::new(), raw, Duration::ZERO)
    }

    #[test]
    fn folded_and_encoded_headers_are_read() {
        let mail = mail("Subject: =?utf-8?b?w6Q=?=\n =?utf-8?q?=C3=B6_x?= tail\nA: b\n\nhello\n");
        assert_eq!(mail.subject(), "äö x tail");
        assert_eq!(mail.header("a"), Some("b"));
        assert_eq!(mail.text, "hello\n");
    }

    #[test]
    fn both_parts_of_an_alternative_are_decoded() {
        let mail = mail(
            "Content-Type: multipart/alternative;\n boundary=\"x y\"\n\npreamble\n--x y\n\
             Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: \
             quoted-printable\n\na=C3=A4=\nb\n--x y\nContent-Type: text/html\n\
             Content-Transfer-Encoding: base64\n\nPGI+\neDwvYj4=\n--x y--\n",
        );
        assert_eq!(mail.text, "aäb");
        assert_eq!(mail.html, "<b>x</b>");
    }
}
