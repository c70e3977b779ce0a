use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses: one address, or all that begin with the same bits
/// (RFC 4632, RFC 4291 section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    /// The first address; never an IPv4 address in IPv6's clothes.
    first: IpAddr,
    /// How many leading bits all addresses share.
    bits: u8,
}

/// Why a text is no [`Network`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// What stands before the slash, or alone, is no IP address.
    #[error("{0:?} is no IP address")]
    Address(String),
    /// What stands after the slash is no number of bits of such an address.
    #[error("{0:?} is no number of bits from 0 to {1}")]
    Bits(String, u8),
    /// The address does not begin its network.
    #[error("{0} lies inside a network and does not begin it: the network is {1}")]
    Inside(IpAddr, Network),
}

impl Network {
    /// True when `address` is in it. An IPv4 address may be written as IPv6.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        masked(address.to_canonical(), self.bits) == self.first
    }

    /// True for the network of all addresses of a family.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.bits == 0
    }
}

impl Network {
    /// The network that one client is taken for: an IPv4 address, or the 64 bits that
    /// whoever has one IPv6 address has all of.
    #[must_use]
    pub fn of_client(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let bits = if address.is_ipv4() { 32 } else { 64 };
        Self { first: masked(address, bits), bits }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    /// Reads `192.0.2.1`, `10.0.0.0/8`, `::1` or `2001:db8::/32`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let no_address = |_| NetworkError::Address(address.to_owned());
        let address: IpAddr = address.parse().map_err(no_address)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) => number(bits)
                .filter(|bits| *bits <= most)
                .ok_or_else(|| NetworkError::Bits(bits.to_owned(), most))?,
        };
        let (first, bits) = match address.to_canonical() {
            // The 96 bits before it are the clothes.
            inner @ IpAddr::V4(_) if most == 128 && bits >= 96 => (inner, bits - 96),
            _ => (address, bits),
        };
        let network = Self { first: masked(first, bits), bits };
        if network.first == first { Ok(network) } else { Err(NetworkError::Inside(first, network)) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = if self.first.is_ipv4() { 32 } else { 128 };
        if self.bits == whole {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}/{}", self.first, self.bits)
        }
    }
}

/// Digits alone: `parse` would take a sign as well.
fn number(text: &str) -> Option<u8> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The address with all but its leading `bits` zero.
fn masked(address: IpAddr, bits: u8) -> IpAddr {
    let bits = u32::from(bits);
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - bits.min(32)).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - bits.min(128)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(text: &str) -> Network {
        text.parse().expect(text)
    }

    #[test]
    fn a_client_has_an_address_or_64_bits_of_one() {
        let of = |text: &str| Network::of_client(text.parse().expect(text)).to_string();
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
    }

    #[test]
    fn networks_hold_their_addresses_and_no_others() {
        for (text, inside, outside) in [
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("192.0.2.1", "::ffff:192.0.2.1", "::192.0.2.1"),
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "a00::1"),
            ("192.168.0.0/23", "192.168.1.9", "192.168.2.0"),
            ("::1", "::1", "127.0.0.1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.0"),
            ("::/0", "2001:db8::1", "10.0.0.1"),
            ("0.0.0.0/0", "10.0.0.1", "2001:db8::1"),
        ] {
            let network = network(text);
            assert!(network.contains(inside.parse().expect("an address")), "{text} {inside}");
            assert!(!network.contains(outside.parse().expect("an address")), "{text} {outside}");
        }
        assert!(network("::/0").is_everything() && !network("::1").is_everything());
    }

    #[test]
    fn mistakes_are_named() {
        for (text, words) in [
            ("", "\"\" is no IP address"),
            ("proxy.example.org", "\"proxy.example.org\" is no IP address"),
            ("10.0.0.0/33", "\"33\" is no number of bits from 0 to 32"),
            ("::1/129", "from 0 to 128"),
            ("10.0.0.0/", "\"\" is no number of bits"),
            ("10.0.0.0/+8", "\"+8\" is no number of bits"),
            ("10.0.0.0/8/8", "\"8/8\" is no number of bits"),
            (
                "10.0.0.5/8",
                "10.0.0.5 lies inside a network and does not begin it: the network is 10.0.0.0/8",
            ),
            ("[::1]", "\"[::1]\" is no IP address"),
            ("fe80::1%eth0", "is no IP address"),
        ] {
            let error = text.parse::<Network>().expect_err(text).to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(high: u128, bits in 0_u8..=128, v4: bool) {
            let first = if v4 {
                IpAddr::V4(((high >> 96) as u32).into())
            } else {
                IpAddr::V6(Ipv6Addr::from_bits(high))
            };
            let bits = if v4 { bits.min(32) } else { bits };
            let network = Network { first: masked(first, bits), bits };
            prop_assume!(network.first == network.first.to_canonical());
            prop_assert!(network.contains(first) || first != first.to_canonical());
            prop_assert_eq!(network.to_string().parse::<Network>(), Ok(network));
        }
    }
}
