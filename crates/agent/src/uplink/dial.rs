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
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use watchfire_identity::certificate::HUB_NAME;
use watchfire_runtime::Clock;
use watchfire_runtime::backoff::jitter;
use watchfire_runtime::net::{Net, Resolver, Stream, first_of};
use watchfire_runtime::socket::Socket;
use watchfire_runtime::tls::PULSE_LABEL;

use self::again::Again;
use self::told::Told;
use super::session::{self, Begun, End};
use super::{LIMITS, Uplink};
use crate::identity::Enrolment;

/// For how long the hub's last good addresses serve when no lookup succeeds.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// How long each step of a dial may take. Connecting, the handshake and the opening
/// are a round trip each, and a way on which one takes four seconds is still a way.
const LOOKUP_TIME: Duration = Duration::from_secs(2);
const CONNECT_TIME: Duration = Duration::from_secs(10);
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
const OPENING_TIME: Duration = Duration::from_secs(10);
/// An address that has not answered for so long is tried once more beside the tries
/// before: the kernel's own come ever more seldom, and a way that is free again is to
/// be found soon.
const KNOCK_AGAIN: Duration = Duration::from_secs(3);
/// When nothing that was sent is acknowledged by the hub's kernel for so long,
/// the connection is over: where pulses do not get through, this alone finds a
/// hub that vanished.
const UNHEARD: Duration = Duration::from_secs(10);
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
        let mut dialed = None;
        loop {
            let me = tokio::select! {
                biased;
                () = shutdown.requested() => return,
                me = self.hub() => me,
            };
            let Some((me, hub)) = me else { return };
            // The last stream's pulses are for the hub that it led to.
            let whom = Some((me.id, hub.clone()));
            if dialed != whom {
                self.up.forget_old_pulses();
                dialed = whom;
            }
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
            let now = clock.now();
            let pause = again.pause(ended, begun, now, jitter());
            if let Some(why) = again.refusal(now) {
                tell_refusal(why, &hub);
            }
            let is_meant = again.is_meant(now);
            if again.is_unwanted(now) {
                self.up.forget_old_pulses();
            }
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                // Another enrolment is what a hub that refuses this agent waits for.
                Ok(()) = self.enrolled.changed(), if is_meant => again = Again::default(),
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
                let ended = session::run(Arc::clone(&self.up), socket, begun).await;
                self.up.counters.refused.add(u64::from(ended.is_refusal()));
                // A hub that refuses is there.
                if let (true, Some(desk)) = (ended.is_refusal(), &self.up.fallback) {
                    desk.sight.heard(self.up.clock.now());
                    // One that was removed has no part in telling that the hub is gone.
                    if matches!(ended, End::Removed) {
                        desk.forget();
                    }
                }
                Some(ended)
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
        let (stream, hub) = connect(&addresses, clock, &self.up.net).await?;
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

/// Says once what somebody has to do.
fn tell_refusal(why: End, hub: &str) {
    match why {
        End::Replaced => tracing::error!(
            hub,
            "another agent with this one's key has a stream to the hub: was this machine copied \
             from another? Stop one of the two, or give this one a key of its own: stop it, remove \
             the folder `identity` from its data folder, and enrol it anew with `watchfire join`. \
             It is tried again every few seconds"
        ),
        End::Older => tracing::error!(
            hub,
            "the hub does not take this agent: it spoke a newer version of the protocol before. \
             Update it; or, if it was meant to go back, run `watchfire server allow-older` with \
             its server's name at the hub. It is tried again within five minutes, or at once when \
             the agent is started anew"
        ),
        _ => tracing::error!(
            hub,
            "the hub does not take this agent any more: its server was removed there. To have it \
             back, make a token with `watchfire hub token` at the hub and run `watchfire join` \
             here; else stop this agent. It is tried again every few minutes"
        ),
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
    net: &Net,
) -> Result<(Stream, SocketAddr), DialError> {
    let connect = |address| knock(address, clock, net);
    let connected = first_of(addresses, CONNECT_TIME, clock, connect).await;
    let (stream, hub) = connected.map_err(|lost| {
        let why = lost.failures.last().map(io::Error::to_string);
        DialError::Unreachable(why.unwrap_or_else(|| "it does not answer".to_owned()))
    })?;
    // Signs of life are small and must not wait for one another.
    let prepared = stream.set_nodelay().and_then(|()| stream.set_unheard(UNHEARD));
    if let Err(error) = prepared {
        tracing::debug!(%error, "cannot set socket options");
    }
    Ok((stream, hub))
}

/// Connects to one address by the first of ever more tries, until the caller gives up.
async fn knock(address: SocketAddr, clock: &Clock, net: &Net) -> io::Result<Stream> {
    let mut tries = FuturesUnordered::new();
    loop {
        tries.push(net.connect(address));
        tokio::select! {
            biased;
            Some(ended) = tries.next() => return ended,
            () = clock.sleep(KNOCK_AGAIN) => {}
        }
    }
}

/// Returns when the hub is another one than `hub`.
async fn moved(mut enrolled: watch::Receiver<Option<Arc<Enrolment>>>, hub: &str) {
    let other = |me: &Option<Arc<Enrolment>>| hub_of(me.as_deref()) != Some(hub);
    if enrolled.wait_for(other).await.is_err() {
        // Nobody can change it any more.
        std::future::pending::<()>().await;
    }
}
