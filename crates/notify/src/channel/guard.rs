//! Where a channel may lead: to the public internet, and else only where the hub's
//! administrator allows it. A user's channel must not make the hub speak to what only
//! the hub can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use reqwest::Url;
use watchfire_runtime::net::Network;

use crate::url::{host_and_port, is_loopback};
use crate::{ChannelError, clean};

/// What is not the public internet (the registries of RFC 6890 for special-purpose
/// addresses), with the word for it.
const SPECIAL_4: [([u8; 4], u32, &str); 15] = [
    ([0, 0, 0, 0], 8, "an address of this machine"),
    ([10, 0, 0, 0], 8, "a private address"),
    ([100, 64, 0, 0], 10, "an address behind a carrier's NAT"),
    ([127, 0, 0, 0], 8, "an address of this machine"),
    ([169, 254, 0, 0], 16, "a link-local address"),
    ([172, 16, 0, 0], 12, "a private address"),
    ([192, 0, 0, 0], 24, "a reserved address"),
    ([192, 0, 2, 0], 24, "an address for documentation"),
    ([192, 88, 99, 0], 24, "a reserved address"),
    ([192, 168, 0, 0], 16, "a private address"),
    ([198, 18, 0, 0], 15, "an address for benchmarks"),
    ([198, 51, 100, 0], 24, "an address for documentation"),
    ([203, 0, 113, 0], 24, "an address for documentation"),
    ([224, 0, 0, 0], 4, "a multicast address"),
    ([240, 0, 0, 0], 4, "a reserved address"),
];

/// The same of IPv6. What is outside of `2000::/3` is special in any case.
const SPECIAL_6: [(u128, u32, &str); 12] = [
    (0x0000_0000 << 96, 96, "an address of this machine"),
    (0x0064_ff9b << 96, 96, "an IPv4 address behind NAT64"),
    (0x0064_ff9b_0001 << 80, 48, "an IPv4 address behind NAT64"),
    (0xfc00 << 112, 7, "a private address"),
    (0xfe80 << 112, 10, "a link-local address"),
    (0xfec0 << 112, 10, "a private address"),
    (0xff00 << 112, 8, "a multicast address"),
    (0x2001_0db8 << 96, 32, "an address for documentation"),
    (0x3fff << 112, 20, "an address for documentation"),
    (0x2002 << 112, 16, "an IPv4 address behind 6to4"),
    (0x2001_0000 << 96, 32, "an IPv4 address behind Teredo"),
    (0x2001 << 112, 23, "a reserved address"),
];

/// What the hub's administrator allows channels to reach besides the public internet:
/// `[notify] allow` in `hub.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed(Vec<AllowedHost>);

/// One entry of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedHost {
    /// All addresses of a network, or one address.
    Network(Network),
    /// A name, wherever it leads.
    Name(String),
}

impl FromStr for AllowedHost {
    type Err = String;

    /// Reads `10.1.2.0/24`, `10.1.2.3` or `chat.intern.example`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.contains("://") {
            return Err("write the host alone".to_owned());
        }
        if text.contains('/') || text.parse::<IpAddr>().is_ok() {
            return match text.parse::<Network>() {
                Ok(network) if network.is_everything() => Err("it allows everything".to_owned()),
                Ok(network) => Ok(Self::Network(network)),
                Err(error) => Err(error.to_string()),
            };
        }
        let (name, port) = host_and_port(text)?;
        if port.is_some() {
            return Err("leave the port out: every port of a host is allowed".to_owned());
        }
        Ok(Self::Name(name.trim_end_matches('.').to_ascii_lowercase()))
    }
}

impl std::fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Network(network) => network.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// By what way a request leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Over TLS to its host.
    Direct,
    /// In the clear to its host.
    Plain,
    /// To the proxy that the environment names, which looks names up itself.
    Proxy,
}

impl Allowed {
    /// These and the public internet.
    #[must_use]
    pub fn new(hosts: Vec<AllowedHost>) -> Self {
        Self(hosts)
    }

