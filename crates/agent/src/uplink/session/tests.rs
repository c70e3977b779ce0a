use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use watchfire_identity::pulse::PulseKey;
use watchfire_runtime::socket::{CloseReason, SocketError, SocketLimits};
use watchfire_runtime::task::{self, Task};
use watchfire_wire::pulse::PulseFlags;
use watchfire_wire::{
    Ack, Backfill, BackfillEnd, GoodbyeReason, Hello, Message, Probe, ProbeResult, ProbeSaw,
    Record, Records, Renewed, StreamDecoder, encode,
};

use super::*;
use crate::recorder::Kind;
use crate::uplink::LIMITS;
use crate::uplink::pulse::Sender;
use crate::uplink::testing::{Agent, agent};

const SECOND: Duration = Duration::from_secs(1);
const KEY: [u8; 32] = [5; 32];

/// The hub's end of a stream.
struct Hub {
    socket: Socket,
    decoder: StreamDecoder,
    session: Task<End>,
}

async fn stream(agent: &Agent, begun: Begun) -> Hub {
    let (here, there) = tokio::io::duplex(4 << 20);
    let socket = Socket::accepted(here, LIMITS).await;
    let session = task::spawn("session", run(Arc::clone(&agent.up), socket, begun));
    let limits = SocketLimits { incoming: 1 << 20, ..LIMITS };
    let socket = Socket::begun(there, limits).await;
    Hub { socket, decoder: StreamDecoder::new(), session }
}

impl Hub {
    async fn next(&mut self) -> Message {
        let frame = self.socket.recv().await.expect("a frame");
        self.decoder.decode(&frame).expect("it is ours").expect("it is known")
    }

    async fn say(&mut self, message: Message) {
        self.socket.send(encode(&message).expect("it fits")).await.expect("it is open");
    }

    /// Hello both ways. Returns the agent's.
    async fn greet(&mut self, wants_ticks: bool) -> Hello {
        self.say(Message::Hello(Hello { wants_ticks, ..Hello::default() })).await;
        match self.next().await {
            Message::Hello(hello) => hello,
            other => panic!("a hello comes first: {other:?}"),
        }
    }

