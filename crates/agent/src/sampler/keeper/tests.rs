use watchfire_model::{Schema, SeriesKey, Tick};

use watchfire_collect::Root;

use super::*;
use crate::history::History;
use crate::uplink::feed::{Follower, Taken};

fn tick(second: u64) -> Second {
    let mut schema = Schema::new(1);
    schema.push(SeriesKey::new("node_load1", []).expect("a key"));
    let at = Moment { monotonic: Duration::from_secs(second), unix_ms: 1000 * second as i64 };
    let tick = Tick { at, generation: 1, values: vec![second as f64] };
    let snapshot = TickSnapshot { schema: Arc::new(schema), metrics: Arc::default(), tick };
    let tick = Arc::new(Sample { number: second, value: snapshot });
    Second { tick, events: Vec::new(), memory: None }
}

fn event() -> Event {
    let text = "Out of memory: Killed process 7 (web)".to_owned();
    let kind = watchfire_model::EventKind::OomKill;
    Event { at: Moment::default(), kind, text, victim: None }
}

fn table(second: u64) -> Arc<Sample<ProcessTable>> {
    let at = Moment { monotonic: Duration::from_secs(second), unix_ms: 1000 * second as i64 };
    Arc::new(Sample {
        number: second,
        value: ProcessTable { at, processes: Vec::new(), total: second as u32 },
    })
}

#[tokio::test]
async fn what_was_kept_can_be_read_back() {
    let data = tempfile::tempdir().expect("a folder");
    let clock = Clock::system();
    let opened = Keeper::open(data.path(), Some(1 << 20), "boot", Moment::default());
    let (keeper, recording) = opened.expect("a ring");
    let recording = recording.start(&clock);
    assert_eq!(keeper.second(tick(1)), []);
    keeper.table(table(2));
    assert_eq!(keeper.second(tick(3)), []);
    drop(keeper);
    let boot = Boot::read(data.path(), &Root::recorded("/nowhere"));
    recording.close(&boot, &clock).await;
    let history = History::open(data.path()).expect("a ring");
    let load = |ms| history.status_at(ms).expect("readable").value.map(|status| status.load.one);
    assert_eq!([load(999), load(2999), load(3000)], [None, Some(1.0), Some(3.0)]);
    let table = history.processes_at(9000).expect("readable").value.expect("a table");
    assert_eq!(table.total, 2);
    assert_eq!(history.began().expect("readable"), Some(1000));
}

#[test]
fn what_has_no_room_is_counted() {
    let data = tempfile::tempdir().expect("a folder");
    let opened = Keeper::open(data.path(), Some(1 << 20), "boot", Moment::default());
    // Nobody records, as when the disk hangs.
    let (keeper, _recording) = opened.expect("a ring");
    (0..MAX_WAITING as u64 + 3).for_each(|second| {
        let events = vec![event()];
        let given_back = keeper.second(Second { events, ..tick(second) });
        assert_eq!(given_back.is_empty(), second < MAX_WAITING as u64);
    });
    assert_eq!(keeper.counters().map(|counters| counters.lost_records), Some(3));
    assert!(Keeper::default().counters().is_none(), "without a recorder there is nothing to tell");
}

/// The sequences of what comes next, and the `previous` of the first.
async fn fed(follower: &mut Follower) -> (u64, Vec<u64>) {
    loop {
        follower.changed().await;
        match follower.take() {
            Taken::Records(records) => {
                let sequences = records.iter().map(|record| record.sequence).collect();
                return (records[0].previous, sequences);
            }
            Taken::Nothing => {}
            Taken::OtherRing => return (0, Vec::new()),
        }
    }
}

