use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use watchfire_identity::Scope;

use crate::http::auth::{Place, authorise, from_query};
use crate::http::reply::{self, Refusal};
use crate::http::{App, Peer, login};

/// Either opens the metrics.
const SCOPES: [Scope; 2] = [Scope::Metrics, Scope::Read];
/// How the headers begin that proxies add. What comes from one over loopback
/// comes from anywhere.
const PROXY_STARTS: [&str; 8] =
    ["cdn-loop", "cf-", "forwarded", "via", "x-envoy-", "x-forwarded", "x-original-", "x-real-ip"];
/// What names of such headers hold that no list is complete of.
const PROXY_PARTS: [&str; 3] = ["client-ip", "connecting-ip", "forwarded-for"];

const LOG_IN: &str = "log in with HTTP Basic, or send a token: get one at /login";

/// Lets pass who may have the metrics: a token as everywhere, a name and a
/// password by HTTP Basic because a scraper cannot renew a token, or this
/// machine's own programs where the config says so.
///
/// # Errors
/// 401 to whoever is not known, 403 without the scope, 429 after too many
/// wrong passwords.
pub(super) async fn check(app: &App, peer: Peer, request: &Parts) -> Result<(), Refusal> {
    let headers = &request.headers;
    if headers.get_all(AUTHORIZATION).iter().count() == 1 && login::is_basic(headers) {
        let user = login::recognise(app, peer, headers).await?;
        if user.scopes.iter().any(|scope| SCOPES.contains(scope)) {
            return Ok(());
        }
        let words = "this needs a user with the scope metrics or read";
        return Err(reply::message(StatusCode::FORBIDDEN, words).into());
    }
    if headers.contains_key(AUTHORIZATION) || from_query(request).is_some() {
        return authorise(app, request, Place::HeaderOrQuery, &SCOPES).map(|_| ());
    }
    if app.metrics.open_on_loopback && is_own_program(peer, headers) {
        return login::origin::check(headers);
    }
    Err(reply::login_required(LOG_IN).into())
}

fn is_own_program(peer: Peer, headers: &HeaderMap) -> bool {
    peer.remote.ip().to_canonical().is_loopback()
        && !headers.keys().any(|name| is_of_proxy(name.as_str()))
}

/// Names of headers are in lower case here.
fn is_of_proxy(name: &str) -> bool {
    PROXY_STARTS.iter().any(|start| name.starts_with(start))
        || PROXY_PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_loopback_without_a_proxy_is_this_machine() {
        let own = |address: &str, header: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(name) = header {
                headers.insert(name, HeaderValue::from_static(""));
            }
            is_own_program(
                Peer { remote: address.parse().expect("an address"), tls: None },
                &headers,
            )
        };
        for address in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(own(address, None), "{address}");
            for header in ["accept", "user-agent", "host", "x-prometheus-scrape-timeout-seconds"] {
                assert!(own(address, Some(header)), "{address} {header}");
            }
            for header in [
                "forwarded",
                "via",
                "x-forwarded",
                "x-forwarded-for",
                "x-forwarded-host",
                "x-forwarded-proto",
                "x-forwarded-port",
                "x-forwarded-server",
                "x-real-ip",
                "client-ip",
                "x-client-ip",
                "x-cluster-client-ip",
                "true-client-ip",
                "fastly-client-ip",
                "cf-connecting-ip",
                "cf-connecting-ipv6",
                "x-original-forwarded-for",
                "x-envoy-external-address",
            ] {
                assert!(!own(address, Some(header)), "{address} {header}");
            }
        }
        for address in ["10.0.0.1:1", "0.0.0.0:1", "[::]:1", "[fe80::1]:1", "[::ffff:10.0.0.1]:1"] {
            assert!(!own(address, None), "{address}");
        }
    }
}
