//! What kernels told, against a set of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use rusqlite::Connection;
use watchfire_store::{
    Chunk, Gap, History, MAX_EVENT_BYTES, MAX_SERVER_EVENTS, MIN_CAP_BYTES, Sealed, Sealing,
    StoredEvent, examine_history,
};

use crate::cap::noisy;
use crate::made::{BEGIN, HOUR, chunk, rows, tend};

const SERVERS: [&str; 2] = ["a1", "name:web-1"];

fn event(at_ms: i64, words: &str) -> StoredEvent {
    StoredEvent { at_ms, bytes: words.as_bytes().to_vec() }
}

fn seal(history: &History, server: &str, events: &[StoredEvent]) -> Sealed {
    let sealing = Sealing { server, events, ..Sealing::default() };
    history.seal(&sealing).expect("it can be sealed")
}

/// All that is told of a server, newest first.
fn all(history: &History, server: &str) -> Vec<StoredEvent> {
    let found = history.events(server, i64::MIN, i64::MAX, usize::MAX).expect("readable");
    assert_eq!(found.gaps, []);
    found.events
}

fn opened() -> (tempfile::TempDir, History) {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    (folder, history)
}

fn raw(folder: &Path) -> Connection {
    Connection::open(folder.join("history.db")).expect("it opens")
}

#[derive(Debug, Clone)]
enum Step {
    /// Events of a server, and whether they take the place of a chunk.
    Seal(usize, Vec<(i64, u8)>, bool),
    Remove(usize),
    Tend,
    Prune,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let events = prop::collection::vec((0..30_i64, 0..4_u8), 0..9);
    prop_oneof![
        9 => (0..SERVERS.len(), events, any::<bool>()).prop_map(|(of, all, chunk)| Step::Seal(of, all, chunk)),
        1 => (0..SERVERS.len()).prop_map(Step::Remove),
        1 => Just(Step::Tend),
        1 => Just(Step::Prune),
        1 => Just(Step::Reopen),
    ]
}

type Model = BTreeSet<(usize, StoredEvent)>;

