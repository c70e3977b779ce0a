//! `GET /metrics`: who gets it, in which form, and that a scraper needs no
//! token and costs no password check each time.

mod common;

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use common::{PASSWORD, Running, basic, hash, start_with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use watchfire_agent::User;
use watchfire_identity::Scope;
use watchfire_identity::limit::{TRIES_PER_TRUSTED, TRIES_PER_USER, WINDOW};
use watchfire_identity::proof::PROOF_LIVES;

const SECOND: Duration = Duration::from_secs(1);
const TEXT: &str = "content-type: text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str =
    "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";

/// An agent with `scraper` (metrics), `ada` (read, stream), `runner` (run) and
/// `streamer` (stream).
async fn start() -> Running {
    start_open(false).await
}

async fn start_open(open_on_loopback: bool) -> Running {
    let user = |name: &str, scopes: &[Scope]| User {
        name: name.to_owned(),
        password_hash: hash(),
        scopes: scopes.to_vec(),
    };
    let agent = start_with(|config| {
        config.users = vec![
            user("scraper", &[Scope::Metrics]),
            user("ada", &[Scope::Read, Scope::Stream]),
            user("runner", &[Scope::Run]),
            user("streamer", &[Scope::Stream]),
        ];
        config.metrics.open_on_loopback = open_on_loopback;
    });
    agent.await
}

async fn scrape(agent: &Running, headers: &str) -> common::Answer {
    agent.ask("GET", "/metrics", headers, "").await
}

/// The same after a leap of time: asks until the sampler has read at its own pace.
async fn scrape_later(agent: &Running, headers: &str) -> u16 {
    loop {
        let status = scrape(agent, headers).await.status;
        if status != 503 {
            return status;
        }
        // The reading that was under way when the clock jumped is an old one.
        agent.hand.advance(SECOND);
    }
}

/// The body as bytes, and the head.
async fn body(address: SocketAddr, headers: &str) -> (String, Vec<u8>) {
    let request = format!(
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}{headers}\r\n",
        basic("scraper", PASSWORD)
    );
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it answers");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(answer[..end].to_vec()).expect("a head is text");
    (head.to_ascii_lowercase(), answer.split_off(end + 4))
}

#[tokio::test]
async fn a_scraper_gets_what_is_here() {
    let agent = start().await;
    let answer = scrape(&agent, &basic("scraper", PASSWORD)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.head.contains(TEXT), "{}", answer.head);
    assert!(answer.head.contains("vary: accept, accept-encoding"), "{}", answer.head);
    assert!(!answer.head.contains("content-encoding"), "{}", answer.head);
    for line in [
        "# TYPE node_cpu_seconds_total counter",
        "# TYPE node_load1 gauge",
        "node_scrape_collector_success{collector=\"cpu\"} 1",
    ] {
        assert!(answer.body.lines().any(|found| found == line), "{line}");
    }
    assert!(answer.body.lines().count() > 100 && answer.body.ends_with('\n'));
    assert_eq!(agent.counters.metrics_served(), 1);
    assert_eq!(agent.counters.metrics_left_out(), 0);
}

#[tokio::test]
async fn the_form_is_what_the_scraper_likes() {
    let agent = start().await;
    let accept = "Accept: application/openmetrics-text;version=1.0.0;q=0.5\r\n\
                  Accept: text/plain;version=0.0.4;q=0.3,*/*;q=0.1\r\n";
    let (head, plain) = body(agent.address, accept).await;
    assert!(head.contains(OPEN_METRICS), "{head}");
    assert!(plain.ends_with(b"\n# EOF\n"));
    let gzipped = format!("{accept}Accept-Encoding: gzip\r\n");
    let (head, packed) = body(agent.address, &gzipped).await;
    assert!(head.contains("content-encoding: gzip") && head.contains(OPEN_METRICS), "{head}");
    assert!(packed.len() * 3 < plain.len(), "{} of {}", packed.len(), plain.len());
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).expect("is gzip");
    assert!(unpacked == plain, "of the same tick");
    let zstd = format!("{accept}Accept-Encoding: gzip;q=0.5, zstd\r\n");
    let (head, packed) = body(agent.address, &zstd).await;
    assert!(head.contains("content-encoding: zstd"), "{head}");
    assert!(zstd::stream::decode_all(&packed[..]).expect("is zstd") == plain);
    let (head, text) = body(agent.address, "Accept-Encoding: identity\r\n").await;
    assert!(head.contains(TEXT) && !head.contains("content-encoding"), "{head}");
    assert!(text.starts_with(b"# HELP "));
    let head_only = agent.ask("HEAD", "/metrics", &basic("scraper", PASSWORD), "").await;
    assert_eq!((head_only.status, head_only.body.as_str()), (200, ""));
}

