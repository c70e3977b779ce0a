//! Whose address a request came from, where proxies stand before the hub.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use watchfire_runtime::net::Network;

const FORWARDED_FOR: &str = "x-forwarded-for";
/// Entries that are looked at: chains of proxies are short.
const MAX_ENTRIES: usize = 32;

/// The address that a request of `peer` came from.
///
/// Anybody can write the header, and each proxy adds at its end whom it took the
/// request from. So an entry is believed only when all after it were written by
/// trusted proxies: the rightmost one that is none of them is the client.
/// Whatever is no address ends the search at the last proxy that is known.
pub(super) fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    let entries = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    let mut last = peer.to_canonical();
    for entry in entries.take(MAX_ENTRIES) {
        if !is_trusted(last) {
            break;
        }
        match read(entry) {
            Some(address) => last = address,
            None => break,
        }
    }
    last
}

/// Reads `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]` or
/// `[2001:db8::1]:4711`: proxies differ.
fn read(entry: &[u8]) -> Option<IpAddr> {
    let entry = str::from_utf8(entry).ok()?.trim_matches([' ', '\t']);
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = match bare {
        Some(inner) => IpAddr::V6(inner.parse().ok()?),
        None => entry.parse().ok().or_else(|| Some(entry.parse::<SocketAddr>().ok()?.ip()))?,
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    /// The address of a request with these headers, by its text.
    fn from(peer: &str, lines: &[&[u8]]) -> String {
        let trusted = ["127.0.0.1", "10.0.0.0/8", "2001:db8:1::/48"]
            .map(|text| text.parse().expect("a network"));
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line).expect("a value"));
        }
        address(peer.parse().expect("an address"), &headers, &trusted).to_string()
    }

    #[test]
    fn what_a_stranger_writes_is_not_believed() {
        assert_eq!(from("192.0.2.9", &[b"198.51.100.1"]), "192.0.2.9");
        assert_eq!(from("192.0.2.9", &[b"127.0.0.1"]), "192.0.2.9");
        // A stranger behind a proxy writes entries; the proxy adds the stranger's own.
        assert_eq!(from("127.0.0.1", &[b"10.0.0.1, 203.0.113.5, 192.0.2.9"]), "192.0.2.9");
        assert_eq!(from("127.0.0.1", &[b"203.0.113.5", b"192.0.2.9"]), "192.0.2.9");
        assert_eq!(from("127.0.0.1", &[b"203.0.113.5, 192.0.2.9, 10.0.0.1"]), "192.0.2.9");
        let many = [b"10.0.0.1,".repeat(100), b"192.0.2.9".to_vec()].concat();
        assert_eq!(from("127.0.0.1", &[&many]), "192.0.2.9");
    }

    #[test]
    fn chains_of_trusted_proxies_are_followed() {
        assert_eq!(from("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(from("127.0.0.1", &[b"192.0.2.9"]), "192.0.2.9");
        assert_eq!(from("10.1.1.1", &[b"192.0.2.9, 10.2.2.2", b"10.3.3.3"]), "192.0.2.9");
        assert_eq!(from("10.1.1.1", &[b"10.2.2.2"]), "10.2.2.2", "a client inside");
    }

    #[test]
    fn garbage_ends_the_search_at_the_last_proxy() {
        for garbage in [
            &b""[..],
            b"unknown",
            b"_hidden",
            b"192.0.2.9 198.51.100.1",
            b"192.0.2.999",
            b"\"192.0.2.9\"",
            b"for=192.0.2.9",
            b"[192.0.2.9]",
            b"192.0.2.9:99999",
            b"\xff\xfe",
            b"fe80::1%eth0",
        ] {
            assert_eq!(from("127.0.0.1", &[garbage]), "127.0.0.1", "{garbage:?}");
            let line = [b"198.51.100.1,", garbage, b",10.0.0.7"].concat();
            assert_eq!(from("127.0.0.1", &[&line]), "10.0.0.7", "{garbage:?}");
        }
        assert_eq!(from("127.0.0.1", &[&b"10.0.0.1,".repeat(500)]), "127.0.0.1", "it ends empty");
        assert_eq!(
            from("127.0.0.1", &[&[b"192.0.2.9", &b",10.0.0.1".repeat(500)[..]].concat()]),
            "10.0.0.1"
        );
    }

    #[test]
    fn both_families_and_ports_are_read() {
        for (entry, address) in [
            (&b"192.0.2.9:4711"[..], "192.0.2.9"),
            (b"2001:db8:2::9", "2001:db8:2::9"),
            (b"[2001:db8:2::9]", "2001:db8:2::9"),
            (b"[2001:db8:2::9]:4711", "2001:db8:2::9"),
            (b"::ffff:192.0.2.9", "192.0.2.9"),
            (b"\t192.0.2.9 ", "192.0.2.9"),
        ] {
            for peer in ["127.0.0.1", "::ffff:127.0.0.1", "2001:db8:1::7"] {
                assert_eq!(from(peer, &[entry]), address, "{peer} {entry:?}");
            }
        }
        assert_eq!(from("::ffff:127.0.0.1", &[b"2001:db8:2::9, 2001:db8:1::1"]), "2001:db8:2::9");
        assert_eq!(from("2001:db8:2::1", &[b"192.0.2.9"]), "2001:db8:2::1", "not the /48");
    }
}
