//! `mailto:ada@example.org` (RFC 6068), with one address and nothing else.

use lettre::Address;

use crate::ChannelError;
use crate::url::percent_decoded;

/// The address of a mail channel.
///
/// More than one address, headers in the URL (`?bcc=`) and anything that is
/// not plainly an address are refused.
pub(crate) fn address(url: &str) -> Result<Address, ChannelError> {
    let text = url.split_once(':').map_or("", |(_, rest)| rest);
    let bad =
        |why: &str| ChannelError::BadAddress { address: text.to_owned(), why: why.to_owned() };
    if text.starts_with("//") {
        return Err(bad("leave out the two slashes: mailto:ada@example.org"));
    }
    if text.contains(['?', '#']) {
        return Err(bad("leave out what follows the address: a channel is one address"));
    }
    let decoded = percent_decoded(text).ok_or_else(|| bad("it is not UTF-8"))?;
    parse(&decoded)
}

/// Reads an address strictly.
pub(crate) fn parse(text: &str) -> Result<Address, ChannelError> {
    let bad =
        |why: &str| ChannelError::BadAddress { address: text.to_owned(), why: why.to_owned() };
    if text.contains([',', ';']) {
        return Err(bad("give each address a channel of its own"));
    }
    // Quoted local parts are legal and the classic way around a check.
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || "\"<>()\\".contains(c)) {
        return Err(bad("it holds a character that has no place there"));
    }
    text.parse().map_err(|_| bad("write it like ada@example.org"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_plain_address_is_taken() {
        assert_eq!(address("mailto:ada@example.org").unwrap().to_string(), "ada@example.org");
        let tagged = address("mailto:ada%2Bfire@example.org").unwrap();
        assert_eq!(tagged.to_string(), "ada+fire@example.org");
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "mailto:",
            "mailto:ada",
            "mailto:ada@",
            "mailto:@example.org",
            "mailto:ada@example.org?bcc=eve@example.org",
            "mailto:ada@example.org%3Fbcc=eve@example.org",
            "mailto:ada@example.org,eve@example.org",
            "mailto:ada@example.org%2Ceve@example.org",
            "mailto:ada@example.org%0d%0aBcc:eve@example.org",
            "mailto:ada@example.org%0aRCPT%20TO:%3Ceve@example.org%3E",
            "mailto:%22ada%20x%22@example.org",
            "mailto:Ada <ada@example.org>",
            "mailto:ada@exam ple.org",
            "mailto://ada@example.org",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
