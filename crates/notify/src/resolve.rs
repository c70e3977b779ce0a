//! Host names to addresses, remembering the last good answer.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// How many hosts are remembered; there are as many as providers, so a full
/// memory means that the config changed many times, and it is emptied.
const MAX_HOSTS: usize = 32;

/// How many addresses of one host are tried.
const MAX_ADDRESSES: usize = 4;

/// Looks names up and falls back on the last good answer when the resolver
/// fails or is slow, so that a broken resolver does not stop the mail.
///
/// An old answer stays usable without limit of age: the mail server and the
/// provider prove who they are by their certificate, so an address that has
/// changed hands gets nothing.
#[derive(Debug, Clone)]
pub(crate) struct Resolver {
    timeout: Duration,
    last: Arc<Mutex<HashMap<String, Vec<IpAddr>>>>,
}

impl Resolver {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout, last: Arc::default() }
    }

    /// The addresses of `host`, at most four.
    ///
    /// # Errors
    /// In words, when the resolver has none and none is remembered.
    pub(crate) async fn lookup(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        // The system's resolver runs on the runtime's threads for blocking
        // work; a hanging one costs such a thread and nothing else.
        let found = tokio::time::timeout(self.timeout, tokio::net::lookup_host((host, port)));
        let why = match found.await {
            Ok(Ok(found)) => {
                let found: Vec<IpAddr> = found.map(|a| a.ip()).take(MAX_ADDRESSES).collect();
                if !found.is_empty() {
                    self.remember(host, &found);
                    return Ok(with_port(found, port));
                }
                "it has no address".to_owned()
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {:?}", self.timeout),
        };
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last.get(host) {
            Some(known) => Ok(with_port(known.clone(), port)),
            None => Err(why),
        }
    }

    fn remember(&self, host: &str, found: &[IpAddr]) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() >= MAX_HOSTS && !last.contains_key(host) {
            last.clear();
        }
        last.insert(host.to_owned(), found.to_vec());
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let found = resolver.lookup(name.as_str(), 0).await?;
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

fn with_port(addresses: Vec<IpAddr>, port: u16) -> Vec<SocketAddr> {
    addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_remembered_answer_outlives_the_resolver() {
        let resolver = Resolver::new(Duration::from_secs(5));
        // RFC 6761 keeps this name from ever having an address.
        let unknown = "mail.invalid";
        assert!(resolver.lookup(unknown, 25).await.is_err());
        resolver.remember(unknown, &[IpAddr::from([192, 0, 2, 7])]);
        let known = resolver.lookup(unknown, 25).await.unwrap();
        assert_eq!(known, [SocketAddr::from(([192, 0, 2, 7], 25))]);
        let literal = resolver.lookup("::1", 26).await.unwrap();
        assert_eq!(literal, ["[::1]:26".parse().unwrap()]);
    }
}
