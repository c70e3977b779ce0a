//! The listener: takes connections, bounds them, and hands requests to [`crate::http`].
//!
//! hyper is driven here and not through `axum::serve`, because a stranger's
//! header, silence and slowness need limits that it does not offer.

mod guarded;
mod seats;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use watchfire_runtime::{Shutdown, task};

use crate::http::{App, Peer, handle};
use guarded::Guarded;
use seats::{Seat, Seats};

/// How much a stranger may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections at the same time. When all are taken, the one that has been
    /// idle the longest makes room.
    pub(crate) connections: usize,
    /// The time for a whole request header, from the end of the request before.
    pub(crate) header_time: Duration,
    /// The time in which a peer must take some of what is sent to it.
    pub(crate) stall: Duration,
}

impl Limits {
    pub(crate) const DEFAULT: Self = Self {
        connections: 512,
        header_time: Duration::from_secs(10),
        stall: Duration::from_secs(10),
    };
}

/// The largest request header, in bytes.
const MAX_HEADER_BYTES: usize = 16 << 10;
/// The most header fields.
const MAX_HEADERS: usize = 64;
/// hyper's buffers of one connection, in bytes.
const MAX_BUFFER_BYTES: usize = 32 << 10;
/// How long requests and streams have to end after the shutdown was asked for.
const END_TIME: Duration = Duration::from_secs(2);
/// The pause after the kernel could not give a connection, mostly for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until the shutdown is asked for and all connections have ended or
/// [`END_TIME`] is over.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    shutdown: Shutdown,
    limits: Limits,
) {
    let seats = Seats::new(limits.connections);
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.requested() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, remote)) => {
                take_in(stream, remote, &seats, &app, &shutdown, limits);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection");
                app.clock.sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let all_left = async {
        seats.all_left().await;
        app.streams_ended().await;
    };
    if app.clock.within(END_TIME, all_left).await.is_none() {
        tracing::debug!("some connections did not end in time and are cut");
    }
}

fn take_in(
    stream: TcpStream,
    remote: SocketAddr,
    seats: &Seats,
    app: &Arc<App>,
    shutdown: &Shutdown,
    limits: Limits,
) {
    let Ok(local) = stream.local_addr() else { return };
    let Some((seat, evicted)) = seats.take() else {
        app.counters.connections_refused.add(1);
        return;
    };
    app.counters.connections_evicted.add(u64::from(evicted));
    prepare(&stream, limits);
    let (app, shutdown) = (Arc::clone(app), shutdown.clone());
    task::spawn("connection", async move {
        converse(stream, Peer { remote, local }, seat, app, shutdown, limits).await;
    })
    .detach();
}

/// Without these, a small frame could wait for the next one, and a peer that
/// vanished would be noticed only once the kernel's send buffer is full.
fn prepare(stream: &TcpStream, limits: Limits) {
    let stall_ms = u32::try_from(limits.stall.as_millis()).unwrap_or(u32::MAX);
    let set = stream.set_nodelay(true).and_then(|()| {
        rustix::net::sockopt::set_tcp_user_timeout(stream, stall_ms).map_err(Into::into)
    });
    if let Err(error) = set {
        tracing::debug!(%error, "cannot set socket options");
    }
}

async fn converse(
    stream: TcpStream,
    peer: Peer,
    seat: Arc<Seat>,
    app: Arc<App>,
    shutdown: Shutdown,
    limits: Limits,
) {
    let io = TokioIo::new(Guarded::new(stream, app.clock.clone(), limits.stall));
    let service = {
        let seat = Arc::clone(&seat);
        service_fn(move |request| {
            let (app, busy) = (Arc::clone(&app), seat.busy());
            async move {
                let response = handle(app, peer, request).await;
                drop(busy);
                Ok::<_, Infallible>(response)
            }
        })
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEADER_BYTES)
        .max_buf_size(MAX_BUFFER_BYTES)
        .serve_connection(io, service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = seat.evicted() => return,
        () = shutdown.requested() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests;
