//! The live stream: what it tells whom, and when it ends.

use std::time::Duration;

use axum::body::BodyDataStream;
use futures_util::StreamExt;
use watchfire_api::hub::IncidentRow;
use watchfire_model::{Incident, IncidentKind, IncidentState, Presence, Severity};

use super::*;
use crate::events::Event;
use crate::testing::{moment, name};

struct Live(BodyDataStream);

impl Live {
    async fn open(house: &House, seat: &Seat) -> Result<Self, StatusCode> {
        let request = asking(Method::GET, "/api/events", Some(seat));
        let answer = house.app.clone().oneshot(request).await.expect("a router answers always");
        if answer.status() != StatusCode::OK {
            return Err(answer.status());
        }
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let mut live = Self(answer.into_body().into_data_stream());
        assert!(live.next().await.expect("a greeting").starts_with("event: hello\n"));
        Ok(live)
    }

    /// The next frame, `None` when the stream ended.
    async fn next(&mut self) -> Option<String> {
        let frame = self.0.next().await?.expect("no error in a stream");
        Some(String::from_utf8(frame.to_vec()).expect("text"))
    }
}

fn incident(house: &House, server: &str) -> Event {
    let incident = Incident {
        kind: IncidentKind::Presence,
        severity: Severity::Critical,
        part_of: None,
        labels: None,
        acknowledged: None,
        id: house.incident_b,
        server: name(server),
        presence: Presence::Down,
        cause: format!("{server} is silent"),
        silence_began: None,
        judged: moment(0),
        hub_stalled: Duration::ZERO,
        state: IncidentState::Open,
    };
    Event::Incident(name(server), IncidentRow::from(&incident))
}

#[tokio::test]
async fn no_frame_names_a_foreign_server() {
    let house = House::new();
    let (ann, root) = (house.log_in("ann").await, house.log_in("root").await);
    let mut hers = Live::open(&house, &ann).await.expect("open");
    let mut all = Live::open(&house, &root).await.expect("open");
    let index = |server| house.fleet.index(&name(server)).expect("it is watched");
    house.events.tell(incident(&house, "b-1"));
    house.events.tell(Event::Server(index("b-1")));
    house.events.tell(incident(&house, "z-gone"));
    house.events.tell(incident(&house, "a-1"));
    house.events.tell(Event::Server(index("a-1")));
    for expected in ["event: incident", "event: server"] {
        let frame = hers.next().await.expect("open");
        assert!(frame.starts_with(expected) && frame.contains("a-1"), "{frame}");
        assert!(!frame.contains("b-1"), "{frame}");
    }
    for expected in ["b-1", "b-1", "a-1", "a-1"] {
        let frame = all.next().await.expect("open");
        assert!(frame.contains(expected), "{frame}");
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let house = House::new();
    let seat = house.log_in("ann").await;
    let mut live = Live::open(&house, &seat).await.expect("open");
    let mut request = asking(Method::POST, "/api/logout", Some(&seat));
    request.headers_mut().insert("x-watchfire-csrf", seat.csrf.parse().expect("a value"));
    assert_eq!(house.send(request).await.status, StatusCode::OK);
    // Not even what happens at once is told any more.
    house.events.tell(incident(&house, "a-1"));
    assert_eq!(live.next().await, None);
}

#[tokio::test]
async fn a_quiet_stream_ends_with_the_sessions_time_and_with_the_hub() {
    let house = House::new();
    let (ann, root) = (house.log_in("ann").await, house.log_in("root").await);
    let mut hers = Live::open(&house, &ann).await.expect("open");
    let next = tokio::spawn(async move { hers.next().await });
    crate::testing::settle().await;
    house.hand.advance(crate::http::session::LIFE);
    assert_eq!(next.await.expect("no panic"), None);

    let again = house.log_in("root").await;
    assert_eq!(Live::open(&house, &root).await.err(), Some(StatusCode::UNAUTHORIZED));
    let mut all = Live::open(&house, &again).await.expect("open");
    let next = tokio::spawn(async move { all.next().await });
    crate::testing::settle().await;
    house.end.request();
    house.hand.advance(Duration::from_secs(1));
    assert_eq!(next.await.expect("no panic"), None);
}

#[tokio::test]
async fn who_lags_behind_is_told_to_load_anew() {
    let house = House::new();
    let ann = house.log_in("ann").await;
    let mut live = Live::open(&house, &ann).await.expect("open");
    for _ in 0..5000 {
        house.events.tell(incident(&house, "b-1"));
    }
    assert!(live.next().await.expect("open").starts_with("event: hello\n"));
}

#[tokio::test]
async fn a_session_holds_few_streams_and_a_closed_one_makes_room() {
    let house = House::new();
    let ann = house.log_in("ann").await;
    let mut open = Vec::new();
    let refused = loop {
        match Live::open(&house, &ann).await {
            Ok(live) => open.push(live),
            Err(status) => break status,
        }
        assert!(open.len() <= 100, "nothing limits the streams of a session");
    };
    assert_eq!(refused, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(open.len(), 10);
    let other = house.log_in("ann").await;
    assert!(Live::open(&house, &other).await.is_ok(), "another session has its own places");
    open.pop();
    assert!(Live::open(&house, &ann).await.is_ok());
}
