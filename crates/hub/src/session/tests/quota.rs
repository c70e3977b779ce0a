//! An agent that tells more than one server may (abuse A40).

use super::*;
use crate::historian::{MAX_SERIES, Put};

#[tokio::test]
async fn too_many_series_are_not_stored_and_the_server_stays_watched() {
    let room = Room::new(&["a-1", "b-1"]);
    let (mut evil, mut good) = (room.agent(0).await, room.agent(1).await);
    evil.greet(1, 0).await;
    good.greet(1, 0).await;
    evil.tick(0, 1, 1.0).await;
    for number in 0..MAX_SERIES {
        let number = number.to_string();
        let key = SeriesKey::new("evil", [("number", number.as_str())]).expect("a good key");
        evil.ticks.schema.push(key);
    }
    for sequence in 2..=9 {
        evil.tick(sequence - 1, sequence, 2.0).await;
        good.tick(sequence - 2, sequence - 1, 3.0).await;
    }
    assert!(room.fleet.snapshot(0).link.over_quota);
    assert!(!room.fleet.snapshot(1).link.over_quota);
    for _ in 0..8 {
        room.pass(1000).await;
    }
    assert_eq!(room.coverage(0), [(0, 1)], "what was told before that is stored");
    assert_eq!(room.coverage(1), [(0, 8)]);
    assert!(evil.heard(acks).await.iter().all(|up_to| *up_to <= 1));
    assert_eq!(good.heard(acks).await.last(), Some(&8));
    assert_eq!(room.presence(0), Presence::Up, "its signs of life count");
    assert!(!evil.session.is_finished());
    // What holds no series is kept; nothing is acknowledged because of that, nor are the
    // ticks asked for.
    let event = Record { sequence: 10, kind: RecordKind::Event, ..Ticks::new().record(10, 1.0) };
    let told = Records { request: 0, previous: 9, records: vec![event] };
    evil.say(&Message::Records(told)).await;
    for sequence in 11..40 {
        room.pass(500).await;
        for (request, from, to) in evil.heard(asks).await {
            assert!(to <= 1, "{from} to {to} is asked for");
            evil.say(&Message::BackfillEnd(BackfillEnd { request, missing: true })).await;
        }
        evil.tick(sequence - 1, sequence, 2.0).await;
    }
    assert_eq!(room.coverage(0), [(0, 1), (9, 10)]);
    assert!(evil.heard(acks).await.iter().all(|up_to| *up_to <= 1));
    // A while after it has ended, nobody is told of it any more.
    room.hand.advance(Duration::from_secs(601));
    assert!(!room.fleet.snapshot(0).link.over_quota);
}

/// Of what the hub itself asked for, it may find no room: then it asks again later, and
/// says nothing bad of the agent.
#[tokio::test]
async fn an_answer_for_which_there_is_no_room_is_no_misdeed() {
    let room = Room::new(&["a-1"]);
    let mut agent = room.agent(0).await;
    agent.greet(1, 20).await;
    agent.tick(20, 21, 1.0).await;
    let mut asked = Vec::new();
    while asked.is_empty() {
        room.pass(500).await;
        asked = agent.heard(asks).await;
    }
    let mut gather = crate::historian::Gather::new(room.key(0), [9; 16]);
    let record = Record { bytes: vec![0; 1 << 19], ..Ticks::new().record(1, 0.0) };
    assert!(gather.push(0, record, room.clock.now()).is_none());
    let large = gather.take().expect("a chunk");
    let receipts = Arc::default();
    while room.historian.put(large.clone(), false, &receipts) == Put::Taken {}
    let mut old = Ticks::new();
    let mut answers = 0;
    for _ in 0..600 {
        for (request, from, to) in std::mem::take(&mut asked) {
            answers += 1;
            let bytes = vec![1; 1 << 15];
            let old = |sequence| Record { bytes: bytes.clone(), ..old.record(sequence, 0.5) };
            let records = (from..=to).map(old).collect();
            let previous = from - 1;
            agent.say(&Message::Records(Records { request, previous, records })).await;
            agent.say(&Message::BackfillEnd(BackfillEnd { request, missing: false })).await;
        }
        room.hand.advance(Duration::from_millis(500));
        agent.say(&Message::Alive(Alive::default())).await;
        asked = agent.heard(asks).await;
        assert!(!room.fleet.snapshot(0).link.over_quota, "the hub asked for it");
    }
    room.pass(2000).await;
    assert!(room.historian.counts().over_quota > 1, "it was refused");
    assert_eq!(room.coverage(0), [(0, 21)], "and came in time");
    assert!(answers <= 3, "it is not asked over and over: {answers}");
}
