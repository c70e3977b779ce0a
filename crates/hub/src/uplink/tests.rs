//! A link against an agent of the test's own.

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use watchfire_alert::PresenceLimits;
use watchfire_model::{Presence, Status, Transition};
use watchfire_runtime::{Clock, ShutdownHandle, task, task::Task};
use watchfire_testkit::http::{Answer, Stub};
use watchfire_wire::{Alive, GoodbyeReason, Hello, Message, encode};

use super::*;
use crate::events::Events;
use crate::testing::{until, watched};

struct Link {
    fleet: Arc<Fleet>,
    _end: ShutdownHandle,
    _link: Task<()>,
}

impl Link {
    fn to(address: &str) -> Self {
        Self::by(Dialer::new(Clock::system()), address)
    }

    fn by(dialer: Dialer, address: &str) -> Self {
        let (clock, limits) = (Clock::system(), PresenceLimits::default());
        let server = watched("a-1", address);
        let fleet = Fleet::new(vec![server], limits, &[], clock, Events::new());
        let (fleet, (shutdown, end)) = (Arc::new(fleet), Shutdown::new());
        let reach = Reach::of(&fleet.config(0)).expect("it has a login");
        let sessions = Sessions::without_history(fleet.clone(), Clock::system());
        let link = keep(fleet.clone(), 0, reach, dialer, sessions, shutdown);
        let link = task::spawn("link", link);
        Self { fleet, _end: end, _link: link }
    }

    async fn until_presence(&self, presence: Presence) {
        let what = format!("it is {presence}");
        until(&what, || (self.fleet.snapshot(0).presence == presence).then_some(())).await;
    }

    /// The judgement of a silence that is long enough.
    async fn judged(&self) -> Transition {
        let now = Clock::system().now().after(Duration::from_secs(60));
        self.fleet.check(0, now);
        self.fleet.transitions(10).await.pop().expect("a silent server is judged")
    }
}

/// Takes one connection, reads an HTTP request and answers 200 with a token.
async fn answer_login(listener: &TcpListener) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (mut stream, _) = listener.accept().await.expect("the hub comes");
    let mut asked = Vec::new();
    while !asked.ends_with(b"}") {
        let mut bytes = [0; 1024];
        let read = stream.read(&mut bytes).await.expect("open");
        assert!(read > 0, "the hub left in the middle of its login");
        asked.extend_from_slice(&bytes[..read]);
    }
    assert!(asked.starts_with(b"POST /login "), "{}", String::from_utf8_lossy(&asked));
    let body = r#"{"token":"the-token","expires_in":1800}"#;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes()).await.expect("open");
}

async fn accept_stream(listener: &TcpListener) -> WebSocketStream<TcpStream> {
    let (stream, _) = listener.accept().await.expect("the hub comes");
    tokio_tungstenite::accept_async(stream).await.expect("it asks well")
}