    async fn records(&mut self) -> Records {
        loop {
            match self.next().await {
                Message::Records(records) => return records,
                Message::Alive(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next part of an answer, or its end. The agent's time goes on meanwhile.
    async fn answer(&mut self, agent: &Agent) -> Result<Records, BackfillEnd> {
        loop {
            tokio::select! {
                biased;
                message = self.next() => match message {
                    Message::Records(records) => return Ok(records),
                    Message::BackfillEnd(end) => return Err(end),
                    Message::Alive(_) => {}
                    other => panic!("{other:?}"),
                },
                // A frame each 50 ms of the agent's time.
                () = tokio::task::yield_now() => agent.hand.advance(Duration::from_millis(1)),
            }
        }
    }

    async fn ended(self) -> End {
        self.session.join().await.expect("it did not panic")
    }
}

fn taken() -> Begun {
    Begun::Taken { pulse_key: KEY }
}

fn sequences(records: &Records) -> (u64, Vec<u64>) {
    (records.previous, records.records.iter().map(|record| record.sequence).collect())
}

/// Lets the session come to where it waits.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// A stream that wants ticks, its session at the first beat.
async fn greeted(agent: &Agent) -> (Hub, Hello) {
    agent.tick();
    let mut hub = stream(agent, taken()).await;
    let hello = hub.greet(true).await;
    assert_eq!(sequences(&hub.records().await), (0, vec![1]), "the start of the chain");
    (hub, hello)
}

#[tokio::test]
async fn live_records_begin_with_a_chain_and_come_together() {
    let agent = agent();
    agent.tick();
    agent.hand.advance(60 * SECOND);
    agent.tick();
    let mut hub = stream(&agent, taken()).await;
    let hello = hub.greet(true).await;
    let ring = hello.ring.expect("it has records");
    assert_eq!((ring.oldest, ring.newest), (1, 2));
    assert!(hello.pulse.is_some() && hello.uptime_ms == Some(1_060_000));
    settle().await;
    assert!(agent.tick(), "the stream asked for it");
    assert_eq!(sequences(&hub.records().await), (2, vec![3]));
    agent.put(Kind::Processes, b"table");
    agent.put(Kind::Event, b"{}");
    settle().await;
    agent.tick();
    let together = hub.records().await;
    assert_eq!(sequences(&together), (3, vec![4, 5, 6]), "one frame a second");
    assert_eq!(together.records[0].bytes, b"table");
    let counters = agent.feed.counters();
    assert_eq!((counters.live_records.get(), counters.unacknowledged.get()), (4, 4));
    hub.say(Message::Ack(Ack { up_to: 5 })).await;
    hub.say(Message::Ack(Ack { up_to: 4 })).await;
    settle().await;
    assert_eq!((counters.acknowledged.get(), counters.unacknowledged.get()), (3, 1));
    hub.say(Message::Goodbye(GoodbyeReason::Stop)).await;
    assert!(matches!(hub.socket.recv().await, Err(SocketError::Closed(_))));
    assert_eq!(hub.ended().await, End::HubLeft);
    assert_eq!(counters.unacknowledged.get(), 0, "the hub asks for it when it comes again");
}

#[tokio::test]
async fn what_no_tick_comes_for_goes_with_the_beat() {
    let agent = agent();
    let (mut hub, _) = greeted(&agent).await;
    agent.put(Kind::Processes, b"table");
    settle().await;
    agent.hand.advance(SECOND);
    assert_eq!(sequences(&hub.records().await), (1, vec![2]));
}

#[tokio::test]
async fn signs_of_life_come_on_the_stream_only_where_pulses_do_not() {
    let agent = agent();
    let (mut hub, hello) = greeted(&agent).await;
    let mut pulses = Sender::new(
        hello.pulse.expect("a session"),
        PulseKey::from_exported(KEY),
        agent.up.clock.now(),
    );
    for second in 0..8_u64 {
        let now = agent.up.clock.now();
        if second < 3 {
            let pulse = pulses.next(PulseFlags::default(), now);
            assert!(agent.up.pulses.echo(&pulse, now).is_some());
        }
        agent.hand.advance(SECOND);
        agent.tick();
        let mut alive = false;
        // The beat's sign of life comes before or behind its tick.
        let mut records = false;
        while !records {
            match hub.next().await {
                Message::Records(_) => records = true,
                Message::Alive(_) => alive = true,
                other => panic!("{other:?}"),
            }
        }
        settle().await;
        let late = tokio::select! {
            biased;
            message = hub.next() => matches!(message, Message::Alive(_)),
            () = settle() => false,
        };
        // The last pulse was heard at 2, so it is 3 s old at 5, after the sixth beat.
        assert_eq!(alive || late, second >= 4, "{second}");
    }
}

#[tokio::test]
async fn pulses_are_answered_after_a_stream_broke_and_not_after_a_goodbye() {
    for why in [End::Broken, End::HubAway, End::Leaving, End::HubLeft, End::Removed, End::Older] {
        let agent = agent();
        let (first, first_hello) = greeted(&agent).await;
        drop(first.socket);
        assert_eq!(first.session.join().await, Ok(End::Broken));
        let mut hub = stream(&agent, taken()).await;
        let hello = hub.greet(true).await;
        let now = agent.up.clock.now();
        let mut pulses = [hello, first_hello].map(|hello| {
            let session = hello.pulse.expect("a session");
            Sender::new(session, PulseKey::from_exported(KEY), now)
        });
        match why {
            End::Leaving => agent.end.request(),
            End::HubLeft => hub.say(Message::Goodbye(GoodbyeReason::Stop)).await,
            End::HubAway => hub.socket.close(CloseReason::Away).await,
            End::Removed => hub.socket.close(CloseReason::Forbidden).await,
            End::Older => hub.socket.close(CloseReason::Older).await,
            _ => {}
        }
        let Hub { socket, session, .. } = hub;
        let open = (why != End::Broken).then_some(socket);
        assert_eq!(session.join().await, Ok(why));
        drop(open);
        let goes_on = matches!(why, End::Broken | End::HubAway);
        for sender in &mut pulses {
            let pulse = sender.next(PulseFlags::ORPHAN, now);
            assert_eq!(agent.up.pulses.echo(&pulse, now).is_some(), goes_on, "{why:?}");
        }
    }
}

#[tokio::test]
async fn an_old_hub_gets_signs_of_life_and_no_records() {
    let agent = agent();
    for begun in [taken(), Begun::Token { user: "ada".to_owned() }] {
        let mut hub = stream(&agent, begun).await;
        hub.greet(false).await;
        for sequence in 0..3 {
            agent.tick();
            match hub.next().await {
                Message::Alive(alive) => assert_eq!(alive.sequence, sequence),
                other => panic!("{other:?}"),
            }
            settle().await;
            agent.hand.advance(SECOND);
        }
    }
}

#[tokio::test]
async fn a_hub_with_a_token_may_want_ticks_too() {
    let agent = agent();
    agent.tick();
    let mut hub = stream(&agent, Begun::Token { user: "ada".to_owned() }).await;
    let hello = hub.greet(true).await;
    assert_eq!(hello.pulse, None, "there is no key without TLS");
    assert_eq!(sequences(&hub.records().await), (0, vec![1]));
}

#[tokio::test]
async fn a_hub_without_a_hello_is_left() {
    let agent = agent();
    let mut hub = stream(&agent, taken()).await;
    assert!(matches!(hub.next().await, Message::Hello(_)));
    // On a slow way its hello may still come, and the stream must not look dead.
    for sequence in 0..9 {
        settle().await;
        agent.hand.advance(SECOND);
        match hub.next().await {
            Message::Alive(alive) => assert_eq!(alive.sequence, sequence),
            other => panic!("{other:?}"),
        }
    }
    settle().await;
    agent.hand.advance(SECOND);
    assert!(hub.socket.recv().await.is_err());
    assert_eq!(hub.ended().await, End::NotUnderstood);
}

#[tokio::test]
async fn the_last_word_is_a_goodbye() {
    let agent = agent();
    let (mut hub, _) = greeted(&agent).await;
    agent.end.request();
    assert_eq!(hub.next().await, Message::Goodbye(GoodbyeReason::Stop));
    assert!(matches!(hub.socket.recv().await, Err(SocketError::Closed(_))));
    assert_eq!(hub.ended().await, End::Leaving);
}

#[tokio::test]
async fn a_hole_is_filled_frame_by_frame() {
    let agent = agent();
    let large = vec![1; 200 << 10];
    agent.put(Kind::Tick, &large);
    agent.put(Kind::Event, &large);
    let mut hub = stream(&agent, taken()).await;
    hub.greet(true).await;
    let live = hub.records().await;
    assert_eq!(sequences(&live), (0, vec![1, 2]));
    for (ask, missing) in [((8, 2, 2), false), ((9, 1, 7), true)] {
        let (request, from, to) = ask;
        hub.say(Message::Backfill(Backfill { request, from, to })).await;
        let mut heard = Vec::new();
        let end = loop {
            match hub.answer(&agent).await {
                Ok(records) => heard.push((records.request, sequences(&records))),
                Err(end) => break end,
            }
        };
        assert_eq!(heard, [(request, (0, vec![1])), (request, (1, vec![2]))]);
        assert_eq!(end, BackfillEnd { request, missing });
    }
    assert_eq!(agent.feed.counters().backfilled.get(), 4);
    assert_eq!(agent.feed.counters().backfills_replaced.get(), 0);
}

#[tokio::test]
async fn a_new_request_takes_the_place_of_one_that_the_hub_gave_up() {
    let agent = agent();
    let large = vec![1; 200 << 10];
    agent.put(Kind::Tick, &large);
    agent.put(Kind::Event, &large);
    let mut hub = stream(&agent, taken()).await;
    hub.greet(true).await;
    assert_eq!(sequences(&hub.records().await), (0, vec![1, 2]));
    hub.say(Message::Backfill(Backfill { request: 8, from: 1, to: 2 })).await;
    let first = hub.answer(&agent).await.expect("a part");
    assert_eq!((first.request, sequences(&first)), (8, (0, vec![1])));
    // The next part waits for its time. Of two more requests the last one counts.
    hub.say(Message::Backfill(Backfill { request: 9, from: 2, to: 2 })).await;
    hub.say(Message::Backfill(Backfill { request: 10, from: 1, to: 2 })).await;
    settle().await;
    let mut heard = Vec::new();
    let end = loop {
        match hub.answer(&agent).await {
            Ok(records) => heard.push((records.request, sequences(&records))),
            Err(end) => break end,
        }
    };
    assert_eq!(heard, [(10, (0, vec![1])), (10, (1, vec![2]))]);
    assert_eq!(end, BackfillEnd { request: 10, missing: false });
    assert_eq!(agent.feed.counters().backfills_replaced.get(), 2);
}

#[tokio::test]
async fn a_probe_is_answered_and_a_renewal_that_nobody_asked_for_is_not_taken() {
    let agent = agent();
    let (mut hub, _) = greeted(&agent).await;
    let probe = Probe { id: 4, server: "db-1".to_owned(), ..Probe::default() };
    hub.say(Message::Probe(Probe { address: "0.0.0.0:9".to_owned(), ..probe })).await;
    hub.say(Message::Renewed(Renewed { certificate_pem: "x".to_owned() })).await;
    let declined = ProbeResult { id: 4, saw: ProbeSaw::Declined, took_ms: 0 };
    assert_eq!(hub.next().await, Message::ProbeResult(declined));
    settle().await;
    assert_eq!(agent.feed.counters().ignored.get(), 1);
}

#[tokio::test]
async fn another_ring_begins_another_stream() {
    let agent = agent();
    let (mut hub, _) = greeted(&agent).await;
    let now = agent.up.clock.now();
    let place = crate::uplink::feed::Place::Disk([9; 16]);
    let author = crate::uplink::feed::Author(0);
    assert!(agent.feed.wants_start(place, author, Kind::Tick, now));
    let entry =
        crate::uplink::feed::Entry { kind: Kind::Tick, at: now, starts_chain: true, bytes: b"x" };
    agent.feed.put_recorded([9; 16], author, 77, entry);
    assert!(matches!(hub.socket.recv().await, Err(SocketError::Closed(_))));
    assert_eq!(hub.ended().await, End::OtherRing);
}

/// A48: however much a hub asks in one moment, what it gets in a second is limited.
#[tokio::test]
async fn a_flood_of_questions_is_answered_slowly() {
    const SECONDS: usize = 10;
    let ask = |number: u64, is_probe: bool| {
        if is_probe {
            let address = "192.0.2.1:22".to_owned();
            return Message::Probe(Probe { id: number, address, ..Probe::default() });
        }
        Message::Backfill(Backfill { request: number + 1, from: 1, to: u64::MAX })
    };
    const ASKED: u64 = 2000;
    for is_probe in [true, false] {
        let agent = agent();
        agent.put(Kind::Tick, &[7; 1000]);
        let mut hub = stream(&agent, taken()).await;
        hub.greet(true).await;
        for number in 0..ASKED {
            hub.say(ask(number, is_probe)).await;
        }
        let (mut answers, mut ended, begun) = (0, 0, agent.up.clock.now());
        while agent.up.clock.now().since(begun) < SECOND * SECONDS as u32 {
            tokio::select! {
                biased;
                message = hub.next() => {
                    answers += usize::from(!matches!(message, Message::Alive(_)));
                    if let Message::BackfillEnd(end) = message {
                        ended = end.request;
                    }
                }
                () = settle() => agent.hand.advance(SECOND / 100),
            }
        }
        // It reads 32 frames a second, 64 at first, and an answer to each is one frame. Old
        // records go out in twenty a second, and none for a request that was replaced.
        let most = if is_probe { 32 * SECONDS + 64 } else { 20 * SECONDS };
        assert!(answers <= most + 2, "{answers} answers, is_probe: {is_probe}");
        if is_probe {
            assert!(answers >= 32, "it answers: {answers}");
            continue;
        }
        while ended != ASKED {
            if let Err(end) = hub.answer(&agent).await {
                ended = end.request;
            }
        }
    }
}

/// Whatever a hub may send: its own messages with any numbers, those of an
/// agent, and bytes that are nothing.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let numbers = (any::<u64>(), any::<u64>(), any::<u64>());
    let message = prop_oneof![
        any::<u64>().prop_map(|up_to| Message::Ack(Ack { up_to })),
        numbers.prop_map(|(request, from, to)| Message::Backfill(Backfill { request, from, to })),
        (any::<u64>(), ".{0,20}", "[0-9a-f]{0,41}").prop_map(|(id, address, key)| {
            Message::Probe(Probe { id, server: String::new(), address, key })
        }),
        (any::<u64>(), any::<bool>()).prop_map(|(request, missing)| {
            Message::BackfillEnd(BackfillEnd { request, missing })
        }),
        ".{0,40}".prop_map(|certificate_pem| Message::Renewed(Renewed { certificate_pem })),
        (any::<bool>(), any::<Option<u64>>()).prop_map(|(wants_ticks, pulse)| {
            Message::Hello(Hello { wants_ticks, pulse, ..Hello::default() })
        }),
        any::<u64>().prop_map(|sequence| {
            let record = Record { sequence, ..Record::default() };
            Message::Records(Records { request: 0, previous: 0, records: vec![record] })
        }),
    ];
    prop_oneof![
        3 => message.prop_map(|message| encode(&message).unwrap_or_default()),
        1 => prop::collection::vec(any::<u8>(), 0..60),
    ]
}

/// A48.
#[test]
fn no_frame_of_a_hub_makes_an_agent_panic() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let frames = prop::collection::vec(any_frame(), 0..12);
    let cases = Config { cases: 64, ..Config::default() };
    TestRunner::new(cases)
        .run(&(frames, any::<bool>()), |(frames, old)| {
            let end = runtime.block_on(async {
                let agent = agent();
                agent.tick();
                let begun = if old { Begun::Token { user: String::new() } } else { taken() };
                let mut hub = stream(&agent, begun).await;
                hub.say(Message::Hello(Hello { wants_ticks: true, ..Hello::default() })).await;
                for frame in frames {
                    // It may have ended the stream already.
                    let _ = hub.socket.send(frame).await;
                }
                let goodbye = encode(&Message::Goodbye(GoodbyeReason::Stop));
                let _ = hub.socket.send(goodbye.unwrap_or_default()).await;
                while hub.socket.recv().await.is_ok() {}
                hub.ended().await
            });
            prop_assert!(matches!(
                end,
                End::HubLeft | End::NotUnderstood | End::Broken | End::Closed
            ));
            Ok(())
        })
        .expect("no panic");
}
