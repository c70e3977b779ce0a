//! The stream as a hub sees it.

mod common;

use std::time::Duration;

use common::{Running, START_MS, start};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message as Frame};
use tokio_tungstenite::{WebSocketStream, client_async};
use watchfire_wire::{self as wire, Alive, GoodbyeReason, Hello, Message};

type Socket = WebSocketStream<TcpStream>;

async fn dial(agent: &Running, token: &str) -> Result<Socket, u16> {
    let mut request =
        format!("ws://{}/stream", agent.address).into_client_request().expect("valid");
    let bearer = format!("Bearer {token}").parse().expect("a header");
    request.headers_mut().insert("Authorization", bearer);
    let stream = TcpStream::connect(agent.address).await.expect("it listens");
    match client_async(request, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

async fn next(socket: &mut Socket) -> Message {
    match socket.next().await.expect("a frame").expect("a frame") {
        Frame::Binary(bytes) => wire::decode(&bytes).expect("is ours").expect("is known"),
        other => panic!("{other:?}"),
    }
}

/// The next message that `pick` wants.
async fn until<T>(socket: &mut Socket, mut pick: impl FnMut(Message) -> Option<T>) -> T {
    loop {
        if let Some(found) = pick(next(socket).await) {
            return found;
        }
    }
}

fn status(message: Message) -> Option<watchfire_model::Status> {
    match message {
        Message::Status(status) => Some(status),
        _ => None,
    }
}

#[tokio::test]
async fn a_hello_then_a_sign_of_life_and_samples() {
    let agent = start().await;
    let mut socket = dial(&agent, &agent.token("ada").await).await.expect("it streams");
    let Message::Hello(hello) = next(&mut socket).await else { panic!("a hello comes first") };
    assert_eq!(hello.version(), wire::PROTOCOL);
    assert_eq!((hello.agent_id.len(), hello.unix_ms), (32, START_MS));
    assert!(!hello.server.is_empty() && !hello.boot_id.is_empty());
    let first = Alive { sequence: 0, unix_ms: START_MS };
    assert_eq!(next(&mut socket).await, Message::Alive(first));

    let first = until(&mut socket, status).await;
    assert_eq!(first.cpu_percent(), None, "one reading has no rates");
    agent.let_the_machine_go_on();
    for second in 1..=5_u64 {
        agent.hand.advance(Duration::from_secs(1));
        let (mut alive, mut sampled) = (None, None);
        while alive.is_none() || sampled.is_none() {
            match next(&mut socket).await {
                Message::Alive(sign) => alive = Some(sign.sequence),
                Message::Status(status) => sampled = Some(status),
                Message::Processes(_) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(alive, Some(second));
        let sampled = sampled.expect("is there");
        assert_eq!(sampled.at.unix_ms, START_MS + i64::try_from(second).expect("small") * 1000);
        if second == 1 {
            let busy = sampled.cpu_percent().expect("two readings have rates");
            assert!(busy > 0.0 && busy <= 100.0, "{busy}");
        }
    }
    assert_eq!(agent.counters.samples_skipped(), 0);
}

#[tokio::test]
async fn processes_come_at_once_then_with_rates_then_every_five_seconds() {
    let agent = start().await;
    let mut socket = dial(&agent, &agent.token("ada").await).await.expect("it streams");
    let table = |message| match message {
        Message::Processes(table) => Some(table),
        _ => None,
    };
    let first = until(&mut socket, table).await;
    assert!(!first.processes.is_empty());
    agent.let_the_machine_go_on();
    for (advance, at) in [(1, 1), (5, 6), (5, 11)] {
        agent.hand.advance(Duration::from_secs(advance));
        let next = until(&mut socket, table).await;
        assert_eq!(next.at.unix_ms, START_MS + at * 1000);
        if at == 1 {
            assert!(next.processes.iter().any(|row| row.cpu_percent.is_some()));
        }
    }
}

#[tokio::test]
async fn the_end_is_a_goodbye() {
    let agent = start().await;
    let mut socket = dial(&agent, &agent.token("ada").await).await.expect("it streams");
    until(&mut socket, status).await;
    agent.end.request();
    let reason = until(&mut socket, |message| match message {
        Message::Goodbye(reason) => Some(reason),
        _ => None,
    });
    assert_eq!(reason.await, GoodbyeReason::Stop);
    let close = socket.next().await.expect("a frame").expect("a frame");
    assert!(matches!(&close, Frame::Close(Some(why)) if why.code == CloseCode::Away), "{close:?}");
    agent.task.join().await.expect("no panic").expect("no error");
}

#[tokio::test]
async fn pings_are_answered_and_a_hello_is_taken() {
    let agent = start().await;
    let mut socket = dial(&agent, &agent.token("ada").await).await.expect("it streams");
    let hello = Hello { server: "hub".to_owned(), ..Hello::default() };
    let hello = wire::encode(&Message::Hello(hello)).expect("it fits");
    socket.send(Frame::Binary(hello.into())).await.expect("it reads");
    socket.send(Frame::Ping("are you there".into())).await.expect("it reads");
    loop {
        match socket.next().await.expect("a frame").expect("a frame") {
            Frame::Pong(echo) => break assert_eq!(&echo[..], b"are you there"),
            Frame::Binary(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The code with which the agent closes after it heard `frame`.
async fn closed_after(frame: Frame) -> CloseCode {
    let agent = start().await;
    let mut socket = dial(&agent, &agent.token("ada").await).await.expect("it streams");
    socket.send(frame).await.expect("it reads");
    loop {
        match socket.next().await.expect("a frame").expect("a frame") {
            Frame::Close(Some(why)) => return why.code,
            Frame::Binary(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn nonsense_ends_the_stream() {
    let other_major = Hello { major: 99, ..Hello::default() };
    let other_major = wire::encode(&Message::Hello(other_major)).expect("it fits");
    for bytes in [vec![0xff; 8], Vec::new(), other_major] {
        assert_eq!(closed_after(Frame::Binary(bytes.into())).await, CloseCode::Protocol);
    }
    assert_eq!(closed_after(Frame::Text("hello".into())).await, CloseCode::Unsupported);
    let goodbye = wire::encode(&Message::Goodbye(GoodbyeReason::Stop)).expect("it fits");
    assert_eq!(closed_after(Frame::Binary(goodbye.into())).await, CloseCode::Normal);
}

#[tokio::test]
async fn a_huge_frame_is_not_taken() {
    let agent = start().await;
    let mut socket = dial(&agent, &agent.token("ada").await).await.expect("it streams");
    // It may already be closed while the rest is still on its way.
    let _ = socket.send(Frame::Binary(vec![0; 1 << 20].into())).await;
    while let Some(Ok(frame)) = socket.next().await {
        assert!(matches!(frame, Frame::Binary(_) | Frame::Close(_)), "{frame:?}");
    }
}

#[tokio::test]
async fn sixteen_streams_and_no_more() {
    let agent = start().await;
    let token = agent.token("ada").await;
    let mut streams = Vec::new();
    for _ in 0..16 {
        let mut socket = dial(&agent, &token).await.expect("it streams");
        next(&mut socket).await;
        streams.push(socket);
    }
    assert_eq!(dial(&agent, &token).await.err(), Some(503));
    assert_eq!(agent.counters.streams_refused(), 1);
    // A place is free once its stream has ended on the agent's side, which it
    // shows by answering the close.
    let mut leaving = streams.pop().expect("one of them");
    leaving.close(None).await.expect("it listens");
    while leaving.next().await.is_some() {}
    loop {
        match dial(&agent, &token).await {
            Ok(_) => break,
            Err(status) => assert_eq!(status, 503),
        }
    }
}

#[tokio::test]
async fn only_a_token_for_streams_opens_one() {
    let agent = start().await;
    assert_eq!(dial(&agent, "x").await.err(), Some(401));
    assert_eq!(dial(&agent, &agent.token("reader").await).await.err(), Some(403));
    let token = agent.token("ada").await;
    assert_eq!(agent.get_with("/stream", &token).await.status, 426);
}
