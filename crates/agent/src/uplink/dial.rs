//! The agent dials the hub that it belongs to, and dials again whenever the
//! stream ends.
//!
//! The name is looked up for each dial; while a resolver is slow or says
//! nothing, the last good addresses serve for a day. A stream that stands needs
//! no name.

mod again;
#[cfg(test)]
mod tests;
mod told;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::TcpStream;
use tokio::sync::watch;
use watchfire_identity::certificate::HUB_NAME;
use watchfire_runtime::Clock;
use watchfire_runtime::backoff::jitter;
use watchfire_runtime::net::{Resolver, first_of};
use watchfire_runtime::socket::Socket;
use watchfire_runtime::tls::PULSE_LABEL;

use self::again::Again;
use self::told::Told;
use super::session::{self, Begun, End};
use super::{LIMITS, Uplink};
use crate::identity::Enrolment;

/// For how long the hub's last good addresses serve when no lookup succeeds.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// How long each step of a dial may take.
const LOOKUP_TIME: Duration = Duration::from_secs(2);
const CONNECT_TIME: Duration = Duration::from_secs(3);
const HANDSHAKE_TIME: Duration = Duration::from_secs(5);
const OPENING_TIME: Duration = Duration::from_secs(3);
/// When nothing that was sent is acknowledged by the hub's kernel for so long,
/// the connection is over: where pulses do not get through, this alone finds a
/// hub that vanished.
const UNHEARD_MS: u32 = 10_000;
/// The port of a hub that is named without one.
const DEFAULT_PORT: u16 = 5100;
/// Where the hub takes streams.
const PATH: &str = "/stream";

/// Why a dial came to nothing, for the log.
#[derive(Debug, thiserror::Error)]
enum DialError {
    #[error("the address {0:?} is none: write host:port")]
    Address(String),
    #[error("its name has no address: {0}")]
    Name(String),
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    #[error("{0}")]
    Tls(#[from] watchfire_runtime::tls::TlsError),
    #[error("{0}")]
    Stream(String),
}

/// Keeps a stream to the hub until the agent ends. `enrolled` may change at any
/// time: another certificate serves from the next dial on, another hub at once.
pub(crate) async fn keep(up: Arc<Uplink>, enrolled: watch::Receiver<Option<Arc<Enrolment>>>) {
    let resolver = Resolver::system(KEPT, up.clock.clone());
    Dialer { up, told: Told::default(), resolver, enrolled }.keep().await;
}

struct Dialer {
    up: Arc<Uplink>,
    told: Told,
    resolver: Resolver,
    enrolled: watch::Receiver<Option<Arc<Enrolment>>>,
}

impl Dialer {
    async fn keep(mut self) {
        let mut again = Again::default();
        let (shutdown, clock) = (self.up.shutdown.clone(), self.up.clock.clone());
        loop {
            let me = tokio::select! {
                biased;
                () = shutdown.requested() => return,
                me = self.hub() => me,
            };
            let Some((me, hub)) = me else { return };
            let begun = clock.now();
            // The end of the agent ends no stream here: each says goodbye first.
            let ended = tokio::select! {
                biased;
                ended = self.once(&me, &hub) => ended,
                () = moved(self.enrolled.clone(), &hub) => {
                    tracing::info!("the hub is another one now");
                    None
                }
            };
            if ended == Some(End::Leaving) {
                return;
            }
            let pause = again.pause(ended, begun, clock.now(), jitter());
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = clock.sleep(pause) => {}
            }
        }
    }

    /// The hub to dial, once there is one; `None` when there will be none.
    async fn hub(&mut self) -> Option<(Arc<Enrolment>, String)> {
        let named = |me: &Option<Arc<Enrolment>>| hub_of(me.as_deref()).is_some();
        let me = self.enrolled.wait_for(named).await.ok()?.clone()?;
        let hub = me.hub.clone()?;
        Some((me, hub))
    }

