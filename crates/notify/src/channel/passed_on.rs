//! URLs whose query holds both what the channel is to do and what its server wants to get.
//!
//! As Apprise has it: `+Name=value` is a header, `-name=value` goes to the server whatever its
//! name is. Beside those, the channel takes the settings that it knows, and the rest is passed on.

use std::fmt;

use crate::channel::address::percent_encoded;
use crate::channel::{Address, Request};
use crate::url::percent_decoded;

/// Headers that say how the request itself is sent.
const NOT_OURS: [&str; 6] =
    ["host", "content-length", "content-type", "transfer-encoding", "connection", "te"];

/// Where a request goes and with what. `Debug` shows nothing of it: any part may be a key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Without a query.
    pub(crate) url: String,
    /// What the server gets, in order, as it was written.
    pub(crate) fields: Vec<(String, String)>,
    /// Headers of the user.
    headers: Vec<(String, String)>,
    /// What the channel knows.
    settings: Vec<(String, String)>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Target(…)")
    }
}

impl Target {
    /// Takes the URL of a channel apart, whose settings have these names.
    ///
    /// # Errors
    /// In words that hold nothing of the URL.
    pub(crate) fn of(address: &Address, secure: bool, settings: &[&str]) -> Result<Self, String> {
        let (whole, query) = address.text.split_once('?').unwrap_or((&address.text, ""));
        let (_, rest) = whole.split_once("://").unwrap_or(("", whole));
        // As it was written: a server may tell `/hook/` from `/hook`.
        let path = rest.split_once('/').map_or("", |(_, path)| path);
        let url = format!("{}/{path}", address.origin(secure)?);
        let mut target =
            Self { url, fields: Vec::new(), headers: Vec::new(), settings: Vec::new() };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            target.take(pair, settings)?;
        }
        Ok(target)
    }

    fn take(&mut self, pair: &str, settings: &[&str]) -> Result<(), String> {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = |text| percent_decoded(text).ok_or("it is not UTF-8 once decoded");
        let (name, value) = (decoded(name)?, decoded(value)?);
        if let Some(name) = name.strip_prefix('+') {
            self.headers.push(header(name, value)?);
        } else if let Some(name) = name.strip_prefix('-') {
            self.fields.push((name.to_owned(), value));
        } else if settings.contains(&name.to_ascii_lowercase().as_str()) {
            self.settings.push((name.to_ascii_lowercase(), value));
        } else {
            self.fields.push((name, value));
        }
        Ok(())
    }

    /// The value of a setting, where it has one.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        let found = self.settings.iter().find(|(known, value)| known == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// The request with the user's headers.
    pub(crate) fn headed(&self, request: Request) -> Request {
        self.headers.iter().fold(request, |request, (name, value)| {
            request.with_header(name.clone(), value.clone())
        })
    }

    /// The URL with these fields in its query.
    pub(crate) fn url_with(&self, fields: &[(String, String)]) -> String {
        if fields.is_empty() {
            return self.url.clone();
        }
        let pair = |(name, value): &(String, String)| {
            format!("{}={}", percent_encoded(name), percent_encoded(value))
        };
        let pairs: Vec<String> = fields.iter().map(pair).collect();
        format!("{}?{}", self.url, pairs.join("&"))
    }
}

fn header(name: &str, value: String) -> Result<(String, String), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(fits) {
        return Err("what follows + is no name of a header".to_owned());
    }
    if NOT_OURS.contains(&name.to_ascii_lowercase().as_str()) {
        return Err("that header says how a request is sent: it cannot be set".to_owned());
    }
    if !value.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
        return Err("the value of a header holds what no header may".to_owned());
    }
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target, String> {
        Target::of(&Address::parse(url).unwrap(), true, &["to", "secret"])
    }

    #[test]
    fn settings_fields_and_headers_are_told_apart() {
        let url = "x+https://u:p@h:8/a%20b/?to=+49&apiKey=K%26&-to=2&+X-Key=v%20w&secret=s";
        let target = target(url).unwrap();
        assert_eq!(target.url, "https://h:8/a%20b/");
        let fields = [("apiKey", "K&"), ("to", "2")];
        assert_eq!(target.fields, fields.map(|(a, b)| (a.to_owned(), b.to_owned())));
        assert_eq!(target.headers, [("X-Key".to_owned(), "v w".to_owned())]);
        assert_eq!((target.setting("to"), target.setting("secret")), (Some("+49"), Some("s")));
        assert_eq!(target.url_with(&target.fields), "https://h:8/a%20b/?apiKey=K%26&to=2");
        assert_eq!(format!("{target:?}"), "Target(…)");
    }

    #[test]
    fn a_header_is_one() {
        for bad in ["+=x", "+Host=x", "+content-length=1", "+X%0d%0aY=1", "+X=a%0d%0ab", "+X=ä"] {
            let url = format!("x+https://h/?{bad}");
            let address = Address::parse(&url);
            let target = address.and_then(|address| Target::of(&address, true, &[]));
            assert!(target.is_err(), "{bad}");
        }
    }
}
