//! The door that stands open on loopback, where the hub was started so: programs and people on
//! this machine read without a login.
//!
//! The page of any site runs in a browser on this machine too. So it is not enough where a
//! request comes from: it must name this machine by a word that no stranger can make point here
//! (DNS rebinding), come from no other site's page, and from no proxy that stands on this machine.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use watchfire_identity::{Role, password};
use watchfire_model::{Moment, Scope};
use watchfire_runtime::http::Peer;

use super::App;
use super::guard::same_origin;
use super::session::Session;
use crate::accounts::Account;

/// The user that whoever comes by this door is.
const NAME: &str = "anybody on this machine";
/// What proxies add to a request that they pass on.
const OF_PROXIES: [&str; 5] =
    ["x-forwarded-for", "x-forwarded-host", "x-real-ip", "forwarded", "via"];

/// The one session of all who come by this door.
#[derive(Debug, Default)]
pub(super) struct OpenDoor(Mutex<Option<String>>);

impl App {
    /// The session of a request that needs no login.
    pub(super) fn open_session(&self, parts: &Parts, now: Moment) -> Option<(String, Session)> {
        if !self.is_open_to(parts) {
            return None;
        }
        let mut id = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
        let alive = id.clone().and_then(|id| Some((id.clone(), self.sessions.find(&id, now)?)));
        alive.or_else(|| {
            let (begun, session) = self.sessions.begin(anybody(), "this machine".to_owned(), now);
            *id = Some(begun.clone());
            Some((begun, session))
        })
    }

    /// True for a request that comes by this door.
    pub(super) fn is_open_to(&self, parts: &Parts) -> bool {
        let peer = parts.extensions.get::<Peer>();
        let near = peer.is_some_and(|peer| peer.remote.ip().to_canonical().is_loopback());
        self.parts.open_on_loopback && near && is_for_this_machine(&parts.headers)
    }
}

/// It sees everything and changes nothing. Nobody logs in as it: it is in no list of accounts.
fn anybody() -> Account {
    Account {
        name: NAME.to_owned(),
        role: Role::Viewer,
        scope: Scope::everything(),
        password: password::decoy().clone(),
    }
}

fn is_for_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| host.parse::<Authority>().ok());
    host.is_some_and(|host| is_loopback(host.host()))
        && same_origin(headers).is_ok()
        && !OF_PROXIES.iter().any(|name| headers.contains_key(*name))
}

/// An address of loopback or `localhost`, which browsers and resolvers keep for it (RFC 6761).
fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn passes(pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        is_for_this_machine(&headers)
    }

    #[test]
    fn only_what_names_this_machine_and_comes_straight_from_it_passes() {
        for host in ["localhost", "LOCALHOST:5100", "127.0.0.1:5100", "127.8.8.8", "[::1]:5100"] {
            assert!(passes(&[("host", host)]), "{host}");
        }
        for host in
            ["evil.test", "localhost.evil.test", "127.0.0.1.evil.test", "192.0.2.1", "0.0.0.0", ""]
        {
            assert!(!passes(&[("host", host)]), "{host}");
        }
        assert!(!passes(&[]));
        let host = ("host", "localhost:5100");
        assert!(passes(&[host, ("origin", "http://localhost:5100")]));
        for other in [
            ("origin", "http://evil.test"),
            ("origin", "http://localhost:8000"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("x-forwarded-for", "127.0.0.1"),
            ("forwarded", "for=127.0.0.1"),
            ("via", "1.1 proxy"),
            ("x-real-ip", "127.0.0.1"),
        ] {
            assert!(!passes(&[host, other]), "{other:?}");
        }
    }
}