    /// One dial, and the stream that comes of it. `None` when none came of it.
    async fn once(&self, me: &Enrolment, hub: &str) -> Option<End> {
        let dialed = tokio::select! {
            biased;
            () = self.up.shutdown.requested() => return Some(End::Leaving),
            dialed = self.dial(me, hub) => dialed,
        };
        match dialed {
            Ok((socket, begun)) => {
                self.told.forget();
                Some(session::run(Arc::clone(&self.up), socket, begun).await)
            }
            Err(error) => {
                self.up.counters.dials_failed.add(1);
                if self.told.is_due(&error.to_string(), self.up.clock.now()) {
                    tracing::info!(hub, %error, "no stream to the hub; it is tried again");
                }
                None
            }
        }
    }

    async fn dial(&self, me: &Enrolment, hub: &str) -> Result<(Socket, Begun), DialError> {
        let clock = &self.up.clock;
        let addresses = self.resolve(hub).await?;
        let (stream, hub) = connect(&addresses, clock).await?;
        let tls = me.client.connect(stream, HUB_NAME, HANDSHAKE_TIME, clock).await?;
        let pulse_key = tls.export(PULSE_LABEL);
        let opening = Socket::dial(tls, HUB_NAME, PATH, HeaderMap::new(), LIMITS);
        let opened = clock.within(OPENING_TIME, opening).await;
        let opened =
            opened.ok_or_else(|| DialError::Stream("the hub does not answer".to_owned()))?;
        let socket = opened.map_err(|error| DialError::Stream(error.to_string()))?;
        Ok((socket, Begun::Dialed { pulse_key, hub }))
    }

    async fn resolve(&self, hub: &str) -> Result<Vec<SocketAddr>, DialError> {
        let (host, port) = split(hub).ok_or_else(|| DialError::Address(hub.to_owned()))?;
        let found = self.resolver.addresses(host, LOOKUP_TIME).await;
        let found = found.map_err(|why| DialError::Name(why.to_string()))?;
        Ok(found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }
}

/// The hub that this agent is to dial.
fn hub_of(me: Option<&Enrolment>) -> Option<&str> {
    me?.hub.as_deref()
}

/// Host and port of `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address.
fn split(hub: &str) -> Option<(&str, u16)> {
    if let Some(rest) = hub.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        let port = match rest {
            "" => DEFAULT_PORT,
            rest => rest.strip_prefix(':')?.parse().ok()?,
        };
        return Some((host, port));
    }
    match hub.split_once(':') {
        Some((_, rest)) if rest.contains(':') => Some((hub, DEFAULT_PORT)),
        Some((host, port)) if !host.is_empty() => Some((host, port.parse().ok()?)),
        Some(_) => None,
        None => (!hub.is_empty()).then_some((hub, DEFAULT_PORT)),
    }
}

async fn connect(
    addresses: &[SocketAddr],
    clock: &Clock,
) -> Result<(TcpStream, SocketAddr), DialError> {
    let connected = first_of(addresses, CONNECT_TIME, clock, TcpStream::connect).await;
    let (stream, hub) = connected.map_err(|lost| {
        let why = lost.failures.last().map(io::Error::to_string);
        DialError::Unreachable(why.unwrap_or_else(|| "it does not answer".to_owned()))
    })?;
    // Signs of life are small and must not wait for one another.
    let prepared = stream
        .set_nodelay(true)
        .and_then(|()| set_tcp_user_timeout(&stream, UNHEARD_MS).map_err(Into::into));
    if let Err(error) = prepared {
        tracing::debug!(%error, "cannot set socket options");
    }
    Ok((stream, hub))
}

/// Returns when the hub is another one than `hub`.
async fn moved(mut enrolled: watch::Receiver<Option<Arc<Enrolment>>>, hub: &str) {
    let other = |me: &Option<Arc<Enrolment>>| hub_of(me.as_deref()) != Some(hub);
    if enrolled.wait_for(other).await.is_err() {
        // Nobody can change it any more.
        std::future::pending::<()>().await;
    }
}
