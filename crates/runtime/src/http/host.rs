use std::collections::BTreeSet;
use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{Request, StatusCode, header};

/// The names by which a daemon is called. A request for another name is turned
/// away before anything else, so that a page whose name was made to point here
/// (DNS rebinding) reads nothing through its visitor's browser.
#[derive(Debug, Clone)]
pub struct HostNames(BTreeSet<String>);

/// Why a request's host was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// There is none, or more than one.
    #[error("send exactly one Host header")]
    NotOne,
    /// It is no host.
    #[error("the Host header is not understood")]
    Unclear,
    /// The request line names another one.
    #[error("the Host header and the request line name different hosts")]
    Differs,
    /// It is the name of somebody else.
    #[error("that name is not known here")]
    Foreign,
}

impl HostError {
    /// The status to answer with; the connection is to be closed after it.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::NotOne | Self::Unclear | Self::Differs => StatusCode::BAD_REQUEST,
            Self::Foreign => StatusCode::MISDIRECTED_REQUEST,
        }
    }
}

impl HostNames {
    /// `localhost` and the names in `names`.
    #[must_use]
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter().chain(["localhost"]).filter(|name| is_host_name(name));
        Self(names.map(str::to_ascii_lowercase).collect())
    }

    /// Lets a request through whose `Host` is one of the names or an address.
    ///
    /// # Errors
    /// [`HostError`] says what is wrong with its host.
    pub fn check<B>(&self, request: &Request<B>) -> Result<(), HostError> {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(HostError::NotOne);
        };
        let host = host.to_str().ok().and_then(authority).ok_or(HostError::Unclear)?;
        let same = |target: &Authority| target.as_str().eq_ignore_ascii_case(host.as_str());
        if !request.uri().authority().is_none_or(same) {
            return Err(HostError::Differs);
        }
        if self.knows(host.host()) { Ok(()) } else { Err(HostError::Foreign) }
    }

    /// An address is always fine: a page that came from this address is ours, and
    /// the address may be another machine's that passes the connection on. Only
    /// a name can be made to point here.
    fn knows(&self, host: &str) -> bool {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        bare.parse::<IpAddr>().is_ok()
            || self.0.contains(host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase().as_str())
    }
}

/// True for a host name without scheme, port and user.
#[must_use]
pub fn is_host_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 253 && name.chars().all(fits)
}

fn authority(host: &str) -> Option<Authority> {
    // User information is valid in an authority, but not in a Host header.
    host.parse::<Authority>().ok().filter(|host| !host.as_str().contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(target: &str, hosts: &[&str]) -> u16 {
        let names = HostNames::new(["web-1", "Agent.Example.org"]);
        let mut request = Request::builder().uri(target);
        for host in hosts {
            request = request.header("host", *host);
        }
        let request = request.body(()).expect("a request");
        names.check(&request).map_or_else(|error| error.status().as_u16(), |()| 200)
    }

    #[test]
    fn only_our_own_names_are_answered() {
        let good = [
            "localhost",
            "localhost:5000",
            "LOCALHOST:5000",
            "localhost.",
            "127.0.0.1:5000",
            "127.0.0.1:15000",
            "[::1]:5000",
            "192.0.2.7:5000",
            "web-1",
            "agent.example.org:80",
            "[::ffff:192.0.2.7]",
            "[::2]",
        ];
        for host in good {
            assert_eq!(status("/stats", &[host]), 200, "{host}");
        }
        let foreign = [
            "evil.test",
            "evil.test:5000",
            "localhost.evil.test",
            "127.0.0.1.evil.test",
            "web-2",
            "0x7f000001",
        ];
        for host in foreign {
            assert_eq!(status("/stats", &[host]), 421, "{host}");
        }
    }

    #[test]
    fn unclear_hosts_are_bad_requests() {
        assert_eq!(status("/stats", &[]), 400);
        assert_eq!(status("/stats", &["localhost", "localhost"]), 400);
        for host in ["", "localhost/", "user@localhost", "local host", "localhost:x:y"] {
            assert_eq!(status("/stats", &[host]), 400, "{host:?}");
        }
        assert_eq!(status("http://evil.test/stats", &["localhost"]), 400);
        assert_eq!(status("http://localhost:5000/stats", &["LocalHost:5000"]), 200);
        assert_eq!(status("http://evil.test/stats", &["evil.test"]), 421);
    }

    #[test]
    fn a_host_name_is_a_name_alone() {
        for bad in ["", "http://x", "x:80", "a b", "ü.example", "[::1]"] {
            assert!(!is_host_name(bad), "{bad}");
        }
        assert!(is_host_name("web-1.example.org"));
    }
}
