use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use watchfire_identity::token::TokenKey;
use watchfire_model::Labels;
use watchfire_runtime::{Clock, ShutdownHandle, task};

use super::*;
use crate::boot::Boot;
use crate::config::CollectConfig;
use crate::counters::Counters;
use crate::http::{HostNames, Parts};
use crate::identity::Identity;
use crate::sampler::{Keeper, Samplers};
use crate::uplink::goodbye::Goodbye;
use crate::uplink::{self, About, Uplink};

struct Server {
    address: SocketAddr,
    counters: Arc<Counters>,
    end: ShutdownHandle,
    task: task::Task<()>,
}

async fn start(limits: HttpLimits) -> Server {
    let clock = Clock::system();
    let (shutdown, end) = Shutdown::new();
    let root = watchfire_collect::Root::recorded("nowhere");
    let boot = Boot::read(Path::new("nowhere"), &root);
    let goodbye = Goodbye::new(Path::new("nowhere"), &root);
    let keeper = Keeper::default();
    let feed = keeper.feed().clone();
    let (_, samples) =
        Samplers::new(clock.clone(), root, CollectConfig::default(), keeper, boot.clone());
    let counters = Arc::<Counters>::default();
    let about = About {
        server: String::new(),
        boot_id: String::new(),
        agent_id: String::new(),
        labels: Labels::new(),
    };
    let uplink = Uplink::new(uplink::Parts {
        clock: clock.clone(),
        net: watchfire_runtime::net::Net::system(),
        shutdown: shutdown.clone(),
        counters: Arc::clone(&counters),
        samples: samples.clone(),
        about: about.clone(),
        feed,
        record_folder: "nowhere".into(),
        boot,
        goodbye,
        identity: None,
        fallback: None,
        runner: None,
    });
    let folder = tempfile::tempdir().expect("a folder");
    let identity = Identity::open(folder.path(), None, clock.clone()).expect("opens");
    let app = App::new(Parts {
        identity,
        clock,
        counters: Arc::clone(&counters),
        samples,
        hosts: HostNames::new([]),
        about,
        uplink,
        key: TokenKey::from_bytes([1; 32]),
        users: Vec::new(),
        token_lives: Duration::from_secs(60),
        runner: None,
        metrics: crate::config::MetricsConfig::default(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let task = task::spawn("server", serve(listener, app, Plain::Anywhere, shutdown, limits));
    Server { address, counters, end, task }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("it listens")
    }

    /// All that comes back for `request`, until the connection ends.
    async fn ask(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        // It may be cut while we still write.
        let _ = stream.write_all(request.as_bytes()).await;
        read_all(stream).await
    }
}

async fn read_all(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).expect("is text")
}

/// Reads one answer to `GET /healthz`.
async fn healthy(stream: &mut TcpStream) {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("it reads");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nok\n") {
        assert_ne!(stream.read_buf(&mut answer).await.expect("it answers"), 0, "it answers");
    }
}

const HEAD: &str = "POST /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";

#[tokio::test]
async fn a_slow_header_is_cut() {
    let limits = HttpLimits { header_time: Duration::from_millis(20), ..HttpLimits::default() };
    let server = start(limits).await;
    // Neither connection ever ends its header, and both come to an end.
    let mut half = server.connect().await;
    half.write_all(b"GET /healthz HTTP/1.1\r\nHost: local").await.expect("it reads");
    read_all(half).await;
    read_all(server.connect().await).await;
}

#[tokio::test]
async fn large_headers_are_refused() {
    let server = start(HttpLimits::default()).await;
    let large = format!("{HEAD}X: {}\r\n\r\n", "x".repeat(64 << 10));
    assert!(server.ask(&large).await.starts_with("HTTP/1.1 431 "));
    let many = format!("{HEAD}{}\r\n", "X: x\r\n".repeat(10_000));
    assert!(server.ask(&many).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn unclear_framing_is_refused() {
    let server = start(HttpLimits::default()).await;
    let smuggled = "0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let cases = [
        format!("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n{smuggled}"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n{smuggled}"),
        format!("Transfer-Encoding: chunked\r\n\r\n{smuggled}"),
        format!("Transfer-Encoding: identity\r\n\r\n{smuggled}"),
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello".to_owned(),
        "Content-Length: -1\r\n\r\n".to_owned(),
        "Content-Length: 0x5\r\n\r\nhello".to_owned(),
        "X: a\r\n b\r\n\r\n".to_owned(),
        "X : a\r\n\r\n".to_owned(),
        "Host: localhost\r\n\r\n".to_owned(),
    ];
    for case in cases {
        let answer = server.ask(&format!("{HEAD}{case}")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{case}\n-> {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{case}\n-> {answer}");
    }
}

#[tokio::test]
async fn the_longest_idle_makes_room() {
    let server = start(HttpLimits { connections: 3, ..HttpLimits::default() }).await;
    let mut busy = Vec::new();
    for _ in 0..3 {
        let mut stream = server.connect().await;
        healthy(&mut stream).await;
        busy.push(stream);
    }
    // All three are idle now; the newcomer is served and the first one leaves.
    healthy(&mut server.connect().await).await;
    assert_eq!(read_all(busy.remove(0)).await, "");
    assert_eq!(server.counters.connections_evicted(), 1);
    healthy(&mut busy[0]).await;
}

#[tokio::test]
async fn a_flood_of_slow_ones_does_not_keep_others_out() {
    let server = start(HttpLimits { connections: 8, ..HttpLimits::default() }).await;
    let mut slow = Vec::new();
    for _ in 0..100 {
        let mut stream = server.connect().await;
        let _ = stream.write_all(b"GET").await;
        slow.push(stream);
    }
    healthy(&mut server.connect().await).await;
    assert_eq!(server.counters.connections_refused(), 0);
}

#[tokio::test]
async fn begun_bodies_hold_no_place() {
    let server = start(HttpLimits { connections: 8, ..HttpLimits::default() }).await;
    let mut slow = Vec::new();
    for _ in 0..100 {
        let mut stream = server.connect().await;
        let _ = stream.write_all(format!("{HEAD}Content-Length: 60000\r\n\r\n{{").as_bytes()).await;
        slow.push(stream);
    }
    healthy(&mut server.connect().await).await;
    assert_eq!(server.counters.connections_refused(), 0);
}

#[tokio::test]
async fn the_end_closes_idle_connections() {
    let server = start(HttpLimits::default()).await;
    let mut idle = server.connect().await;
    healthy(&mut idle).await;
    server.end.request();
    assert_eq!(read_all(idle).await, "");
    server.task.join().await.expect("it ends");
    assert!(TcpStream::connect(server.address).await.is_err());
}
