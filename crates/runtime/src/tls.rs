//! TLS 1.3 between agents and the hub, and for the page.
//!
//! One port takes both plain HTTP and TLS; see [`crate::http::Transport`]. What is
//! here makes and takes TLS connections. Certificates are checked by webpki
//! against the hub's own authority and nothing else: no certificate of the
//! machine's or the world's authorities opens anything here. Before an agent
//! has a certificate, one of two pins stands in: the authority's fingerprint,
//! or the other side's key.
//!
//! There are no session tickets and no early data: a session that goes on
//! would escape a renewed or removed certificate, and early data can be replayed.

mod client;
mod credentials;
mod error;
mod judge;
mod look;
mod pin;
mod server;
mod stream;

#[cfg(test)]
mod memory;
#[cfg(test)]
pub(crate) mod tests;

pub use client::TlsClient;
pub use credentials::{Credentials, CredentialsError};
pub use error::TlsError;
pub use look::shown_authority;
pub use server::TlsServer;
pub use stream::{PULSE_LABEL, TlsStream};

/// The most bytes that wait in a connection to be encrypted or sent. Writing
/// more than that waits for the peer, so that ten thousand stuck streams keep
/// no more than this each.
pub const MAX_WAITING_BYTES: usize = 16 << 10;

/// The one protocol that is spoken inside (RFC 7301).
const ALPN: &[u8] = b"http/1.1";
