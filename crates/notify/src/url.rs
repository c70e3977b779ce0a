//! The little of URLs that channels need: percent-decoding and hosts.

use std::net::IpAddr;

/// Decodes `%41`. A `%` that no two hexadecimal digits follow stands for
/// itself, so that a password from a file seldom needs an escape.
///
/// `None` when the result is not UTF-8.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        if let Some(byte) = escaped.and_then(hex) {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).ok()
}

fn hex(two: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(two[0])? * 16 + digit(two[1])?).ok()
}

/// True for names and addresses that never leave this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Splits `host`, `host:port`, `[::1]` and `[::1]:port`.
pub(crate) fn host_and_port(text: &str) -> Result<(String, Option<u16>), String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or("the ] after the address is missing")?;
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(format!("{host:?} between [ and ] is no IPv6 address"));
            }
            (host, rest.strip_prefix(':').or(if rest.is_empty() { None } else { Some(rest) }))
        }
        None => match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err("write an IPv6 address in brackets: [::1]:465".to_owned());
            }
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || !host.chars().all(fits) {
        return Err(format!("{host:?} is no host name"));
    }
    let port = match port.map(str::parse::<u16>) {
        Some(Ok(0) | Err(_)) => return Err("the port is a number from 1 to 65535".to_owned()),
        Some(Ok(port)) => Some(port),
        None => None,
    };
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_and_stray_ones_stay() {
        assert_eq!(percent_decoded("a%40b%2fc").as_deref(), Some("a@b/c"));
        assert_eq!(percent_decoded("100%!%4").as_deref(), Some("100%!%4"));
        assert_eq!(percent_decoded("%ff"), None);
        assert_eq!(percent_decoded("%+1").as_deref(), Some("%+1"));
    }

    #[test]
    fn loopback_is_this_machine_only() {
        for host in ["localhost", "LOCALHOST", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example.org", "10.0.0.1", "127.0.0.1.example.org", "::2", ""] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn hosts_and_ports_are_split() {
        assert_eq!(host_and_port("a.b:25"), Ok(("a.b".to_owned(), Some(25))));
        assert_eq!(host_and_port("[::1]:25"), Ok(("::1".to_owned(), Some(25))));
        assert_eq!(host_and_port("[::1]"), Ok(("::1".to_owned(), None)));
        for bad in ["", ":25", "a:0", "a:x", "a:65536", "::1", "[::1", "[x]:1", "[::1]x", "a b"] {
            assert!(host_and_port(bad).is_err(), "{bad}");
        }
    }
}