#[tokio::test]
async fn without_a_login_there_is_nothing() {
    let agent = start().await;
    let wrong_header = format!("X-Forwarded-For: 127.0.0.1\r\nCookie: token={PASSWORD}\r\n");
    let two = format!("{}{}", basic("scraper", PASSWORD), basic("scraper", PASSWORD));
    let cases = [
        "",
        wrong_header.as_str(),
        two.as_str(),
        "Authorization: Basic\r\n",
        "Authorization: Basic !!!\r\n",
        "Authorization: Bearer x\r\n",
        "Authorization: Digest x\r\n",
    ];
    for headers in cases {
        let answer = scrape(&agent, headers).await;
        assert_eq!(answer.status, 401, "{headers}");
        assert!(!answer.body.contains("node_"), "{headers}");
    }
    let answer = scrape(&agent, "").await;
    assert!(answer.head.contains("www-authenticate: basic"), "{}", answer.head);
    for target in ["/metrics?source=internal", "/metrics?token=x", "//metrics//?token="] {
        assert_eq!(agent.get(target).await.status, 401, "{target}");
    }
    for path in ["/debug/pprof", "/debug", "/metrics/x", "/metrics.json"] {
        assert_eq!(agent.get(path).await.status, 404, "{path}");
    }
    for (user, password) in [("scraper", "wrong"), ("nobody", PASSWORD), ("", "")] {
        assert_eq!(scrape(&agent, &basic(user, password)).await.status, 401, "{user}");
    }
    assert_eq!(agent.counters.metrics_served(), 0);
}

#[tokio::test]
async fn a_scope_opens_the_metrics_and_nothing_more() {
    let agent = start().await;
    agent.hand.advance(SECOND);
    for (user, status) in [("scraper", 200), ("ada", 200), ("runner", 403), ("streamer", 403)] {
        assert_eq!(scrape(&agent, &basic(user, PASSWORD)).await.status, status, "{user}");
        let token = agent.token(user).await;
        assert_eq!(agent.get_with("/metrics", &token).await.status, status, "{user}");
        let by_query = agent.get(&format!("//metrics/?token={token}")).await;
        assert_eq!(by_query.status, status, "{user}");
    }
    let token = agent.token("scraper").await;
    for path in ["/stats", "/processlist", "/stream"] {
        assert_eq!(agent.get_with(path, &token).await.status, 403, "{path}");
        // Basic is for the metrics alone.
        let answer = agent.ask("GET", path, &basic("ada", PASSWORD), "").await;
        assert_eq!(answer.status, 401, "{path}");
    }
    let posted = agent.ask("POST", "/metrics", &basic("scraper", PASSWORD), "").await;
    assert_eq!(posted.status, 405);
}

