//! The listener of agent and hub: takes connections, bounds them, and hands
//! requests on.
//!
//! One port takes plain HTTP and TLS; [`Transport`] says which of them is
//! answered. hyper is driven here and not through `axum::serve`, because a stranger's
//! header, silence and slowness need limits that it does not offer.

mod guarded;
mod host;
mod seats;
#[cfg(test)]
mod tests;
mod transport;
mod turn;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use crate::net::{Listener, Network, Stream};
use crate::{Clock, Shutdown, task};
use guarded::Guarded;
use seats::{Seat, Seats};
use transport::{Line, use_tls};
use turn::Turn;

pub use host::{HostError, HostNames, is_host_name};
pub use transport::{HANDSHAKE_TIME, Plain, TlsPeer, Transport};

/// How much a stranger may take.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// Connections at the same time. When all are taken, the one that has been
    /// idle the longest makes room.
    pub connections: usize,
    /// How many of them one client may have: an IPv4 address, or an IPv6 network of 64
    /// bits. Above that its own longest idle one makes room, and while none is idle,
    /// or those that are have not had the time for a handshake yet, a further one is
    /// closed at once. Streams do not count.
    pub per_client: usize,
    /// From where many clients come, such as a proxy: for these, and for this
    /// machine, `per_client` does not hold.
    pub shared: Arc<[Network]>,
    /// The time for a whole request header, from the end of the request before;
    /// for the first one, from the connection's begin, TLS handshake included.
    pub header_time: Duration,
    /// The time in which a peer must take some of what is sent to it.
    pub stall: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connections: 512,
            per_client: 256,
            shared: Arc::new([]),
            header_time: Duration::from_secs(10),
            stall: Duration::from_secs(10),
        }
    }
}

impl HttpLimits {
    /// The client that `per_client` holds for, if it does.
    fn client(&self, address: IpAddr) -> Option<Network> {
        let address = address.to_canonical();
        let shared = self.shared.iter().any(|network| network.contains(address));
        (!shared && !address.is_loopback()).then(|| Network::of_client(address))
    }
}

/// The other side of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address.
    pub remote: SocketAddr,
    /// What TLS says of it; `None` for plain HTTP.
    pub tls: Option<Arc<TlsPeer>>,
}

/// How often a connection had to go: for want of room, or as unwanted.
#[derive(Debug, Default)]
pub struct HttpCounters {
    refused: AtomicU64,
    evicted: AtomicU64,
    handshakes_failed: AtomicU64,
}

impl HttpCounters {
    /// Connections that were closed at once, because no place could be made for them.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Idle connections that made room for new ones.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// Connections that came to nothing before the first request: a TLS
    /// handshake that was wrong or late, or silence in its place.
    #[must_use]
    pub fn handshakes_failed(&self) -> u64 {
        self.handshakes_failed.load(Ordering::Relaxed)
    }

    fn handshake_failed(&self) {
        self.handshakes_failed.fetch_add(1, Ordering::Relaxed);
    }
}

/// How long requests have to end after the shutdown was asked for.
pub const END_TIME: Duration = Duration::from_secs(2);

/// The largest request header, in bytes.
const MAX_HEADER_BYTES: usize = 16 << 10;
/// The most header fields.
const MAX_HEADERS: usize = 64;
/// hyper's buffers of one connection, in bytes.
const MAX_BUFFER_BYTES: usize = 32 << 10;
/// The pause after the kernel could not give a connection, mostly for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Hands every request to `answer`, until the shutdown is asked for and all
/// connections have ended or [`END_TIME`] is over. A connection that was
/// upgraded is its handler's, and not waited for.
pub async fn serve<A, F>(
    listener: impl Into<Listener>,
    transport: Transport,
    answer: A,
    limits: HttpLimits,
    counters: Arc<HttpCounters>,
    clock: Clock,
    shutdown: Shutdown,
) where
    A: Fn(Peer, Request<Body>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let listener = listener.into();
    let handshake_time = HANDSHAKE_TIME.min(limits.header_time);
    let seats = Seats::new(limits.connections, limits.per_client, handshake_time);
    let house = House { transport, limits, counters, clock, shutdown };
    let House { limits, counters, clock, shutdown, .. } = &house;
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.requested() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection");
                clock.sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some((seat, evicted)) = seats.take(limits.client(remote.ip()), clock.now().monotonic)
        else {
            counters.refused.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        counters.evicted.fetch_add(u64::from(evicted), Ordering::Relaxed);
        prepare(&stream, limits);
        let talk = receive(stream, remote, seat, answer.clone(), house.clone());
        task::spawn("connection", talk).detach();
    }
    drop(listener);
    if clock.within(END_TIME, seats.all_left()).await.is_none() {
        tracing::debug!("some connections did not end in time and are cut");
    }
}

/// Without these, a small frame could wait for the next one, and a peer that
/// vanished would be noticed only once the kernel's send buffer is full.
fn prepare(stream: &Stream, limits: &HttpLimits) {
    let set = stream.set_nodelay().and_then(|()| stream.set_unheard(limits.stall));
    if let Err(error) = set {
        tracing::debug!(%error, "cannot set socket options");
    }
}

/// What all connections of a listener share.
#[derive(Clone)]
struct House {
    transport: Transport,
    limits: HttpLimits,
    counters: Arc<HttpCounters>,
    clock: Clock,
    shutdown: Shutdown,
}

/// A connection from its begin to its end.
async fn receive<A, F>(stream: Stream, remote: SocketAddr, seat: Arc<Seat>, answer: A, house: House)
where
    A: Fn(Peer, Request<Body>) -> F + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let House { transport, limits, counters, clock, shutdown } = &house;
    let first_by = clock.now().after(limits.header_time);
    let time = HANDSHAKE_TIME.min(limits.header_time);
    let opened = tokio::select! {
        biased;
        () = shutdown.requested() => return,
        () = seat.evicted() => return,
        opened = transport.open(stream, time, counters, clock) => opened,
    };
    let Some((line, tls)) = opened else { return };
    let answer = transport.allows(&line, remote.ip()).then_some(answer);
    let asked = Arc::new(AtomicBool::new(false));
    let late = {
        let (asked, clock) = (Arc::clone(&asked), clock.clone());
        async move {
            clock.sleep_until(first_by).await;
            if asked.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        }
    };
    let talk = converse(line, Peer { remote, tls }, Arc::clone(&seat), answer, asked, &house);
    tokio::select! {
        biased;
        () = seat.evicted() => {}
        () = talk => {}
        () = late => {}
    }
}

/// Hands on the requests of a connection, or turns them away where there is
/// no `answer`.
async fn converse<A, F>(
    line: Line,
    peer: Peer,
    seat: Arc<Seat>,
    answer: Option<A>,
    asked: Arc<AtomicBool>,
    house: &House,
) where
    A: Fn(Peer, Request<Body>) -> F + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let io = Guarded::new(line, house.clock.clone(), house.limits.stall);
    let service = service_fn(move |request: Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        let turn = Turn::new(&seat);
        let request = request.map(|body| turn.arriving(body));
        let answering = answer.as_ref().map(|answer| answer(peer.clone(), request));
        async move {
            let response = match answering {
                Some(answering) => answering.await,
                None => use_tls(),
            };
            Ok::<_, Infallible>(response.map(|body| turn.leaving(body)))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(house.limits.header_time)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEADER_BYTES)
        .max_buf_size(MAX_BUFFER_BYTES)
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = house.shutdown.requested() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
