//! The names and addresses under which a hub is reached.

use std::net::SocketAddr;

/// The host and the port in a page's address, `https://host:port/path`. An IPv6
/// address comes without its brackets.
pub(crate) fn host_and_port(url: &str) -> (&str, Option<u16>) {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split('/').next().unwrap_or("");
    if let Some((inner, after)) = authority.strip_prefix('[').and_then(|r| r.split_once(']')) {
        return (inner, after.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => (authority, None),
    }
}

/// Where agents find the hub, `host:port`: the host of `public_url`, and its port
/// if it names one. A proxy that speaks TLS for the page cannot pass agents on,
/// so without a port it is the one that the hub itself listens on.
#[must_use]
pub fn join_address(public_url: &str, listen: SocketAddr) -> String {
    let (host, port) = host_and_port(public_url);
    let port = port.filter(|port| *port != 0).unwrap_or(listen.port());
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// What the hub's certificate names, for browsers and scripts.
pub(crate) fn public_names(public_url: &str, listen: SocketAddr) -> Vec<String> {
    let mut names = vec![host_and_port(public_url).0.to_owned()];
    let ip = listen.ip().to_canonical();
    if ip.is_unspecified() {
        let uname = rustix::system::uname();
        names.extend(uname.nodename().to_str().map(str::to_owned).ok());
    } else {
        names.push(ip.to_string());
    }
    if ip.is_unspecified() || ip.is_loopback() {
        names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    }
    names.retain(|name| !name.is_empty());
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn agents_are_told_the_configured_name() {
        for (url, listen, told) in [
            ("https://hub.test:5100/watch", "0.0.0.0:5100", "hub.test:5100"),
            ("https://hub.test", "0.0.0.0:5100", "hub.test:5100"),
            ("https://hub.test:443", "0.0.0.0:5100", "hub.test:443"),
            ("http://127.0.0.1:0", "127.0.0.1:4711", "127.0.0.1:4711"),
            ("https://[2001:db8::7]:5100", "[::]:5100", "[2001:db8::7]:5100"),
            ("https://[2001:db8::7]/x", "[::]:5100", "[2001:db8::7]:5100"),
        ] {
            assert_eq!(join_address(url, at(listen)), told, "{url} {listen}");
        }
    }

    #[test]
    fn the_certificate_has_every_name_once() {
        let names = public_names("http://127.0.0.1:5100", at("127.0.0.1:5100"));
        assert_eq!(names, ["127.0.0.1", "::1", "localhost"]);
        let names = public_names("https://hub.test", at("10.0.0.5:5100"));
        assert_eq!(names, ["10.0.0.5", "hub.test"]);
        assert!(public_names("https://hub.test", at("0.0.0.0:5100")).contains(&"localhost".into()));
    }
}
