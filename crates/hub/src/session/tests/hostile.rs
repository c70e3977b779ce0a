use proptest::prelude::*;

use super::*;

/// What a hostile agent may send: true messages with bad content, cut and changed
/// frames, and plain noise.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let noise = prop::collection::vec(any::<u8>(), 0..200);
    let records = (any::<u64>(), any::<u64>(), 0..5_u8, prop::collection::vec(any::<u8>(), 0..64))
        .prop_map(|(request, sequence, kind, bytes)| {
            let sequence = sequence.max(1);
            let kind = RecordKind::from_number(kind);
            let record = Record { sequence, kind, bytes, ..Record::default() };
            let request = request % 3;
            let message = Message::Records(Records { request, previous: 0, records: vec![record] });
            encode(&message).expect("it fits")
        });
    let ticks = (1..50_u64, any::<f64>(), any::<prop::sample::Index>(), any::<u8>()).prop_map(
        |(sequence, load, place, change)| {
            let mut record = Ticks::new().record(sequence, load);
            let at = place.index(record.bytes.len());
            record.bytes[at] ^= change;
            let message =
                Message::Records(Records { request: 0, previous: 0, records: vec![record] });
            encode(&message).expect("it fits")
        },
    );
    let others = prop::sample::select(vec![
        Message::Hello(Hello { server: "b-1".to_owned(), ..Hello::default() }),
        Message::Hello(Hello { major: 99, ..Hello::default() }),
        Message::Hello(Hello {
            server: "b-1".to_owned(),
            ring: Some(RingState { ring: RING, oldest: u64::MAX, newest: 0 }),
            unix_ms: i64::MAX / 2,
            ..Hello::default()
        }),
        Message::Alive(Alive { sequence: u64::MAX, unix_ms: i64::MIN / 2 }),
        Message::BackfillEnd(BackfillEnd { request: u64::MAX, missing: true }),
        Message::ProbeResult(ProbeResult { id: 1, saw: ProbeSaw::Reached, took_ms: 0 }),
        Message::Goodbye(GoodbyeReason::Unknown),
    ])
    .prop_map(|message| encode(&message).unwrap_or_default());
    let cut = (others.clone(), any::<prop::sample::Index>()).prop_map(|(mut frame, at)| {
        frame.truncate(at.index(frame.len() + 1));
        frame
    });
    prop_oneof![noise, records, ticks, others, cut]
}

/// Whatever one agent sends: nothing panics, the hub goes on, and nothing of
/// another server changes, in the fleet or in the history (abuse A24).
#[test]
fn no_frame_touches_another_server() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let (room, good) = runtime.block_on(async {
        let room = Room::new(&["a-1", "b-1"]);
        let mut good = room.agent(1).await;
        good.greet(1, 0).await;
        good.tick(0, 1, 0.5).await;
        for _ in 0..20 {
            room.pass(1000).await;
        }
        assert_eq!(room.coverage(1), [(0, 1)]);
        (room, good)
    });
    let last_sign = room.fleet.snapshot(1).last_sign;
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let tried = runner.run(&prop::collection::vec(frame(), 1..30), |frames| {
        runtime.block_on(async {
            let mut hostile = room.agent(0).await;
            hostile.greet(1, 0).await;
            for frame in frames {
                if hostile.socket.send(frame).await.is_err() {
                    break;
                }
                settle().await;
            }
            drop(hostile);
            // The seat is free for the next one.
            until("the session is over", || room.sessions.of(0).is_none().then_some(())).await;
        });
        let other = room.fleet.snapshot(1);
        let load = other.status.expect("it told one").1.load.one;
        prop_assert_eq!(load.to_bits(), 0.5_f64.to_bits());
        prop_assert!(room.fleet.processes_of(1).is_none() && other.incident.is_none());
        prop_assert_eq!(other.last_sign, last_sign);
        prop_assert!(!good.session.is_finished());
        Ok(())
    });
    tried.expect("no case fails");
    assert_eq!(room.coverage(1), [(0, 1)]);
    assert_eq!(room.load(1), Some(0.5));
}

#[tokio::test]
async fn wrong_bytes_end_the_session_with_a_reason_and_a_counter() {
    let good = Ticks::new().record(1, 1.0);
    let changed =
        Record { bytes: good.bytes.iter().map(|byte| byte ^ 1).collect(), ..good.clone() };
    let table = Record { kind: RecordKind::Processes, ..good.clone() };
    let twice = Record { bytes: [good.bytes.clone(), good.bytes.clone()].concat(), ..good.clone() };
    let cut = Record { bytes: good.bytes[..good.bytes.len() - 1].to_vec(), ..good.clone() };
    for record in [changed, table, twice, cut] {
        let room = Room::new(&["a-1"]);
        let mut agent = room.agent(0).await;
        agent.greet(1, 0).await;
        let records = vec![record.clone()];
        agent.say(&Message::Records(Records { request: 0, previous: 0, records })).await;
        assert!(agent.is_over().await, "{record:?}");
        assert_eq!(room.sessions.counts().wrong, 1, "{record:?}");
        assert_eq!(room.load(0), None);
    }
}

#[tokio::test]
async fn records_that_go_back_end_the_session() {
    let room = Room::new(&["a-1"]);
    let mut agent = room.agent(0).await;
    agent.greet(1, 0).await;
    agent.tick(0, 5, 1.0).await;
    let again = vec![agent.ticks.record(5, 1.0)];
    let again = Message::Records(Records { request: 0, previous: 4, records: again });
    agent.socket.send(encode(&again).expect("it fits")).await.expect("open");
    assert!(agent.is_over().await);
    assert_eq!(room.sessions.counts().wrong, 1);
}

#[tokio::test]
async fn a_flood_of_frames_is_read_at_a_pace() {
    let room = Room::new(&["a-1", "b-1"]);
    let (mut flood, mut other) = (room.agent(0).await, room.agent(1).await);
    flood.greet(1, 0).await;
    other.greet(1, 0).await;
    let alive = encode(&Message::Alive(Alive::default())).expect("it fits");
    for _ in 0..200 {
        flood.socket.send(alive.clone()).await.expect("there is room");
    }
    settle().await;
    other.tick(0, 1, 3.0).await;
    assert_eq!(room.load(1), Some(3.0), "nobody else is held up");
    assert!(room.sessions.0.held_up.times() > 0);
}
