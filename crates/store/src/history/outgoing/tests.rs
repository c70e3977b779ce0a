use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::history::MIN_CAP_BYTES;

const RING: [u8; 16] = [1; 16];

fn opened() -> (tempfile::TempDir, History) {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(folder.path(), MIN_CAP_BYTES).unwrap();
    (folder, history)
}

/// A chunk with the one record `sequence`, of these milliseconds.
fn chunk(server: &str, sequence: u64, from_ms: i64, to_ms: i64) -> Chunk {
    Chunk {
        server: server.to_owned(),
        ring: RING,
        previous: sequence - 1,
        first: sequence,
        last: sequence,
        from_ms,
        to_ms,
        starts_chain: true,
        bytes: vec![7; 10],
    }
}

fn waits(history: &History, target: &str) -> Vec<(String, i64, i64)> {
    let all = history.outgoing(target, 100, |_| true).unwrap();
    all.into_iter().map(|one| (one.server, one.from_ms, one.to_ms)).collect()
}

fn named(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn nothing_waits_where_nobody_is_to_get_it() {
    let (_folder, history) = opened();
    history.append(&[chunk("a", 1, 1000, 2000)]).unwrap();
    history.hand_over_to(&named(&["x"])).unwrap();
    assert_eq!(waits(&history, "x"), []);
}

#[test]
fn what_touches_is_one_stretch_and_a_schema_is_none() {
    let (_folder, history) = opened();
    history.hand_over_to(&named(&["x", "y"])).unwrap();
    let chunks = [
        chunk("a", 1, 0, 4000),
        chunk("a", 2, 5000, 9000),
        chunk("b", 1, 3000, 3000),
        chunk("a", 3, 100_000, 104_000),
        chunk("a/schema", 1, 0, 0),
    ];
    history.append(&chunks).unwrap();
    let all = [("a", 0, 9000), ("b", 3000, 3000), ("a", 100_000, 104_000)];
    let all = all.map(|(server, from, to)| (server.to_owned(), from, to));
    assert_eq!((waits(&history, "x"), waits(&history, "y")), (all.to_vec(), all.to_vec()));
    history.hand_over_to(&named(&["y"])).unwrap();
    assert_eq!((waits(&history, "x"), waits(&history, "y").len()), (vec![], 3));
    history.remove_server("a").unwrap();
    assert_eq!(waits(&history, "y"), [("b".to_owned(), 3000, 3000)]);
}

#[test]
fn what_was_handed_over_is_gone_and_what_came_meanwhile_is_not() {
    let (_folder, history) = opened();
    history.hand_over_to(&named(&["x"])).unwrap();
    history.append(&[chunk("a", 1, 0, 10_000)]).unwrap();
    let one = history.outgoing("x", 1, |_| true).unwrap().remove(0);
    history.append(&[chunk("a", 2, 11_000, 20_000)]).unwrap();
    history.handed_over(&[(one, 10_000)]).unwrap();
    assert_eq!(waits(&history, "x"), [("a".to_owned(), 10_001, 20_000)]);
    // It lies within what is being handed over, and may have been missed.
    let one = history.outgoing("x", 1, |_| true).unwrap().remove(0);
    history.append(&[chunk("a", 3, 15_000, 15_000)]).unwrap();
    history.handed_over(&[(one, 20_000)]).unwrap();
    assert_eq!(waits(&history, "x"), [("a".to_owned(), 10_001, 20_000)]);
    let one = history.outgoing("x", 1, |_| true).unwrap().remove(0);
    history.handed_over(&[(one, 20_000)]).unwrap();
    assert_eq!(waits(&history, "x"), []);
}

#[test]
fn holes_beyond_the_most_are_handed_over_as_well() {
    let (_folder, history) = opened();
    history.hand_over_to(&named(&["x"])).unwrap();
    for number in 1..=50 {
        let at = i64::try_from(number).unwrap() * 60_000;
        history.append(&[chunk("a", number, at, at)]).unwrap();
    }
    let waits = waits(&history, "x");
    assert_eq!(waits.len(), MAX_OUTGOING);
    assert_eq!(waits.last(), Some(&("a".to_owned(), 16 * 60_000, 50 * 60_000)));
}

#[test]
fn one_may_ask_for_some_servers_alone() {
    let (_folder, history) = opened();
    history.hand_over_to(&named(&["x"])).unwrap();
    let servers = ["a", "b", "c", "d"];
    for (server, at) in servers.iter().zip([4000, 3000, 2000, 1000]) {
        history.append(&[chunk(server, 1, at, at)]).unwrap();
    }
    let of = |limit, wanted: &[&str]| -> Vec<String> {
        let all = history.outgoing("x", limit, |server| wanted.contains(&server)).unwrap();
        all.into_iter().map(|one| one.server).collect()
    };
    assert_eq!(of(9, &servers), ["d", "c", "b", "a"]);
    assert_eq!(of(9, &["a", "c"]), ["c", "a"]);
    assert_eq!(of(1, &["a", "c"]), ["c"]);
    assert_eq!(of(0, &servers), [""; 0]);
}

#[test]
fn the_lag_of_a_server_is_from_the_oldest_that_waits_to_the_newest() {
    let (_folder, history) = opened();
    history.hand_over_to(&named(&["x", "y"])).unwrap();
    let chunks =
        [chunk("a", 1, 0, 4000), chunk("a", 2, 600_000, 604_000), chunk("b", 1, 9000, 9000)];
    history.append(&chunks).unwrap();
    let lags = |target: &str| -> Vec<(String, i64)> {
        let all = history.waiting(target).unwrap();
        all.into_iter().map(|one| (one.server, one.lag_ms)).collect()
    };
    let both = [("a".to_owned(), 604_000), ("b".to_owned(), 0)];
    assert_eq!((lags("x"), lags("y"), lags("z")), (both.to_vec(), both.to_vec(), vec![]));
    let first = history.outgoing("x", 1, |_| true).unwrap().remove(0);
    history.handed_over(&[(first, 4000)]).unwrap();
    assert_eq!(lags("x"), [("a".to_owned(), 4000), ("b".to_owned(), 0)]);
    assert_eq!(lags("y"), both);
}

#[test]
fn the_doctor_notes_who_is_far_behind() {
    let (folder, history) = opened();
    history.hand_over_to(&named(&["x"])).unwrap();
    let noted = || {
        let found = crate::examine_history(folder.path()).unwrap();
        assert!(found.are_good());
        found.told
    };
    history.append(&[chunk("a", 1, 0, FAR_BEHIND_MS - 1), chunk("b", 1, 0, 0)]).unwrap();
    assert_eq!(noted(), [""; 0]);
    history.append(&[chunk("a", 2, FAR_BEHIND_MS, FAR_BEHIND_MS)]).unwrap();
    let [note] = &noted()[..] else { panic!("{:?}", noted()) };
    assert!(note.starts_with("x is behind: up to 10 minutes"), "{note}");
}

/// Chunks of a minute, as many as do not fit, of which `x` got the first ten.
#[test]
fn what_the_cap_takes_before_it_is_handed_over_is_counted() {
    let (_folder, history) = opened();
    history.hand_over_to(&named(&["x", "y"])).unwrap();
    let minute = |number: u64| {
        let from_ms = i64::try_from(number).unwrap() * 60_000;
        Chunk { bytes: vec![7; 100_000], ..chunk("a", number, from_ms, from_ms + 59_000) }
    };
    (1..=10).for_each(|number| _ = history.append(&[minute(number)]).unwrap());
    let all = history.outgoing("x", 9, |_| true).unwrap();
    let done: Vec<_> = all.into_iter().map(|one| (one.clone(), one.to_ms)).collect();
    history.handed_over(&done).unwrap();
    assert_eq!(history.taken_unsent("y"), []);
    (11..=400).for_each(|number| _ = history.append(&[minute(number)]).unwrap());
    let left = history.chunks("a", i64::MIN, i64::MAX).unwrap().chunks;
    let gone = 400 - left.len() as u64;
    assert!(gone > 64, "{gone} are gone");
    let (x, y) = (history.taken_unsent("x"), history.taken_unsent("y"));
    let [(server, x)] = &x[..] else { panic!("{x:?}") };
    let [(_, y)] = &y[..] else { panic!("{y:?}") };
    assert_eq!(server, "a");
    // Between two chunks is a second, which is lost when both go at once.
    assert!(((gone - 10) * 59_000..(gone - 10) * 60_000).contains(x), "{x} of {gone}");
    assert!((gone * 59_000..gone * 60_000).contains(y), "{y} of {gone}");
    assert_eq!((history.taken_unsent("x"), history.taken_unsent("z")), (vec![], vec![]));
}

#[test]
fn sealed_ticks_that_the_cap_takes_are_counted_too() {
    let (_folder, history) = opened();
    history.hand_over_to(&named(&["x"])).unwrap();
    let hour = 3_600_000;
    history.append(&[chunk("a", 1, hour, hour + 10_000)]).unwrap();
    let rows: Vec<_> =
        history.chunks("a", 0, i64::MAX).unwrap().chunks.iter().map(|one| one.row).collect();
    let key = watchfire_model::SeriesKey::new("m", []).unwrap();
    let sealing = crate::Sealing {
        server: "a",
        chunks: &rows,
        timestamps: &[hour, hour + 10_000],
        series: &[(key, vec![1.0, 2.0])],
        ..crate::Sealing::default()
    };
    assert_eq!(history.seal(&sealing).unwrap().blocks, 1);
    assert_eq!(history.taken_unsent("x"), [], "sealing takes nothing");
    history.write(|connection| history.0.room.delete_down_to(connection, 0, 1)).unwrap();
    assert_eq!(history.taken_unsent("x"), [("a".to_owned(), 10_000)]);
}

#[derive(Debug, Clone)]
enum Act {
    /// Something of this second comes.
    Come(i64),
    /// Somebody begins to hand the first stretch over: what is there is read.
    Begin,
    /// And is done with it, up to so many seconds behind its beginning.
    Done(i64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0_i64..600).prop_map(Act::Come),
        2 => Just(Act::Begin),
        2 => (0_i64..300).prop_map(Act::Done),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn all_that_comes_is_handed_over(acts in proptest::collection::vec(act(), 1..60)) {
        let (_folder, history) = opened();
        history.hand_over_to(&named(&["x"])).unwrap();
        let (mut there, mut taken) = (BTreeSet::new(), BTreeSet::new());
        let mut begun: Option<(Outgoing, BTreeSet<(i64, u64)>)> = None;
        for (act, sequence) in acts.into_iter().zip(1..) {
            match act {
                Act::Come(second) => {
                    history.append(&[chunk("a", sequence, second * 1000, second * 1000)]).unwrap();
                    there.insert((second * 1000, sequence));
                }
                Act::Begin => {
                    let first = history.outgoing("x", 1, |_| true).unwrap().pop();
                    begun = first.map(|one| (one, there.clone()));
                }
                Act::Done(seconds) => {
                    let Some((one, read)) = begun.take() else { continue };
                    let to = one.to_ms.min(one.from_ms + seconds * 1000);
                    let within = |at: i64| at >= one.from_ms && at <= to;
                    taken.extend(read.iter().filter(|(at, _)| within(*at)).copied());
                    history.handed_over(&[(one, to)]).unwrap();
                }
            }
        }
        while let Some(one) = history.outgoing("x", 1, |_| true).unwrap().pop() {
            taken.extend(there.iter().filter(|(at, _)| (one.from_ms..=one.to_ms).contains(at)));
            let to = one.to_ms;
            history.handed_over(&[(one, to)]).unwrap();
        }
        prop_assert_eq!(taken, there);
    }
}
