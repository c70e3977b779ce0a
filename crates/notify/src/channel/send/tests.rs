//! Real exchanges with the scripted HTTP server, as a provider and as a proxy.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Proxy;
use watchfire_model::Moment;
use watchfire_runtime::net::Lookup;
use watchfire_testkit::http::{Answer as Scripted, Stub};

use super::*;
use crate::channel::tests::channel;
use crate::testing::{content, outgoing};

const LONG: Duration = Duration::from_secs(20);
const PATIENT: Timeouts = Timeouts { connect: LONG, verb: LONG, whole: LONG };

fn allowed(hosts: &[&str]) -> Allowed {
    Allowed::new(hosts.iter().map(|host| host.parse().expect(host)).collect())
}

/// A sender without the proxies of the machine that runs the test.
fn sender(timeouts: Timeouts, resolver: Resolver, clock: Clock) -> Sender {
    let no_proxy = Proxy::all("http://127.0.0.1:9").expect("a URL");
    Sender::new(timeouts, resolver, clock).by(Matcher::builder().build(), no_proxy)
}

fn local(timeouts: Timeouts) -> Sender {
    let clock = Clock::system();
    let sender = sender(timeouts, Resolver::system(LONG, clock.clone()), clock);
    sender.allowing(allowed(&["127.0.0.1"]))
}

fn url_of(stub: &Stub) -> String {
    format!("gotify://{}/HUNTER2", stub.addr())
}

async fn send(sender: &Sender, url: &str) -> DeliveryOutcome {
    let content = content("web-1 is down", "since");
    let outcome = sender.send(channel(url).as_ref(), url, &outgoing(&content)).await;
    assert!(!format!("{outcome:?} {sender:?}").contains("HUNTER2"), "{outcome:?}");
    outcome
}

fn word(outcome: DeliveryOutcome) -> (&'static str, String) {
    match outcome {
        DeliveryOutcome::Accepted { reply } => ("accepted", reply),
        DeliveryOutcome::Refused { why } => ("refused", why),
        DeliveryOutcome::Retry { why, maybe_accepted: true } => ("maybe", why),
        DeliveryOutcome::Retry { why, maybe_accepted: false } => ("retry", why),
        DeliveryOutcome::Unknown => ("unknown", String::new()),
    }
}

