//! An Apprise-style URL taken apart: `scheme://user:password@host:port/a/b?c=d`.

use std::fmt;

use crate::url::{host_and_port, percent_decoded};

/// The longest URL of a channel, in bytes. The longest that a provider hands out
/// (a Teams workflow's) is about 400.
const MAX_BYTES: usize = 4096;

/// The keys of a query that hold targets, separated by commas: Apprise's and shoutrrr's.
const TARGET_KEYS: [&str; 3] = ["to", "chats", "rooms"];

/// A channel's URL in its parts, percent-decoded. Many providers' URLs hold a token
/// where others have a host, so nothing here is checked to be one: [`Address::origin`]
/// does that. `Debug` shows the scheme only.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// In lower case.
    pub(crate) scheme: String,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    /// As it was written, an IPv6 address with its brackets; empty for `scheme:///path`.
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    /// The segments that are not empty. A `#` is a character like others, because names
    /// of channels begin with it.
    pub(crate) path: Vec<String>,
    /// Keys in lower case, in order. A `+` is itself, because telephone numbers begin with it.
    pub(crate) query: Vec<(String, String)>,
    /// All before path and query, decoded: where a token holds what else would be a port.
    pub(crate) authority: String,
    /// The whole as it was written.
    pub(crate) text: String,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({}:…)", self.scheme)
    }
}

impl Address {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// In words that hold nothing of the URL.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.len() > MAX_BYTES {
            return Err(format!("it is longer than {MAX_BYTES} bytes"));
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err("it holds a space or a line break: write them as %20 and %0A".to_owned());
        }
        let (scheme, rest) = text.split_once("://").ok_or("it has no :// after its kind")?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        let (user, password) = match login.map(|login| login.split_once(':').ok_or(login)) {
            None => (None, None),
            Some(Ok((user, password))) => (Some(decoded(user)?), Some(decoded(password)?)),
            Some(Err(user)) => (Some(decoded(user)?), None),
        };
        let (host, port) = split_port(place);
        Ok(Self {
            scheme: scheme.to_ascii_lowercase(),
            user: user.filter(|user| !user.is_empty()),
            password: password.filter(|password| !password.is_empty()),
            host: decoded(host)?,
            port,
            path: segments(path).map(decoded).collect::<Result<_, _>>()?,
            query: pairs(query)?,
            authority: decoded(authority)?,
            text: text.to_owned(),
        })
    }

    /// The segment of the path with this number, from 0.
    pub(crate) fn segment(&self, number: usize) -> Option<&str> {
        self.path.get(number).map(String::as_str)
    }

    /// The first value of a key that is not empty.
    pub(crate) fn query(&self, key: &str) -> Option<&str> {
        let mut values = self.query.iter().filter(|(name, _)| name == key).map(|(_, value)| value);
        values.find(|value| !value.is_empty()).map(String::as_str)
    }

    /// The value of the first of several spellings of a key.
    pub(crate) fn any_query(&self, keys: &[&str]) -> Option<&str> {
        keys.iter().find_map(|key| self.query(key))
    }

    /// `https://host:port` of a URL that names a server of one's own; `http` when not `secure`.
    ///
    /// # Errors
    /// In words, when the host is none.
    pub(crate) fn origin(&self, secure: bool) -> Result<String, String> {
        // A token may stand where the host does, so the words hold nothing of it.
        let no_host = |_| "what stands for its host is no host name".to_owned();
        let (host, _) = host_and_port(&self.host).map_err(no_host)?;
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let scheme = if secure { "https" } else { "http" };
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        Ok(format!("{scheme}://{host}{port}"))
    }

    /// The same channel with `target` as its only one, which in this URL stand in the path
    /// from segment `from` on, and after `to=` and its kin.
    pub(crate) fn with_target(&self, from: usize, target: &str) -> String {
        let (whole, query) = self.text.split_once('?').unwrap_or((&self.text, ""));
        let (scheme, rest) = whole.split_once("://").unwrap_or(("", whole));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let mut text = format!("{scheme}://{authority}");
        for segment in segments(path).take(from).chain([percent_encoded(target).as_str()]) {
            text.push('/');
            text.push_str(segment);
        }
        let kept = query.split('&').filter(|pair| !pair.is_empty());
        let kept: Vec<&str> = kept.filter(|pair| !is_target_key(key_of(pair))).collect();
        if !kept.is_empty() {
            text.push('?');
            text.push_str(&kept.join("&"));
        }
        text
    }

    /// The same channel with `target` as its only one, which in this URL stand after `to=` alone.
    pub(crate) fn with_listed_target(&self, target: &str) -> String {
        let (whole, query) = self.text.split_once('?').unwrap_or((&self.text, ""));
        let others = query.split('&').filter(|pair| !pair.is_empty());
        let others = others.filter(|pair| !is_target_key(key_of(pair)));
        let to = format!("to={}", percent_encoded(target));
        let pairs: Vec<&str> = std::iter::once(to.as_str()).chain(others).collect();
        format!("{whole}?{}", pairs.join("&"))
    }

    /// The targets of a URL that may name several: the path from segment `from` on,
    /// and what stands after `to=` and its kin.
    pub(crate) fn targets(&self, from: usize) -> Vec<String> {
        let listed = self.query.iter().filter(|(key, _)| is_target_key(key));
        let values = listed.map(|(_, value)| value);
        let listed = values.flat_map(|value| value.split(',')).map(str::trim);
        let path = self.path.iter().skip(from).map(String::as_str);
        path.chain(listed).filter(|target| !target.is_empty()).map(str::to_owned).collect()
    }
}

/// A text as one segment of a path, or as a value of a query: all but letters, digits
/// and `-._~` is escaped (RFC 3986, section 2.3).
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn key_of(pair: &str) -> &str {
    pair.split('=').next().unwrap_or_default()
}

fn is_target_key(key: &str) -> bool {
    TARGET_KEYS.iter().any(|target| target.eq_ignore_ascii_case(key))
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

fn decoded(text: &str) -> Result<String, String> {
    let text = percent_decoded(text).ok_or("it is not UTF-8 once decoded")?;
    if text.chars().any(char::is_control) {
        return Err("it holds a line break or control character".to_owned());
    }
    Ok(text)
}

fn pairs(query: &str) -> Result<Vec<(String, String)>, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(key)?.to_ascii_lowercase(), decoded(value)?))
        })
        .collect()
}

/// What follows the last colon is a port only where it can be one.
fn split_port(place: &str) -> (&str, Option<u16>) {
    match place.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            match port.parse::<u16>() {
                Ok(port) if port > 0 => (host, Some(port)),
                _ => (place, None),
            }
        }
        _ => (place, None),
    }
}

#[cfg(test)]
mod tests;
