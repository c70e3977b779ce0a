use std::sync::Mutex;

use watchfire_wire::{FallbackHeard, FallbackSeat, FallbackTold};

use super::*;

/// Keeps what it hears.
#[derive(Default, Clone)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl FallbackDesk for Heard {
    fn greeted(&self, (index, _): (usize, AgentId), at: (SocketAddr, bool), said: FallbackSeat) {
        let (remote, dialed) = at;
        self.note(format!("{index} at {remote} {dialed} port {}", said.port));
    }

    /// It is on disk when it is told the second time.
    fn told(&self, agent: AgentId, told: FallbackTold) -> bool {
        let what = format!("{agent} told {}", told.outage[0]);
        let is_known = self.all().contains(&what);
        self.note(what);
        is_known
    }
}

impl Heard {
    fn note(&self, what: String) {
        self.0.lock().expect("no panic").push(what);
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().expect("no panic").clone()
    }
}

fn told() -> Message {
    Message::FallbackTold(FallbackTold {
        outage: [7; 16],
        by: "a".repeat(40),
        ..FallbackTold::default()
    })
}

fn with_seat() -> Message {
    let fallback = Some(FallbackSeat { port: 5000, deal: None });
    Message::Hello(Hello { fallback, unix_ms: moment(0).unix_ms, ..Hello::default() })
}

fn without_seat() -> Message {
    Message::Hello(Hello { unix_ms: moment(0).unix_ms, ..Hello::default() })
}

#[tokio::test]
async fn an_agent_that_takes_part_is_known_heard_and_told_that_the_hub_leaves() {
    let room = Room::new(&["a-1"]);
    let desk = Heard::default();
    room.sessions.set_fallback(Box::new(desk.clone()));
    let mut agent = room.agent(0).await;
    agent.say(&with_seat()).await;
    assert_eq!(desk.all(), ["0 at 203.0.113.1:4000 false port 5000"]);
    agent.say(&told()).await;
    assert_eq!(desk.all()[1], format!("{} told 7", room.key(0)));
    agent.say(&told()).await;
    assert_eq!(desk.all().len(), 3);
    let handle = room.sessions.of(0).expect("a session");
    assert!(handle.say(Message::FallbackOver));
    handle.close(CloseReason::Away);
    let said = agent.heard(Some).await;
    let said: Vec<Message> =
        said.into_iter().filter(|one| !matches!(one, Message::Hello(_))).collect();
    let heard = Message::FallbackHeard(FallbackHeard { outage: [7; 16] });
    assert_eq!(said, [heard, Message::FallbackOver, Message::HubLeaves]);
}

#[tokio::test]
async fn an_agent_that_is_removed_is_told_to_forget_before_its_stream_ends() {
    for (hello, expected) in [(with_seat(), vec![Message::FallbackOver]), (without_seat(), vec![])]
    {
        let room = Room::new(&["a-1"]);
        room.sessions.set_fallback(Box::new(Heard::default()));
        let mut agent = room.agent(0).await;
        agent.say(&hello).await;
        room.sessions.close(0, CloseReason::Forbidden);
        let said = agent.heard(Some).await;
        let said: Vec<Message> =
            said.into_iter().filter(|one| !matches!(one, Message::Hello(_))).collect();
        assert_eq!(said, expected);
    }
}

#[tokio::test]
async fn an_agent_of_before_takes_no_part_and_hears_nothing_new() {
    let room = Room::new(&["a-1"]);
    let desk = Heard::default();
    room.sessions.set_fallback(Box::new(desk.clone()));
    let mut agent = room.agent(0).await;
    agent.greet(1, 0).await;
    agent.say(&told()).await;
    for message in [Message::FallbackOver, Message::HubLeaves] {
        agent.say(&message).await;
    }
    assert_eq!(room.sessions.counts().strange, 3, "nobody asked it for that");
    room.sessions.close(0, CloseReason::Away);
    let said = agent.heard(Some).await;
    assert!(!said.contains(&Message::HubLeaves), "{said:?}");
    assert_eq!(desk.all(), [""; 0]);
}