#[tokio::test]
async fn streams_get_what_is_recorded_with_the_numbers_of_the_recorder() {
    let data = tempfile::tempdir().expect("a folder");
    let boot = Boot::read(data.path(), &Root::recorded("/nowhere"));
    let mut last = 0;
    for run in 0..2 {
        let (clock, _hand) = Clock::manual(Moment::default());
        let opened = Keeper::open(data.path(), Some(1 << 20), "boot", Moment::default());
        let (keeper, recording) = opened.expect("a ring");
        let recording = recording.start(&clock);
        let feed = keeper.feed().clone();
        assert!(feed.is_on_disk());
        let mut follower = feed.follow(Moment::default());
        keeper.second(tick(1 + 10 * run));
        let (previous, sequences) = fed(&mut follower).await;
        assert_eq!(previous, last, "the agent before left off there");
        keeper.second(tick(2 + 10 * run));
        let (beside, more) = fed(&mut follower).await;
        assert_eq!((beside, more[0]), (sequences[0], sequences[0] + 1));
        last = more[0];
        drop(keeper);
        recording.close(&boot, &clock).await;
    }
    let reader = RecordReader::open(&data.path().join(RECORD_FOLDER)).expect("a ring");
    let kept: Vec<u64> = reader
        .records_from(Sequence::default())
        .expect("readable")
        .map(|record| record.sequence.as_u64())
        .collect();
    assert_eq!((kept.len(), kept[3]), (4, last));
}

#[tokio::test]
async fn streams_get_what_no_recorder_takes() {
    let data = tempfile::tempdir().expect("a folder");
    let (clock, _hand) = Clock::manual(Moment::default());
    let opened = Keeper::open(data.path(), None, "boot", Moment::default());
    let (keeper, recording) = opened.expect("memories alone");
    let _recording = recording.start(&clock);
    let feed = keeper.feed().clone();
    assert!(!feed.is_on_disk());
    let mut follower = feed.follow(Moment::default());
    keeper.second(tick(1));
    assert_eq!(fed(&mut follower).await, (0, vec![1]));
    keeper.table(table(2));
    assert_eq!(fed(&mut follower).await, (1, vec![2]));
}

#[tokio::test]
async fn live_data_goes_on_while_the_disk_hangs_and_comes_back_to_the_ring() {
    let data = tempfile::tempdir().expect("a folder");
    let (clock, hand) = Clock::manual(Moment::default());
    let opened = Keeper::open(data.path(), Some(1 << 20), "boot", Moment::default());
    let (keeper, recording) = opened.expect("a ring");
    let inner = Arc::clone(&recording.inner);
    let _recording = recording.start(&clock);
    let feed = keeper.feed().clone();
    let mut follower = feed.follow(Moment::default());
    keeper.second(tick(1));
    let (_, first) = fed(&mut follower).await;
    let ring = feed.ring().ring;
    {
        // Whoever holds this lock stands for a disk that hangs.
        let (held, hold) = std::sync::mpsc::sync_channel::<()>(0);
        let (locked, is_locked) = tokio::sync::oneshot::channel();
        let disk = std::thread::spawn(move || {
            let _guard = lock(&inner);
            locked.send(()).expect("the test waits");
            // Ends when the sender is dropped.
            let _ = hold.recv();
        });
        is_locked.await.expect("it is locked");
        keeper.second(tick(2));
        // It is this one that hangs, not the end of the one before.
        let queue = keeper.queue.as_ref().expect("a recorder");
        while queue.capacity() < MAX_WAITING {
            tokio::task::yield_now().await;
        }
        keeper.second(tick(3));
        while feed.ring().ring == ring {
            tokio::task::yield_now().await;
            hand.advance(Duration::from_millis(1));
        }
        assert_eq!(fed(&mut follower).await, (0, vec![]), "the stream begins anew");
        drop(follower);
        let mut follower = feed.follow(clock.now());
        keeper.second(tick(40));
        // Both are fed before the disk goes on; one that still waited would go to the disk.
        let mut run = Vec::new();
        while run.last().is_none_or(|newest| *newest < 2) {
            run.extend(fed(&mut follower).await.1);
        }
        assert!(run[0] <= 2, "in a ring of its own, from 1 on: {run:?}");
        drop(held);
        disk.join().expect("it ends");
    }
    while feed.ring().ring != ring {
        keeper.second(tick(50));
        tokio::task::yield_now().await;
    }
    let mut follower = feed.follow(clock.now());
    let (previous, sequences) = fed(&mut follower).await;
    assert_eq!(previous, first[0] + 1, "the one that hung is in the recorder, for backfill");
    assert_eq!(sequences[0], first[0] + 2);
}