    /// The entries, in order.
    #[must_use]
    pub fn hosts(&self) -> &[AllowedHost] {
        &self.0
    }

    /// Whether a request to `url` may leave, as far as that is known before its name is looked up.
    pub(crate) fn check(&self, url: &Url, way: Way) -> Result<(), ChannelError> {
        let host = url.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        if self.has_name(bare) {
            return Ok(());
        }
        if let Ok(address) = bare.parse::<IpAddr>() {
            return self.check_address(address, way).map_err(|what| blocked(bare, what));
        }
        if is_loopback(bare) || bare.to_ascii_lowercase().ends_with(".localhost") {
            return Err(blocked(bare, "a name of this machine"));
        }
        let some_network = self.0.iter().any(|host| matches!(host, AllowedHost::Network(_)));
        if way == Way::Plain && !some_network {
            return Err(blocked(bare, IN_THE_CLEAR));
        }
        Ok(())
    }

    /// Of the addresses that `name` has, those that may be connected to; when there are none,
    /// why not.
    pub(crate) fn of_name(
        &self,
        name: &str,
        addresses: Vec<IpAddr>,
        way: Way,
    ) -> Result<Vec<IpAddr>, ChannelError> {
        if self.has_name(name) {
            return Ok(addresses);
        }
        let mut first = None;
        let mut fit = Vec::with_capacity(addresses.len());
        for address in addresses {
            match self.check_address(address, way) {
                Ok(()) => fit.push(address),
                Err(what) => first = first.or(Some((address, what))),
            }
        }
        match first {
            Some((_, what)) if fit.is_empty() => Err(blocked(name, what)),
            _ => Ok(fit),
        }
    }

    fn check_address(&self, address: IpAddr, way: Way) -> Result<(), &'static str> {
        let is_in = |host: &AllowedHost| matches!(host, AllowedHost::Network(network) if network.contains(address));
        if self.0.iter().any(is_in) {
            return Ok(());
        }
        match (special(address), way) {
            (Some(what), _) => Err(what),
            (None, Way::Plain) => Err(IN_THE_CLEAR),
            (None, Way::Direct | Way::Proxy) => Ok(()),
        }
    }

    fn has_name(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.');
        let is_it = |allowed: &AllowedHost| matches!(allowed, AllowedHost::Name(name) if name.eq_ignore_ascii_case(host));
        self.0.iter().any(is_it)
    }
}

/// Why a public address is not reached by plain HTTP.
const IN_THE_CLEAR: &str = "reached without TLS (over TLS the kind ends in s, as in ntfys://)";

fn blocked(host: &str, what: &'static str) -> ChannelError {
    ChannelError::Blocked { host: clean::line(host), what }
}

/// What a special address is; `None` for one of the public internet.
fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => special_4(address),
        IpAddr::V6(address) => special_6(address),
    }
}

fn special_4(address: Ipv4Addr) -> Option<&'static str> {
    let is_in = |(first, bits, _): &&([u8; 4], u32, _)| {
        (address.to_bits() ^ u32::from_be_bytes(*first)) >> (32 - bits) == 0
    };
    SPECIAL_4.iter().find(is_in).map(|(_, _, what)| *what)
}

fn special_6(address: Ipv6Addr) -> Option<&'static str> {
    if address.to_ipv4_mapped().is_some() {
        return Some("an IPv4 address in IPv6's clothes");
    }
    let is_in =
        |(first, bits, _): &&(u128, u32, _)| (address.to_bits() ^ first) >> (128 - bits) == 0;
    let named = SPECIAL_6.iter().find(is_in).map(|(_, _, what)| *what);
    named.or_else(|| (address.to_bits() >> 125 != 1).then_some("a reserved address"))
}

/// The host of a URL, for words that hold no secret; empty when it has none.
pub(crate) fn host_of(url: &str) -> String {
    let url = Url::parse(url).ok();
    url.and_then(|url| url.host_str().map(clean::line)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
