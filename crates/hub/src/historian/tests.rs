use watchfire_model::Moment;
use watchfire_runtime::{ManualClock, task::Task};
use watchfire_wire::{Record, RecordKind};

use super::*;
use crate::testing::{manual_clock, settle, until};

fn record(sequence: u64, bytes: usize) -> Record {
    let unix_ms = i64::try_from(sequence).expect("small") * 1000;
    Record { sequence, kind: RecordKind::Tick, unix_ms, bytes: vec![1; bytes], ..Record::default() }
}

fn chunk(server: &str, first: u64, last: u64) -> Chunk {
    let mut gather = Gather::new(server.to_owned(), [1; 16]);
    for sequence in first..=last {
        assert!(gather.push(sequence - 1, record(sequence, 10), Moment::default()).is_none());
    }
    gather.take().expect("records")
}

struct Room {
    historian: Historian,
    hand: ManualClock,
    folder: tempfile::TempDir,
    _writer: Task<()>,
    _end: watchfire_runtime::ShutdownHandle,
}

fn room() -> Room {
    let (clock, hand) = manual_clock();
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), 1 << 30).expect("a good history");
    let historian = Historian::new(Some(history), clock);
    let (shutdown, end) = Shutdown::new();
    let writer = task::spawn("historian", historian.clone().run(shutdown));
    Room { historian, hand, folder, _writer: writer, _end: end }
}

#[tokio::test]
async fn what_came_in_200_ms_is_one_group_and_told_when_it_is_durable() {
    let room = room();
    let (a, b): (Arc<Receipts>, Arc<Receipts>) = Default::default();
    assert_eq!(room.historian.put(chunk("a", 1, 4), true, &a), Put::Taken);
    assert_eq!(room.historian.put(chunk("b", 1, 2), false, &b), Put::Taken);
    settle().await;
    assert_eq!((a.waiting(), a.up_to()), (1, 0));
    room.hand.advance(GROUP_TIME);
    until("it is stored", || (a.waiting() + b.waiting() == 0).then_some(())).await;
    assert_eq!((a.up_to(), b.up_to()), (4, 0), "old records are not acknowledged");
    let history = room.historian.history().expect("it has one");
    assert_eq!(history.coverage("a", [1; 16]), Ok(vec![(0, 4)]));
    assert_eq!(history.counters().chunks_stored, 2);
    drop(room.folder);
}

#[tokio::test]
async fn what_has_no_room_is_refused_and_counted() {
    let (clock, _hand) = manual_clock();
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), 1 << 30).expect("a good history");
    let historian = Historian::new(Some(history), clock);
    let receipts = Arc::default();
    let mut taken = 0;
    // Nobody writes.
    while historian.put(chunk("a", 1, 1), true, &receipts) == Put::Taken {
        taken += 1;
    }
    assert_eq!(taken, MAX_QUEUE_CHUNKS);
    assert_eq!(historian.counts().refused, 1);
    assert_eq!(receipts.waiting(), taken);
}

#[tokio::test]
async fn one_server_that_tells_too_much_is_refused_and_the_others_are_not() {
    let room = room();
    let receipts: Arc<Receipts> = Arc::default();
    let large = |server: &str, number: u64| {
        let bytes = vec![1; 1 << 20];
        Chunk { bytes, ..chunk(server, number, number) }
    };
    let (mut number, mut taken) = (0, 0);
    let refused = loop {
        number += 1;
        assert_eq!(room.historian.put(chunk("good", number, number), true, &receipts), Put::Taken);
        match room.historian.put(large("evil", number), true, &receipts) {
            Put::Taken => taken += 1,
            refused => break refused,
        }
        assert!(taken <= quota::BURST_BYTES >> 20, "there is no quota");
    };
    assert_eq!((refused, taken), (Put::OverQuota, quota::BURST_BYTES >> 20));
    assert_eq!(room.historian.counts().over_quota, 1);
    assert!(!room.historian.has_time_for("evil"), "it is not asked for more");
    // Sixteen seconds give it what it may bring in sixteen seconds.
    room.hand.advance(Duration::from_secs(16));
    until("there is room in the queue", || {
        room.hand.advance(Duration::from_millis(1));
        (receipts.waiting() == 0).then_some(())
    })
    .await;
    assert!(!room.historian.has_time_for("evil"), "it is not asked for more");
    assert!(room.historian.has_time_for("good"));
    assert_eq!(room.historian.put(large("evil", number), true, &receipts), Put::Taken);
    room.hand.advance(Duration::from_secs(600));
    assert!(room.historian.has_time_for("evil"));
}

#[tokio::test]
async fn room_is_given_back_when_nobody_tells_anything_too() {
    let room = room();
    let history = room.historian.history().expect("it has one").clone();
    history.append(&[chunk("gone", 1, 1)]).expect("works");
    history.remove_server("gone").expect("works");
    until("it goes", || {
        room.hand.advance(Duration::from_secs(1));
        (history.counters().chunks_removed == 1).then_some(())
    })
    .await;
}

#[test]
fn records_are_gathered_into_chunks_that_follow_one_another() {
    let now = Moment::default();
    let mut gather = Gather::new("a".to_owned(), [1; 16]);
    assert_eq!(gather.push(0, record(1, 40 << 10), now), None);
    let full = gather.push(1, record(2, 40 << 10), now).expect("there was no room");
    assert_eq!((full.previous, full.first, full.last), (0, 1, 1));
    let before = gather.push(7, record(9, 10), now).expect("something lies between");
    assert_eq!((before.previous, before.first, before.last), (1, 2, 2));
    assert_eq!(gather.due(now), None);
    let due = gather.due(now.after(Duration::from_secs(4))).expect("it waited");
    assert_eq!((due.previous, due.first, due.last, due.from_ms), (7, 9, 9, 9000));
    assert_eq!(records_of(&due), [record(9, 10)]);
    assert_eq!(gather.take(), None);
}
