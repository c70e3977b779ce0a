//! The way to the disk, over a history of its own.

use tokio::sync::oneshot;
use watchfire_model::LabelSet;
use watchfire_runtime::task::{self, Task};
use watchfire_runtime::{Clock, Shutdown, ShutdownHandle};
use watchfire_store::{
    History, LeftOut, MAX_PUSHED_SERIES, MAX_SENDERS, Push, Pushed, PushedSamples,
};

use super::queue::{MAX_QUEUE_PUSHES, NoRoom, Outcome, Pushes};
use crate::historian::Historian;
use crate::testing::manual_clock;

/// A queue in front of a history, and who empties it once told to.
struct Room {
    pushes: Pushes,
    history: History,
    shutdown: Shutdown,
    end: ShutdownHandle,
    _folder: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let history = History::open(folder.path(), 1 << 30).expect("a good history");
        let (clock, _hand): (Clock, _) = manual_clock();
        let historian = Historian::new(Some(history.clone()), clock.clone());
        let (shutdown, end) = Shutdown::new();
        let pushes = Pushes::new(historian, clock);
        Self { pushes, history, shutdown, end, _folder: folder }
    }

    fn write(&self) -> Task<()> {
        task::spawn("pushes", self.pushes.clone().run(self.shutdown.clone()))
    }

    fn put(&self, push: Push) -> oneshot::Receiver<Outcome> {
        self.pushes.put(push).expect("there is room")
    }
}

fn push(sender: &str, metric: &str, samples: &[(i64, f64)]) -> Push {
    let labels = LabelSet::of(&[("__name__", metric)]);
    let series = vec![PushedSamples { labels, samples: samples.to_vec() }];
    Push { sender: sender.to_owned(), series, facts: Vec::new() }
}

fn samples(outcome: Result<Outcome, oneshot::error::RecvError>) -> usize {
    match outcome {
        Ok(Outcome::Stored(pushed)) => pushed.samples,
        other => panic!("it is not stored: {other:?}"),
    }
}

#[tokio::test]
async fn each_is_told_what_is_its_own_once_it_is_durable() {
    let room = Room::new();
    let (one, two) =
        (room.put(push("a", "m", &[(1, 1.0), (2, 2.0)])), room.put(push("b", "m", &[(3, 3.0)])));
    // Nobody waits for it: it is stored all the same.
    drop(room.put(push("c", "m", &[(4, 4.0)])));
    let _writer = room.write();
    assert_eq!((samples(one.await), samples(two.await)), (2, 1));
    let three = room.put(push("a", "m", &[(5, 5.0)]));
    assert_eq!(samples(three.await), 1);
    let senders = room.history.pushed_senders().expect("readable");
    assert_eq!(senders, ["a", "b", "c"]);
}

#[tokio::test]
async fn what_is_refused_of_one_is_not_told_to_the_other_and_nothing_is_stored_twice() {
    let room = Room::new();
    let many = (0..MAX_PUSHED_SERIES).map(|number| PushedSamples {
        labels: LabelSet::of(&[("__name__", "m"), ("n", &number.to_string())]),
        samples: vec![(1, 1.0)],
    });
    let many = Push { sender: "a".to_owned(), series: many.collect(), facts: Vec::new() };
    room.history.push(&[many]).expect("as many as may be");
    let before = room.history.counters().samples_pushed;
    // They are one group, and one of them has no room.
    let good = room.put(push("b", "m", &[(1, 1.0)]));
    let more = room.put(push("a", "one_more", &[(1, 1.0), (2, 2.0)]));
    let nameless = room.put(push("", "m", &[(1, 1.0)]));
    let last = room.put(push("c", "m", &[(1, 1.0)]));
    let _writer = room.write();
    let whole = Pushed { samples: 1, series: 1, ..Pushed::default() };
    assert_eq!(good.await, Ok(Outcome::Stored(whole)));
    let left_out = |samples, why| Pushed {
        refused_series: 1,
        refused_samples: samples,
        why: Some(why),
        ..Pushed::default()
    };
    assert_eq!(more.await, Ok(Outcome::Stored(left_out(2, LeftOut::Series))));
    assert_eq!(nameless.await, Ok(Outcome::Stored(left_out(1, LeftOut::Name))));
    assert_eq!(last.await, Ok(Outcome::Stored(whole)));
    let counters = room.history.counters();
    assert_eq!(counters.samples_pushed - before, 2, "each is stored once");
    assert_eq!((counters.pushed_series_refused, counters.pushed_samples_refused), (2, 3));
}

#[tokio::test]
async fn what_has_no_room_is_refused() {
    let room = Room::new();
    let waiting: Vec<_> =
        (0..MAX_QUEUE_PUSHES).map(|_| room.put(push("a", "m", &[(1, 1.0)]))).collect();
    assert_eq!(room.pushes.put(push("a", "m", &[(1, 1.0)])).unwrap_err(), NoRoom);
    let _writer = room.write();
    for one in waiting {
        assert_eq!(samples(one.await), 1);
    }
    assert_eq!(samples(room.put(push("a", "m", &[(2, 1.0)])).await), 1);

    let room = Room::new();
    let large = || {
        let samples: Vec<(i64, f64)> = (0..1_000_000).map(|at| (at, 0.0)).collect();
        push("a", "m", &samples)
    };
    let taken = (0..9).take_while(|_| room.pushes.put(large()).is_ok()).count();
    assert_eq!(taken, 4, "16 MB each");
}

#[tokio::test]
async fn what_is_there_at_the_end_is_stored_and_nothing_is_taken_after_it() {
    let room = Room::new();
    let waiting = room.put(push("a", "m", &[(1, 1.0)]));
    room.end.request();
    let writer = room.write();
    writer.join().await.expect("it ends");
    assert_eq!(samples(waiting.await), 1);
    assert_eq!(room.pushes.put(push("a", "m", &[(2, 1.0)])).unwrap_err(), NoRoom);
}

#[tokio::test]
async fn too_many_senders_are_told_so() {
    let room = Room::new();
    let all: Vec<Push> =
        (0..MAX_SENDERS).map(|number| push(&number.to_string(), "m", &[(1, 1.0)])).collect();
    room.history.push(&all).expect("as many as may be");
    let (more, known) =
        (room.put(push("more", "m", &[(1, 1.0)])), room.put(push("7", "m", &[(2, 1.0)])));
    let _writer = room.write();
    let more = more.await.expect("an outcome");
    assert!(matches!(more, Outcome::Stored(of) if of.why == Some(LeftOut::Senders)), "{more:?}");
    assert_eq!(samples(known.await), 1);
}

#[tokio::test]
async fn without_a_history_nothing_is_taken() {
    let (clock, _hand) = manual_clock();
    let pushes = Pushes::new(Historian::new(None, clock.clone()), clock);
    assert_eq!(pushes.put(push("a", "m", &[(1, 1.0)])).unwrap_err(), NoRoom);
    let (shutdown, _end) = Shutdown::new();
    pushes.run(shutdown).await;
}