#[tokio::test]
async fn a_password_is_checked_once_and_then_remembered_for_a_while() {
    let agent = start().await;
    let right = basic("scraper", PASSWORD);
    for _ in 0..100 {
        assert_eq!(scrape(&agent, &right).await.status, 200);
    }
    assert_eq!(agent.counters.passwords_checked(), 1);
    assert_eq!(scrape(&agent, &basic("ada", PASSWORD)).await.status, 200);
    assert_eq!(agent.counters.passwords_checked(), 2, "another user, the same password");
    assert_eq!(scrape(&agent, &basic("scraper", "wrong")).await.status, 401);
    assert_eq!(scrape(&agent, &basic("scraper", "wrong")).await.status, 401);
    assert_eq!(agent.counters.passwords_checked(), 4, "wrong ones are not remembered");
    agent.hand.advance(PROOF_LIVES / 2);
    assert_eq!(scrape_later(&agent, &right).await, 200);
    assert_eq!(agent.counters.passwords_checked(), 4);
    agent.hand.advance(PROOF_LIVES / 2);
    assert_eq!(scrape_later(&agent, &right).await, 200);
    assert_eq!(agent.counters.passwords_checked(), 5, "being used did not prolong it");
}

#[tokio::test]
async fn what_is_remembered_is_no_way_around_the_limit_on_tries() {
    let agent = start().await;
    let (right, wrong) = (basic("scraper", PASSWORD), basic("scraper", "wrong"));
    assert_eq!(scrape(&agent, &right).await.status, 200);
    for _ in 0..TRIES_PER_USER {
        assert_eq!(scrape(&agent, &wrong).await.status, 401);
    }
    assert_eq!(agent.held(scrape(&agent, &wrong)).await.status, 429);
    assert_eq!(scrape(&agent, &right).await.status, 200, "its owner is not locked out");
    // From here on somebody at the owner's address guesses as often as can be.
    for _ in TRIES_PER_USER..TRIES_PER_TRUSTED {
        assert_eq!(agent.held(scrape(&agent, &wrong)).await.status, 429);
    }
    let checked = agent.counters.passwords_checked();
    let guess = agent.held(scrape(&agent, &wrong)).await;
    let lucky = agent.held(scrape(&agent, &right)).await;
    assert_eq!((guess.status, lucky.status), (429, 429), "a guess that is right does not show");
    assert_eq!(guess.message(), lucky.message());
    assert_eq!(agent.counters.passwords_checked(), checked);
    agent.hand.advance(WINDOW);
    assert_eq!(scrape_later(&agent, &right).await, 200);
}

#[tokio::test]
async fn pages_of_other_sites_cannot_use_up_tries() {
    let agent = start_open(true).await;
    let foreign = "Origin: http://evil.test\r\n";
    for login in [basic("scraper", PASSWORD), basic("scraper", "wrong"), String::new()] {
        let answer = scrape(&agent, &format!("{login}{foreign}")).await;
        assert_eq!(answer.status, 403, "{login}");
    }
    assert_eq!(agent.counters.passwords_checked(), 0);
}

#[tokio::test]
async fn this_machines_programs_are_let_in_where_the_config_says_so() {
    let agent = start_open(true).await;
    assert_eq!(scrape(&agent, "").await.status, 200);
    assert_eq!(agent.ask("POST", "/metrics", "", "").await.status, 405);
    for proxied in ["X-Forwarded-For: 10.0.0.1\r\n", "Forwarded: for=10.0.0.1\r\n", "Via: x\r\n"] {
        assert_eq!(scrape(&agent, proxied).await.status, 401, "{proxied}");
    }
    // Who shows something is judged by it.
    for shown in [basic("scraper", "wrong"), "Authorization: Bearer x\r\n".to_owned()] {
        assert_eq!(scrape(&agent, &shown).await.status, 401, "{shown}");
    }
    assert_eq!(agent.get("/metrics?token=x").await.status, 401);
    assert_eq!(scrape(&agent, &basic("runner", PASSWORD)).await.status, 403);
    for path in ["/stats", "/processlist", "/stream"] {
        assert_eq!(agent.get(path).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn a_new_tick_is_a_new_answer() {
    let agent = start().await;
    let right = basic("scraper", PASSWORD);
    let first = scrape(&agent, &right).await.body;
    assert_eq!(scrape(&agent, &right).await.body, first);
    agent.let_the_machine_go_on();
    agent.hand.advance(SECOND);
    // The sampler reads at its own pace: ask until it has.
    while scrape(&agent, &right).await.body == first {}
}
