use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use anyhow::bail;
use serde::{Deserialize, Serialize};
use watchfire_runtime::http::is_host_name;

/// The port of a hub that is named without scheme and port.
const HUB_PORT: u16 = 5100;

/// Where a hub is: scheme, host and port. Plain HTTP is for this machine alone, for a
/// password must not cross a network in the clear.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Address {
    tls: bool,
    /// An IPv6 address is without its brackets.
    host: String,
    port: u16,
}

impl Address {
    /// Whether it is reached over TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Host and port, as in a `Host` header.
    pub(crate) fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl FromStr for Address {
    type Err = anyhow::Error;

    /// Reads `https://hub.example.org:5100`, `hub.example.org`, `http://127.0.0.1:5100`.
    fn from_str(text: &str) -> anyhow::Result<Self> {
        let hint = "write it as in https://hub.example.org:5100";
        let (tls, usual_port, rest) = if let Some(rest) = text.strip_prefix("https://") {
            (true, 443, rest)
        } else if let Some(rest) = text.strip_prefix("http://") {
            (false, 80, rest)
        } else {
            (true, HUB_PORT, text)
        };
        let bare = rest.strip_suffix('/').unwrap_or(rest);
        let Some((host, port)) = split(bare, usual_port).filter(|(host, _)| is_host(host)) else {
            bail!("{text:?} is no address of a hub\n  hint: {hint}");
        };
        if !tls && !is_this_machine(host) {
            bail!(
                "{text:?} is not this machine, and over plain HTTP everybody on the way could read \
                 the password\n  hint: use https://{bare}"
            );
        }
        Ok(Self { tls, host: host.to_ascii_lowercase(), port })
    }
}

/// Host and port; an IPv6 address without its brackets.
fn split(authority: &str, usual_port: u16) -> Option<(&str, u16)> {
    let port = |text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|port| digits && *port > 0)
    };
    if let Some((host, after)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let host = host.parse::<std::net::Ipv6Addr>().ok().map(|_| host)?;
        let port = if after.is_empty() { Some(usual_port) } else { port(after.strip_prefix(':')?) };
        return Some((host, port?));
    }
    match authority.split_once(':') {
        Some((host, text)) => Some((host, port(text)?)),
        None => Some((authority, usual_port)),
    }
}

fn is_host(host: &str) -> bool {
    is_host_name(host) || host.parse::<IpAddr>().is_ok()
}

fn is_this_machine(host: &str) -> bool {
    let loopback = host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
    loopback || host.eq_ignore_ascii_case("localhost")
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

impl TryFrom<String> for Address {
    type Error = anyhow::Error;

    fn try_from(text: String) -> anyhow::Result<Self> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_people_copy_them() {
        for (typed, read) in [
            ("https://hub.example.org:5100", "https://hub.example.org:5100"),
            ("https://Hub.Example.org:5100/", "https://hub.example.org:5100"),
            ("https://hub.example.org", "https://hub.example.org:443"),
            ("hub.example.org", "https://hub.example.org:5100"),
            ("10.0.0.5:5200", "https://10.0.0.5:5200"),
            ("[2001:db8::7]", "https://[2001:db8::7]:5100"),
            ("https://[2001:db8::7]:443", "https://[2001:db8::7]:443"),
            ("http://127.0.0.1:5100", "http://127.0.0.1:5100"),
            ("http://localhost:5100", "http://localhost:5100"),
            ("http://[::1]:5100", "http://[::1]:5100"),
        ] {
            let address: Address = typed.parse().expect(typed);
            assert_eq!(address.to_string(), read, "{typed}");
            assert_eq!(read.parse::<Address>().expect(read), address);
        }
    }

    #[test]
    fn what_is_none_is_told_with_an_example() {
        for wrong in [
            "",
            "https://",
            "hub:0",
            "hub:x",
            "hub:99999",
            "a b",
            "https://hub/page",
            "ftp://hub",
            "https://ada@hub",
            "https://hub:+5",
            "[::1",
            "https://[hub]:1",
        ] {
            let error = wrong.parse::<Address>().expect_err(wrong).to_string();
            assert!(error.contains("https://hub.example.org:5100"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_password_does_not_cross_a_network_in_the_clear() {
        for wrong in ["http://hub.example.org:5100", "http://10.0.0.5:5100"] {
            let error = wrong.parse::<Address>().expect_err(wrong).to_string();
            assert!(error.contains("use https://"), "{error}");
        }
    }
}