#[tokio::test]
async fn a_request_arrives_whole() {
    let stub = Stub::start();
    stub.next([Scripted::reply(200, r#"{"id": 25}"#)]);
    let outcome = send(&local(PATIENT), &url_of(&stub)).await;
    assert_eq!(outcome, DeliveryOutcome::Accepted { reply: "200".to_owned() });
    let requests = stub.wait_for(1, LONG);
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("POST", "/message"));
    assert_eq!(requests[0].header("X-Gotify-Key"), Some("HUNTER2"));
    assert_eq!(requests[0].header("Content-Type"), Some("application/json"));
    assert!(requests[0].header("User-Agent").is_some_and(|name| name.starts_with("Watchfire/")));
    let body: serde_json::Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!(body["title"], "web-1 is down");
}

#[tokio::test]
async fn every_answer_has_its_meaning() {
    let (stub, elsewhere) = (Stub::start(), Stub::start());
    let big = "x".repeat(1_000_000);
    let cases = [
        (Scripted::reply(200, r#"{"id": 25}"#), "accepted", "200"),
        (Scripted::reply(200, &big), "maybe", "not the provider's"),
        (Scripted::reply(200, "<p>").with_header("Content-Type", "text/html"), "maybe", "between"),
        (Scripted::reply(302, "").with_header("Location", &elsewhere.base()), "retry", "redirects"),
        (Scripted::reply(307, "").with_header("Location", "/"), "retry", "redirects"),
        (Scripted::reply(400, r#"{"error": "bad"}"#), "refused", "400"),
        (Scripted::reply(404, &big), "retry", "404"),
        (Scripted::reply(429, "{}"), "retry", "429"),
        (Scripted::reply(500, &big), "maybe", "500"),
        (Scripted::reply(503, ""), "maybe", "503"),
        (
            Scripted::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"id\"".to_vec()),
            "maybe",
            "",
        ),
        (Scripted::Raw(b"what?\r\n\r\n".to_vec()), "maybe", ""),
        (Scripted::Drop, "maybe", ""),
    ];
    let count = cases.len();
    for (answer, expected, part) in cases {
        stub.next([answer.clone()]);
        // Each by a sender of its own: one that was turned away is left alone for a while.
        let (was, why) = word(send(&local(PATIENT), &url_of(&stub)).await);
        assert!(was == expected && why.contains(part), "{answer:?}: {was} {why}");
        assert!(
            why.chars().count() <= 300 && !why.contains("xxx") && !why.contains("bad"),
            "{why}"
        );
    }
    assert_eq!((stub.requests().len(), elsewhere.requests().len()), (count, 0));
}

#[tokio::test]
async fn a_provider_that_hangs_may_have_it_and_one_that_is_gone_has_not() {
    let stub = Stub::start();
    stub.next([Scripted::Hang]);
    let hasty = Timeouts { verb: Duration::from_secs(1), ..PATIENT };
    assert_eq!(word(send(&local(hasty), &url_of(&stub)).await).0, "maybe");
    stub.stop_listening();
    assert_eq!(word(send(&local(PATIENT), &url_of(&stub)).await).0, "retry");
}

#[tokio::test]
async fn a_provider_that_asks_for_a_pause_has_it() {
    let stub = Stub::start();
    let (clock, hand) = Clock::manual(Moment::default());
    let resolver = Resolver::system(LONG, clock.clone());
    let sender = sender(PATIENT, resolver, clock).allowing(allowed(&["127.0.0.1"]));
    let busy = Scripted::reply(429, "{}").with_header("Retry-After", "7");
    stub.next([busy]);
    stub.always(Scripted::reply(200, r#"{"id": 1}"#));
    let url = url_of(&stub);
    assert_eq!(word(send(&sender, &url).await), ("retry", "429, try again after 7 s".to_owned()));
    hand.advance(Duration::from_secs(6));
    let (was, why) = word(send(&sender, &url).await);
    assert!(was == "retry" && why.contains("1 s more"), "{was} {why}");
    // Another channel at the same place is another customer.
    let other = url.replace("HUNTER2", "other");
    assert_eq!(word(send(&sender, &other).await).0, "accepted");
    assert_eq!(stub.requests().len(), 2);
    hand.advance(Duration::from_secs(1));
    assert_eq!(word(send(&sender, &url).await).0, "accepted");
    assert_eq!(stub.requests().len(), 3);
}

#[tokio::test]
async fn a_provider_that_turns_a_message_away_leaves_the_turn_to_the_next_channel() {
    let stub = Stub::start();
    let (clock, hand) = Clock::manual(Moment::default());
    let resolver = Resolver::system(LONG, clock.clone());
    let sender = sender(PATIENT, resolver, clock).allowing(allowed(&["127.0.0.1"]));
    let url = url_of(&stub);
    for (status, rests) in [(404, true), (401, true), (302, true), (408, false), (503, false)] {
        stub.next([Scripted::reply(status, "{}")]);
        let (was, why) = word(send(&sender, &url).await);
        assert!(was == "retry" || was == "maybe", "{status}: {was} {why}");
        assert_eq!(sender.rests(&url).is_some(), rests, "{status}");
        hand.advance(TURNED_AWAY);
        assert_eq!(sender.rests(&url), None);
    }
    stub.next([Scripted::reply(400, "{}")]);
    assert_eq!(word(send(&sender, &url).await).0, "refused");
    assert_eq!(sender.rests(&url), None);
}

/// A resolver whose answers come in this order, the last one again and again, and how
/// often it was asked.
fn scripted(
    answers: &'static [&'static [&'static str]],
    clock: &Clock,
) -> (Resolver, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let lookup: Lookup = Arc::new(move |_| {
        let turn = counted.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1);
        let found = answers[turn].iter().map(|ip| ip.parse::<IpAddr>().expect(ip)).collect();
        Box::pin(async move { Ok(found) })
    });
    (Resolver::new(lookup, LONG, clock.clone()), asked)
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_only_what_was_checked_is_connected_to() {
    let canary = Stub::start();
    let (clock, hand) = Clock::manual(Moment::default());
    let (resolver, asked) = scripted(
        &[
            // Nobody listens at the allowed one, and the canary's is not allowed.
            &["127.0.0.2"],
            &["127.0.0.1"],
            &["127.0.0.1", "127.0.0.2"],
            &["::ffff:127.0.0.1"],
            &["169.254.169.254"],
        ],
        &clock,
    );
    let sender = sender(PATIENT, resolver, clock).allowing(allowed(&["127.0.0.2"]));
    let url = format!("gotify://rebind.example:{}/HUNTER2", canary.addr().port());
    for (turn, blocked) in [false, true, false, true, true].into_iter().enumerate() {
        let (was, why) = word(send(&sender, &url).await);
        let told = why.contains("[notify] allow = [\"rebind.example\"]");
        assert!(was == "retry" && told == blocked, "{turn}: {was} {why}");
        assert_eq!(asked.load(Ordering::Relaxed), turn + 1);
        hand.advance(Duration::from_secs(60));
    }
    assert_eq!(canary.requests().len(), 0);
}

#[tokio::test]
async fn what_is_not_allowed_gets_no_request() {
    let canary = Stub::start();
    let port = canary.addr().port();
    let clock = Clock::system();
    let sender = sender(PATIENT, Resolver::system(LONG, clock.clone()), clock);
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0x7f000001",
        "2130706433",
        "127.1",
        "0",
        "push.example.org",
    ] {
        let (was, why) = word(send(&sender, &format!("gotify://{host}:{port}/HUNTER2")).await);
        assert!(was == "refused" && why.contains("[notify] allow"), "{host}: {was} {why}");
        if !host.contains("example") {
            let (was, why) = word(send(&sender, &format!("gotifys://{host}:{port}/HUNTER2")).await);
            assert!(was == "refused" && why.contains("[notify] allow"), "{host}: {was} {why}");
        }
    }
    assert_eq!(canary.requests().len(), 0);
}

#[tokio::test]
async fn a_proxy_gets_names_as_they_are_and_nothing_that_is_special() {
    let proxy = Stub::start();
    proxy.next([Scripted::reply(200, r#"{"id": 1}"#)]);
    let clock = Clock::system();
    let (resolver, asked) = scripted(&[&["127.0.0.1"]], &clock);
    let matcher = Matcher::builder().all(proxy.base()).no("direct.example.org").build();
    let by = Proxy::all(proxy.base()).unwrap();
    let sender = Sender::new(PATIENT, resolver, clock).by(matcher, by);
    let (was, _) = word(send(&sender, "gotify://push.example.org/HUNTER2").await);
    assert_eq!(was, "accepted");
    // What travels by TLS goes through a tunnel, which this proxy does not dig.
    let (was, _) = word(send(&sender, "gotifys://push.example.org/HUNTER2").await);
    assert_eq!(was, "retry");
    let requests = proxy.wait_for(2, LONG);
    assert_eq!(requests[0].path, "http://push.example.org/message");
    assert_eq!(
        (requests[1].method.as_str(), requests[1].path.as_str()),
        ("CONNECT", "push.example.org:443")
    );
    assert!(!format!("{:?}", requests[1]).contains("HUNTER2"));
    for special in ["gotify://10.0.0.1/t", "gotify://localhost/t", "gotify://direct.example.org/t"]
    {
        assert_eq!(word(send(&sender, special).await).0, "refused", "{special}");
    }
    assert_eq!((proxy.requests().len(), asked.load(Ordering::Relaxed)), (2, 0));
}

#[tokio::test]
async fn a_proxy_that_is_not_understood_is_told_beforehand() {
    let clock = Clock::system();
    let matcher = Matcher::builder().all("socks5://127.0.0.1:9").no("direct.example.org").build();
    let by = Proxy::all("http://127.0.0.1:9").unwrap();
    let resolver = Resolver::system(LONG, clock.clone());
    let sender = Sender::new(PATIENT, resolver, clock).by(matcher, by);
    let checked = |url: &str| {
        let content = content("x", "");
        let request = channel(url).request(&outgoing(&content)).unwrap();
        sender.checked(&request).map(|_| ()).map_err(|error| error.to_string())
    };
    let why = checked("gotifys://push.example.org/HUNTER2").unwrap_err();
    assert!(why.contains("socks5") && why.contains("SOCKS is not supported"), "{why}");
    assert_eq!(checked("gotifys://direct.example.org/HUNTER2"), Ok(()));
    let (was, why) = word(send(&sender, "gotifys://push.example.org/HUNTER2").await);
    assert!(was == "retry" && why.contains("SOCKS"), "{was} {why}");
}

#[tokio::test]
async fn a_webhook_is_signed_over_the_bytes_that_arrive() {
    let stub = Stub::start();
    let url = format!("webhook+http://{}/in/?secret=HUNTER2&+X-Team=ops&Room=1", stub.addr());
    let outcome = send(&local(PATIENT), &url).await;
    assert!(matches!(outcome, DeliveryOutcome::Accepted { .. }), "{outcome:?}");
    let requests = stub.wait_for(1, LONG);
    assert_eq!(requests[0].path, "/in/?Room=1");
    assert_eq!(requests[0].header("X-Team"), Some("ops"));
    assert_eq!(requests[0].header("Idempotency-Key"), Some("down.7.ada@hub"));
    let signature = requests[0].header("X-Watchfire-Signature").expect("it is signed");
    let (at, mac) = signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")).unwrap();
    let signed = format!("{at}.{}", requests[0].body_text());
    assert_eq!(mac, watchfire_identity::hmac_sha256_hex(b"HUNTER2", signed.as_bytes()));
}