async fn say(stream: &mut WebSocketStream<TcpStream>, message: Message) {
    let bytes = encode(&message).expect("it fits");
    stream.send(Frame::Binary(bytes.into())).await.expect("open");
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("bound").to_string();
    (listener, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_brings_signs_status_and_goodbye_and_is_dialed_again_with_its_token() {
    let (listener, address) = listener().await;
    let link = Link::to(&address);
    answer_login(&listener).await;
    let mut stream = accept_stream(&listener).await;
    assert_eq!(link.fleet.snapshot(0).presence, Presence::Unknown, "an open stream is no sign yet");
    say(&mut stream, Message::Hello(Hello::default())).await;
    link.until_presence(Presence::Up).await;
    let mut status = Status::default();
    status.load.one = 7.25;
    say(&mut stream, Message::Status(status)).await;
    until("the status came", || link.fleet.snapshot(0).status).await;
    say(&mut stream, Message::Goodbye(GoodbyeReason::Reboot)).await;
    link.until_presence(Presence::Leaving).await;
    drop(stream);
    // No second login: the token is still good.
    let mut stream = accept_stream(&listener).await;
    say(&mut stream, Message::Alive(Alive::default())).await;
    link.until_presence(Presence::Up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_stop_is_no_planned_absence() {
    let (listener, address) = listener().await;
    let link = Link::to(&address);
    answer_login(&listener).await;
    let mut stream = accept_stream(&listener).await;
    say(&mut stream, Message::Hello(Hello::default())).await;
    say(&mut stream, Message::Goodbye(GoodbyeReason::Stop)).await;
    stream.close(None).await.expect("open");
    while let Some(Ok(_)) = stream.next().await {}
    drop(listener);
    link.until_presence(Presence::Up).await;
    assert!(matches!(link.judged().await.to, Presence::AgentDown | Presence::Down));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_of_another_protocol_is_no_agent() {
    let (listener, address) = listener().await;
    let link = Link::to(&address);
    answer_login(&listener).await;
    let mut stream = accept_stream(&listener).await;
    let hello = Hello { major: 99, ..Hello::default() };
    say(&mut stream, Message::Hello(hello)).await;
    while let Some(Ok(_)) = stream.next().await {}
    assert_eq!(link.fleet.snapshot(0).presence, Presence::Unknown);
    let judged = link.judged().await;
    assert_eq!(judged.to, Presence::AgentDown);
    assert!(judged.evidence.iter().any(|seen| seen.saw == Sight::NotAnAgent), "{judged:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_is_not_tried_in_a_hurry() {
    let stub = Stub::start();
    stub.always(Answer::reply(401, "{}"));
    let link = Link::to(&stub.addr().to_string());
    let requests = stub.wait_for(2, Duration::from_secs(30));
    // Backoff takes half of its pause away at most.
    let pause = requests[1].at - requests[0].at;
    assert!(pause >= Duration::from_millis(400), "{pause:?}");
    let judged = link.judged().await;
    assert_eq!(judged.to, Presence::AgentDown);
    assert!(judged.evidence.iter().all(|seen| seen.saw == Sight::LoginRefused), "{judged:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_tried_too_often_is_told_as_such() {
    let stub = Stub::start();
    stub.always(Answer::reply(429, "{}"));
    let link = Link::to(&stub.addr().to_string());
    assert!(stub.wait_for(4, Duration::from_secs(30)).len() >= 4);
    let judged = link.judged().await;
    assert_eq!(judged.to, Presence::AgentDown, "it answers");
    assert!(judged.evidence.iter().all(|seen| seen.saw == Sight::LoginLimited), "{judged:?}");
    let cause = watchfire_alert::cause(&judged);
    assert_eq!(cause, "The agent refuses the hub's login: too many attempts.");
}

#[test]
fn pauses_fit_what_happened() {
    let seconds = |pause: Duration| pause.as_secs_f64();
    let mut pauses = Pauses::new();
    let refused = Tells::Saw(Sight::LoginRefused);
    for _ in 0..10 {
        pauses.after(refused);
    }
    assert!(seconds(pauses.after(refused)) >= 7.5, "guessing is slow");
    for _ in 0..10 {
        assert!(pauses.after(Tells::Saw(Sight::LoginLimited)) <= LATER_PAUSE);
    }
    assert!(seconds(pauses.after(Tells::Saw(Sight::LoginLimited))) >= 1.0);
    assert!(seconds(pauses.after(refused)) >= 7.5, "a wrong login is still wrong");
    assert!(pauses.after(Tells::Saw(Sight::NoAnswer)) <= PAUSES.1);
    assert!(seconds(pauses.after(refused)) <= 1.0, "something else happened between");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_without_descriptors_judges_no_server_that_it_cannot_dial() {
    let (asked, mut dials) = tokio::sync::mpsc::channel(100);
    let full: watchfire_runtime::net::Lookup = Arc::new(move |_| {
        let asked = asked.clone();
        Box::pin(async move {
            let _ = asked.try_send(());
            Err(rustix::io::Errno::MFILE.into())
        })
    });
    let link = Link::by(Dialer::with_lookup(full, Clock::system()), "web:5000");
    // The second dial comes after the first was noted.
    for _ in 0..2 {
        dials.recv().await.expect("it dials on");
    }
    let minute = Clock::system().now().after(Duration::from_secs(60));
    link.fleet.check(0, minute);
    assert_eq!(link.fleet.snapshot(0).presence, Presence::Unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_token_that_is_refused_costs_one_more_login() {
    use tokio::io::AsyncWriteExt;
    let (listener, address) = listener().await;
    let link = Link::to(&address);
    answer_login(&listener).await;
    drop(accept_stream(&listener).await);
    let (mut refusing, _) = listener.accept().await.expect("the hub dials again");
    let refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
    refusing.write_all(refusal).await.expect("open");
    answer_login(&listener).await;
    let mut stream = accept_stream(&listener).await;
    // It is the same try that goes on: an old token is no refused login of the hub.
    let seen = link.judged().await.evidence;
    assert!(seen.iter().all(|seen| seen.saw == Sight::StreamClosed), "{seen:?}");
    say(&mut stream, Message::Hello(Hello::default())).await;
    link.until_presence(Presence::Up).await;
}

#[test]
fn the_time_that_the_hub_was_blind_is_not_held_against_a_server() {
    let (clock, hand) = crate::testing::manual_clock();
    let fleet = crate::testing::fleet_of(&["a-1", "b-1"], &[], &clock);
    (0..2).for_each(|index| fleet.heard(index));
    hand.advance(Duration::from_secs(1));
    fleet.blind(0);
    hand.advance(Duration::from_secs(60));
    for index in 0..2 {
        fleet.check(index, clock.now());
    }
    assert_eq!(fleet.snapshot(0).presence, Presence::Up);
    assert_eq!(fleet.snapshot(1).presence, Presence::Down, "the others stay judged");
    fleet.observed(0, Sight::NoAnswer);
    for (milliseconds, presence) in [(3_999, Presence::Late), (1, Presence::Down)] {
        hand.advance(Duration::from_millis(milliseconds));
        fleet.check(0, clock.now());
        assert_eq!(fleet.snapshot(0).presence, presence);
    }
}