fn compare(history: &History, model: &Model) {
    for (number, server) in SERVERS.iter().enumerate() {
        for (from, to, limit) in
            [(i64::MIN, i64::MAX, usize::MAX), (BEGIN + 5, BEGIN + 20, 100), (BEGIN, i64::MAX, 3)]
        {
            let found = history.events(server, from, to, limit).expect("readable");
            assert_eq!(found.gaps, []);
            let told = model.iter().filter(|(of, _)| *of == number).map(|(_, event)| event);
            let told: BTreeSet<&StoredEvent> =
                told.filter(|event| (from..=to).contains(&event.at_ms)).collect();
            assert_eq!(found.events.len(), told.len().min(limit), "each once");
            assert!(found.events.is_sorted_by(|one, next| one.at_ms >= next.at_ms));
            assert!(found.events.iter().all(|event| told.contains(event)));
            let times = found.events.iter().map(|event| event.at_ms);
            assert!(times.eq(told.iter().rev().take(limit).map(|event| event.at_ms)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn each_is_known_once_whatever_comes(steps in prop::collection::vec(step(), 1..24)) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut history = Some(History::open(folder.path(), 1 << 30).expect("it opens"));
        let mut model = Model::new();
        for (number, step) in (1..).zip(&steps) {
            let open = history.as_ref().expect("it is open");
            match step {
                Step::Seal(of, told, with_chunk) => {
                    let server = SERVERS[*of];
                    let told: Vec<StoredEvent> =
                        told.iter().map(|(at, kind)| event(BEGIN + at, &kind.to_string())).collect();
                    if *with_chunk {
                        open.append(&[chunk(server, number, BEGIN)]).expect("it can be written");
                    }
                    let chunks = rows(open, server);
                    let sealing = Sealing { server, chunks: &chunks, events: &told, ..Sealing::default() };
                    let sealed = open.seal(&sealing).expect("it can be sealed");
                    let before = model.len();
                    model.extend(told.iter().map(|event| (*of, event.clone())));
                    prop_assert_eq!((sealed.stale, sealed.events), (false, model.len() - before));
                    let again = open.seal(&sealing).expect("it can be asked");
                    prop_assert_eq!((again.stale, again.events), (!chunks.is_empty(), 0));
                }
                Step::Remove(of) => {
                    open.remove_server(SERVERS[*of]).expect("it can be written");
                    model.retain(|(one, _)| one != of);
                }
                Step::Tend => tend(open),
                Step::Prune => while open.prune(3).expect("it can be written").more {},
                Step::Reopen => {
                    drop(history.take());
                    history = Some(History::open(folder.path(), 1 << 30).expect("it opens"));
                }
            }
            compare(history.as_ref().expect("it is open"), &model);
        }
        let open = history.as_ref().expect("it is open");
        while open.prune(3).expect("it can be written").more {}
        compare(open, &model);
        let mut from = Some(0);
        while let Some(next) = from {
            let verified = open.verify(next, 2).expect("it can be read");
            prop_assert!(!verified.mended, "as many are counted as there are");
            from = verified.next;
        }
        drop(history);
        let findings = examine_history(folder.path()).expect("it can be looked at");
        prop_assert!(findings.are_good(), "{:?}", findings);
    }
}

#[test]
fn a_bad_checksum_is_a_gap_and_the_next_sealing_fills_it() {
    let (folder, history) = opened();
    let told: Vec<StoredEvent> =
        (0..5).map(|n| event(BEGIN + n * 100, &format!("it is the {n}th"))).collect();
    seal(&history, "a", &told);
    seal(&history, "b", &told);
    drop(history);
    let file = folder.path().join("history.db");
    let mut bytes = fs::read(&file).expect("it is there");
    let words = b"it is the 2th";
    let at = bytes.windows(words.len()).position(|here| here == words).expect("it is whole");
    bytes[at] ^= 4;
    fs::write(&file, bytes).expect("it can be written");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("SQLite does not notice");
    let (hit, sound) =
        if all_or_gaps(&history, "a").1.is_empty() { ("b", "a") } else { ("a", "b") };
    assert_eq!(all(&history, sound).len(), 5);
    let (events, gaps) = all_or_gaps(&history, hit);
    let gap = Gap { ring: [0; 16], from_ms: BEGIN + 100, to_ms: BEGIN + 300 };
    assert_eq!((events.len(), gaps), (4, vec![gap]));
    let narrow = history.events(hit, BEGIN + 150, BEGIN + 250, 9).expect("readable");
    let gap = Gap { ring: [0; 16], from_ms: BEGIN + 150, to_ms: BEGIN + 250 };
    assert_eq!((narrow.events, narrow.gaps), (vec![], vec![gap]));
    assert!(history.counters().damaged_rows > 0);
    assert_eq!(seal(&history, hit, &told).events, 1, "the damaged one comes again");
    assert_eq!(all_or_gaps(&history, hit).0.len(), 5);
    drop(history);
    let findings = examine_history(folder.path()).expect("it can be looked at");
    assert_eq!(findings.wrong, 1, "{findings:?}");
    assert!(findings.told[0].contains("an event at"), "{findings:?}");
}

fn all_or_gaps(history: &History, server: &str) -> (Vec<StoredEvent>, Vec<Gap>) {
    let found = history.events(server, i64::MIN, i64::MAX, usize::MAX).expect("readable");
    (found.events, found.gaps)
}

#[test]
fn the_event_of_one_server_is_not_read_as_that_of_another() {
    let (folder, history) = opened();
    seal(&history, "a", &[event(BEGIN, "of a")]);
    seal(&history, "b", &[event(BEGIN, "of b")]);
    drop(history);
    raw(folder.path())
        .execute_batch("UPDATE kernel_event SET server = 3 - server")
        .expect("it can be changed");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    for server in ["a", "b"] {
        let (events, gaps) = all_or_gaps(&history, server);
        assert_eq!((events.len(), gaps.len()), (0, 1), "{server}");
    }
}

#[test]
fn what_an_index_hid_is_found_again_once() {
    let (folder, history) = opened();
    seal(&history, "a", &[event(BEGIN, "one"), event(BEGIN + 1, "two")]);
    raw(folder.path())
        .execute_batch(
            "CREATE TEMP TABLE hidden AS SELECT * FROM kernel_event WHERE at_ms % 2 = 0;
             CREATE TEMP TABLE counted AS SELECT * FROM held_block;
             DELETE FROM kernel_event WHERE id IN (SELECT id FROM hidden);
             DELETE FROM held_block; INSERT INTO held_block SELECT * FROM counted;
             CREATE TEMP TABLE parts AS SELECT * FROM sqlite_schema
                WHERE name IN ('kernel_event_by_time', 'kernel_event_came');
             PRAGMA writable_schema = ON;
             DELETE FROM sqlite_schema WHERE name IN ('kernel_event_by_time', 'kernel_event_came');
             PRAGMA writable_schema = RESET;
             INSERT INTO kernel_event SELECT * FROM hidden;
             PRAGMA writable_schema = ON;
             INSERT INTO sqlite_schema SELECT * FROM parts;
             PRAGMA writable_schema = RESET;",
        )
        .expect("it can be changed");
    assert_eq!(all(&history, "a").len(), 1, "the index hides the other");
    assert_eq!(seal(&history, "a", &[event(BEGIN, "one")]).events, 1, "it looks new");
    let (mut from, mut mended) = (Some(0), 0);
    while let Some(next) = from {
        let verified = history.verify(next, 2).expect("it can be read");
        (from, mended) = (verified.next, mended + u32::from(verified.mended));
    }
    assert_eq!((mended, all(&history, "a").len()), (1, 2));
    assert!(!history.verify(-1, 9).expect("it can be read").mended);
    history.check().expect("all is sound");
}

#[test]
fn one_server_keeps_its_newest_and_what_is_too_large_is_left_out() {
    let (_folder, history) = opened();
    let many = |from: usize, to: usize| -> Vec<StoredEvent> {
        (from..to).map(|n| event(BEGIN + n as i64, "x")).collect()
    };
    let most = MAX_SERVER_EVENTS;
    seal(&history, "b", &many(0, 3));
    for part in 0..5 {
        seal(&history, "a", &many(part * most / 4, (part + 1) * most / 4));
    }
    let kept = all(&history, "a");
    assert_eq!((kept.len(), kept[most - 1].at_ms), (most, BEGIN + most as i64 / 4));
    assert_eq!(all(&history, "b").len(), 3);
    assert_eq!(history.counters().events_pruned, most as u64 / 4);
    let large = event(BEGIN, &"x".repeat(MAX_EVENT_BYTES + 1));
    let never = event(i64::MAX, "a clock that is wrong");
    assert_eq!(seal(&history, "c", &[large, never, event(BEGIN, "good")]).events, 1);
    assert_eq!(history.counters().events_left_out, 2);
}

/// Events above their share go before ticks do; within it they stay, whatever else comes.
#[test]
fn they_keep_to_their_share_and_are_the_last_to_go() {
    let (folder, history) = opened();
    let said = |number: i64| event(BEGIN + number, &format!("{number:0>900}"));
    seal(&history, "quiet", &[said(1), said(2)]);
    // A third of the file, each time less than what is kept of one sealing.
    for round in 0..9 {
        let loud: Vec<StoredEvent> = (0..500).map(|n| said(round * 500 + n)).collect();
        seal(&history, "loud", &loud);
    }
    let held = |server: &str| all(&history, server).len();
    assert_eq!((held("quiet"), held("loud")), (2, 4500), "there is room");
    // Chunks take less than half; ticks that nothing compresses fill the file until something has
    // to go.
    for number in 0..5 {
        let one = chunk("quiet", number, BEGIN);
        history.append(&[Chunk { bytes: vec![1; 1 << 20], ..one }]).expect("it can be written");
    }
    for round in 0..25 {
        let (timestamps, series) = noisy(round as u64, BEGIN + round * HOUR, 200, 200);
        let (timestamps, series) = (timestamps.as_slice(), series.as_slice());
        let sealing = Sealing { server: "quiet", timestamps, series, ..Sealing::default() };
        history.seal(&sealing).expect("it can be sealed");
    }
    assert_eq!(held("quiet"), 2, "the loud one loses its own");
    let newest = all(&history, "loud");
    assert!((100..4500).contains(&newest.len()), "{}", newest.len());
    assert_eq!(newest[0], said(4499));
    let counters = history.counters();
    assert!(counters.blocks_pruned > 0 && counters.events_pruned > 0, "{counters:?}");
    let sql = "SELECT bytes FROM held_block WHERE server = 0 AND width_ms = -3";
    let bytes: i64 = raw(folder.path()).query_row(sql, [], |row| row.get(0)).expect("a number");
    assert!(bytes as u64 <= MIN_CAP_BYTES / 20 + 64 * 1000, "{bytes}");
    // A removed server's go.
    history.remove_server("loud").expect("it can be written");
    assert_eq!(held("loud"), 0);
    while history.prune(100).expect("it can be written").more {}
    let sql = "SELECT count(*) FROM kernel_event";
    let left: i64 = raw(folder.path()).query_row(sql, [], |row| row.get(0)).expect("a number");
    assert_eq!(left, 2);
}
