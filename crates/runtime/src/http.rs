//! Serving HTTP with limits on everything a stranger can hold open.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::{Clock, Shutdown, task};

/// How long the connections may go on after the end was asked for.
const LINGER: Duration = Duration::from_millis(1500);

/// The pause after a failed accept: out of file descriptors, it fails again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a stranger may hold open.
#[derive(Debug, Clone, Copy)]
pub struct HttpLimits {
    /// Connections at a time; further ones are closed at once and counted.
    pub connections: usize,
    /// How long a request's head may take.
    pub head_time: Duration,
    /// Bytes that a connection buffers while it reads a head.
    pub head_bytes: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self { connections: 1024, head_time: Duration::from_secs(10), head_bytes: 32 << 10 }
    }
}

/// The address of the other side of a connection; every request carries it as an extension.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// How many connections were closed at once because too many were open.
static REFUSED: AtomicU64 = AtomicU64::new(0);

/// How many connections were closed at once because too many were open.
#[must_use]
pub fn refused_connections() -> u64 {
    REFUSED.load(Ordering::Relaxed)
}

/// Serves `app` until the end is asked for, then lets open requests finish for a moment.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    limits: HttpLimits,
    clock: Clock,
    shutdown: Shutdown,
) {
    let room = Arc::new(Semaphore::new(limits.connections));
    loop {
        let accepted = tokio::select! {
            () = shutdown.requested() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                clock.sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = room.clone().try_acquire_owned() else {
            REFUSED.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let connection = connection(stream, Peer(peer), app.clone(), limits, shutdown.clone());
        let connection = async move {
            connection.await;
            drop(place);
        };
        task::spawn("http connection", connection).detach();
    }
    drop(listener);
    let every_place = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    // Whoever is still there after this moment is cut off when the program ends.
    let _ = clock.within(LINGER, room.acquire_many(every_place)).await;
}

async fn connection(
    stream: TcpStream,
    peer: Peer,
    app: Router,
    limits: HttpLimits,
    shutdown: Shutdown,
) {
    // Answers are small and must not wait for one another.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        app.clone().oneshot(request)
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(limits.head_bytes)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        // An error here is the other side's: it went away or spoke no HTTP.
        _ = serving.as_mut() => return,
        () = shutdown.requested() => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Extension;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn started(limits: HttpLimits) -> (SocketAddr, crate::ShutdownHandle, task::Task<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("bound");
        let (shutdown, handle) = Shutdown::new();
        let app = Router::new().route(
            "/",
            get(|Extension(Peer(peer)): Extension<Peer>| async move { peer.ip().to_string() }),
        );
        let serving = serve(listener, app, limits, Clock::system(), shutdown);
        (address, handle, task::spawn("serve", serving))
    }

    async fn ask(address: SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        // A connection that found no room is closed under the writer's hands.
        let _ = stream.write_all(request).await;
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        answer
    }

    #[tokio::test]
    async fn a_request_knows_its_peer_and_the_end_is_clean() {
        let (address, handle, serving) = started(HttpLimits::default()).await;
        assert!(ask(address).await.ends_with("127.0.0.1"));
        handle.request();
        assert_eq!(serving.join().await, Ok(()));
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn too_many_connections_are_closed() {
        let limits = HttpLimits { connections: 1, ..HttpLimits::default() };
        let (address, _handle, _serving) = started(limits).await;
        let mut first = TcpStream::connect(address).await.expect("it listens");
        // The answer to half a request never comes, so this connection keeps its place;
        // the byte that the server wants next proves that it was accepted first.
        first.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.expect("open");
        assert_eq!(ask(address).await, "");
        assert!(refused_connections() >= 1);
        first.write_all(b"Connection: close\r\n\r\n").await.expect("still open");
        let mut answer = String::new();
        first.read_to_string(&mut answer).await.expect("answered");
        assert!(answer.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn a_slow_head_is_cut_off() {
        let limits =
            HttpLimits { head_time: Duration::from_millis(20), ..HttpLimits::default() };
        let (address, _handle, _serving) = started(limits).await;
        let mut slow = TcpStream::connect(address).await.expect("it listens");
        slow.write_all(b"GET / HT").await.expect("open");
        let mut answer = Vec::new();
        // The read ends only because the server closes the connection.
        let _ = slow.read_to_end(&mut answer).await;
        assert!(!String::from_utf8_lossy(&answer).contains("200"));
    }
}
