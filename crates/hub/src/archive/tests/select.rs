use std::cell::Cell;

use watchfire_model::{
    FoundSeries, Hint, Listing, MatchOp, Matcher, Scope, Selection, SeriesSource, SourceError,
    is_absent,
};

use super::{Room, START_MS};
use crate::archive::segment::within;
use crate::http::Recorded;
use crate::testing::{name, team};

type Series = Vec<(String, Vec<(i64, u64)>)>;

fn matcher(label: &str, op: MatchOp, value: &str) -> Matcher {
    Matcher::new(label, op, value).expect("a good matcher")
}

/// What a source has of series in a time, without what says that one had ended.
fn read(source: &dyn SeriesSource, matchers: &[Matcher], (after, until): (i64, i64)) -> Series {
    let selection = Selection {
        matchers,
        after_ms: START_MS + after * 1000,
        until_ms: START_MS + until * 1000,
        hint: Hint { range_ms: 1, ..Hint::default() },
        max_series: 10_000,
        max_samples: 10_000_000,
        out_of_time: &|| false,
    };
    let found = source.select(&selection).expect("answered");
    let mut series: Series = found
        .items
        .iter()
        .map(|FoundSeries { labels, samples }| {
            let range = within(samples.times(), selection.after_ms, selection.until_ms);
            let pairs = samples.times()[range.clone()].iter().zip(&samples.values()[range]);
            let there = pairs.filter(|(_, value)| !is_absent(**value));
            (format!("{labels:?}"), there.map(|(at, value)| (*at, value.to_bits())).collect())
        })
        .filter(|(_, samples): &(String, Vec<_>)| !samples.is_empty())
        .collect();
    series.sort();
    series
}

/// The same matchers and times to both, again and again.
pub(super) fn compare(room: &Room, scope: &Scope, seconds: &[(i64, i64)]) {
    let selectors = [
        vec![matcher("__name__", MatchOp::Equal, "load1")],
        vec![matcher("__name__", MatchOp::Matches, ".*")],
        vec![
            matcher("__name__", MatchOp::Equal, "cpu_seconds_total"),
            matcher("mode", MatchOp::NotEqual, "idle"),
        ],
        vec![matcher("device", MatchOp::Matches, "d[2-5]")],
        vec![matcher("instance", MatchOp::Equal, "a-1"), matcher("cpu", MatchOp::Equal, "")],
        vec![matcher("team", MatchOp::Equal, "b")],
    ];
    let (source, truth) = (room.archive.source(scope), room.truth(scope));
    for within in seconds {
        for matchers in &selectors {
            let (found, expected) =
                (read(&source, matchers, *within), read(&truth, matchers, *within));
            for (one, other) in found.iter().zip(&expected) {
                assert_eq!(one.0, other.0, "{within:?} {matchers:?}");
                assert_eq!(one.1.len(), other.1.len(), "{within:?} {}", one.0);
                assert_eq!(one.1, other.1, "{within:?} {}", one.0);
            }
            assert_eq!(found.len(), expected.len(), "{within:?} {matchers:?}");
        }
    }
}

/// Over the seams of blocks, chunks and memory, and within each.
pub(super) const TIMES: [(i64, i64); 9] = [
    (-10, 10_000),
    (0, 100),
    (200, 1300),
    (590, 610),
    (1200, 1201),
    (1800, 2399),
    (2300, 2400),
    (2395, 2400),
    (2400, 9000),
];

#[test]
fn all_that_was_told_is_found_wherever_it_is() {
    find_all_that_was_told(true);
}

#[test]
fn without_room_in_memory_all_is_found_on_the_disk() {
    find_all_that_was_told(false);
}

fn find_all_that_was_told(remembered: bool) {
    let mut room = Room::new(&["a-1", "a-2", "b-1"]);
    room.agents.iter_mut().for_each(|agent| agent.remembered = remembered);
    let everything = Scope::everything();
    room.tell(700);
    room.flush();
    compare(&room, &everything, &TIMES);
    room.tell(1700);
    room.flush();
    compare(&room, &everything, &TIMES);
    let before = room.chunks("a-1");
    room.seal();
    let after = room.chunks("a-1");
    assert!(after < before / 4 && after > 0, "{before} chunks, then {after}");
    compare(&room, &everything, &TIMES);
    assert_eq!(room.archive.counts().lost_ticks, 0);
}

#[test]
fn all_of_the_last_minutes_is_in_memory_where_there_is_room() {
    let mut room = Room::new(&["a-1", "b-1"]);
    let everything = Scope::everything();
    room.agents.iter_mut().for_each(|agent| agent.kept_back = true);
    room.tell(800);
    // Nothing is on the disk, and nothing was asked before. The first tick came before it was
    // known how much room there is.
    compare(&room, &everything, &[(1, 10), (1, 700), (1, 800), (799, 800)]);
    assert_eq!(room.archive.counts().decoded_ticks, 0);
    let history = room.history().clone();
    room.flush();
    room.agents.iter_mut().for_each(|agent| agent.hand_in(&history));
    room.tell(140);
    room.flush();
    compare(&room, &everything, &[(100, 940), (600, 900), (939, 940)]);
    assert_eq!(room.archive.counts().decoded_ticks, 0);
    // A new generation, and what is older than some minutes.
    room.tell(500);
    room.flush();
    compare(&room, &everything, &[(0, 1440), (900, 1000), (1400, 1440)]);
    assert!(room.archive.counts().decoded_ticks > 0);
}

#[test]
fn what_is_asked_for_stays_in_memory_and_says_what_the_disk_says() {
    let mut room = Room::new(&["a-1", "b-1"]);
    room.agents.iter_mut().for_each(|agent| agent.remembered = false);
    let everything = Scope::everything();
    room.tell(100);
    // Asked once, it is kept from then on.
    let _ = read(&room.archive.source(&everything), &[], (40, 100));
    room.tell(40);
    for agent in &mut room.agents {
        agent.kept_back = true;
    }
    room.tell(60);
    // Nothing of the last minute is on the disk.
    compare(&room, &everything, &[(100, 200), (150, 200), (199, 200)]);
    let history = room.history().clone();
    room.flush();
    room.agents.iter_mut().for_each(|agent| agent.hand_in(&history));
    compare(&room, &everything, &[(0, 200), (60, 100), (90, 160), (99, 200)]);
    // What was read from the disk once is in memory too.
    room.tell(6);
    room.flush();
    compare(&room, &everything, &[(10, 206)]);
    room.tell(6);
    room.flush();
    compare(&room, &everything, &[(10, 212), (0, 206), (150, 212)]);
    // New keys, and a new generation, are not in memory from the start.
    room.tell(1000);
    room.flush();
    compare(&room, &everything, &[(200, 1200), (900, 1200), (1100, 1200)]);
}

#[test]
fn after_a_restart_all_is_there_and_goes_on() {
    let mut room = Room::new(&["a-1", "b-1"]);
    let everything = Scope::everything();
    room.tell(1900);
    room.flush();
    room.seal();
    room.tell(100);
    let mut room = room.restarted();
    compare(&room, &everything, &TIMES);
    room.tell(400);
    room.flush();
    compare(&room, &everything, &TIMES);
    room.tell(900);
    room.flush();
    room.seal();
    compare(&room, &everything, &TIMES);
    compare(&room, &everything, &[(0, 4000), (1950, 2100), (2900, 3400)]);
}

#[test]
fn an_agent_that_is_installed_anew_goes_on_in_a_ring_of_its_own() {
    let mut room = Room::new(&["a-1", "b-1"]);
    let everything = Scope::everything();
    room.tell(1000);
    let historian = room.historian.clone();
    room.agents[0].reinstall(&historian);
    room.tell(1400);
    room.flush();
    compare(&room, &everything, &TIMES);
    room.seal();
    compare(&room, &everything, &TIMES);
    // What is left of the old ring does not let the new one be sealed minute by minute.
    let before = room.archive.counts().sealed_blocks;
    for _ in 0..20 {
        room.tell(60);
        room.flush();
        room.seal();
    }
    let made = room.archive.counts().sealed_blocks - before;
    assert!((4..12).contains(&made), "{made} blocks of two servers in twenty minutes");
    compare(&room, &everything, &[(900, 1100), (2000, 3700), (0, 3700)]);
}

/// Old ticks that come late land between those that are sealed.
#[test]
fn what_is_handed_in_late_is_found_in_its_place() {
    let mut room = Room::new(&["a-1", "b-1"]);
    let everything = Scope::everything();
    room.tell(500);
    room.flush();
    room.agents[0].kept_back = true;
    room.tell(600);
    room.flush();
    room.agents[0].kept_back = false;
    room.tell(900);
    room.flush();
    room.seal();
    let history = room.history().clone();
    room.agents[0].hand_in(&history);
    compare(&room, &everything, &TIMES);
    room.tell(700);
    room.flush();
    room.seal();
    compare(&room, &everything, &TIMES);
    let left = room.left("a-1");
    assert!(left.iter().all(|(second, _)| *second > 2000), "{left:?}");
}

/// Invariant I7: a question gives no series, label or value of a server outside of its scope.
#[test]
fn nobody_learns_anything_of_a_server_outside_of_the_scope() {
    let mut room = Room::new(&["a-1", "b-1"]);
    room.tell(1500);
    room.flush();
    room.seal();
    room.tell(30);
    let only_a = team("a");
    compare(&room, &only_a, &TIMES);
    compare(&room, &Scope::default(), &TIMES);
    for (scope, instances, all_series) in [
        (Scope::everything(), "a-1 b-1", true),
        (only_a, "a-1", true),
        (Scope::default(), "", false),
    ] {
        let source = room.archive.source(&scope);
        for (from_ms, until_ms) in [(0, i64::MAX), (START_MS, START_MS + 300_000)] {
            let listing =
                Listing { selectors: &[], from_ms, until_ms, limit: 1000, out_of_time: &|| false };
            let values = source.label_values("instance", &listing).expect("answered");
            assert_eq!(values.items.join(" "), instances);
            let names = source.label_names(&listing).expect("answered").items;
            assert_eq!(names.is_empty(), !all_series, "{names:?}");
            let found = source.series(&listing).expect("answered").items;
            assert!(found.iter().all(|labels| instances.contains(labels.get("instance"))));
            assert_eq!(found.is_empty(), !all_series);
        }
    }
}

#[test]
fn limits_are_told_by_name() {
    let mut room = Room::new(&["a-1", "b-1"]);
    room.tell(100);
    room.flush();
    let source = room.archive.source(&Scope::everything());
    let ask = |max_series, max_samples, late: bool| {
        let selection = Selection {
            matchers: &[],
            after_ms: START_MS,
            until_ms: START_MS + 100_000,
            hint: Hint { range_ms: 1, ..Hint::default() },
            max_series,
            max_samples,
            out_of_time: &|| late,
        };
        source.select(&selection).map(|found| found.items.len())
    };
    assert_eq!(ask(1000, 100_000, false), Ok(16));
    assert_eq!(ask(15, 100_000, false), Err(SourceError::TooManySeries { limit: 15 }));
    assert_eq!(ask(1000, 1000, false), Err(SourceError::TooManySamples { limit: 1000 }));
    assert_eq!(ask(1000, 100_000, true), Err(SourceError::OutOfTime));
}

/// A question about one moment reads no more than it must, and says the same.
#[test]
fn the_last_values_are_those_of_the_last_tick() {
    let mut room = Room::new(&["a-1", "b-1"]);
    let everything = Scope::everything();
    room.tell(50);
    let (source, truth) = (room.archive.source(&everything), room.truth(&everything));
    let at = |second: i64, source: &dyn SeriesSource| {
        let selection = Selection {
            matchers: &[matcher("__name__", MatchOp::Matches, "load1|flapping")],
            after_ms: START_MS + second * 1000 - 300_000,
            until_ms: START_MS + second * 1000,
            hint: Hint::default(),
            max_series: 100,
            max_samples: 100_000,
            out_of_time: &|| false,
        };
        let found = source.select(&selection).expect("answered").items;
        let last = |found: &FoundSeries| {
            let upto = found.samples.times().partition_point(|at| *at <= selection.until_ms);
            let at = upto.checked_sub(1)?;
            let value = found.samples.values()[at];
            let is_there = !is_absent(value) && found.samples.times()[at] > selection.after_ms;
            is_there.then(|| (format!("{:?}", found.labels), value))
        };
        let mut found: Vec<_> = found.iter().filter_map(last).collect();
        found.sort_by(|one, other| one.0.cmp(&other.0));
        found
    };
    // Nothing of it is on the disk but the first chunks.
    assert_eq!(at(50, &source), at(50, &truth));
    assert_eq!(at(60, &source), at(60, &truth));
    room.flush();
    for second in [0, 1, 5, 20, 30, 45, 49, 50, 51, 90, 340, 360] {
        assert_eq!(at(second, &source), at(second, &truth), "at {second}");
    }
}

/// What a chain goes on with may come long after what is behind it: the beginning waits for it.
#[test]
fn the_end_of_a_chain_that_comes_late_is_read() {
    let mut room = Room::new(&["a-1"]);
    let everything = Scope::everything();
    room.tell(500);
    room.flush();
    // Once around the chain, so that some hole ends where another chain begins.
    for _ in 0..25 {
        room.agents[0].kept_back = true;
        room.tell(30);
        room.agents[0].kept_back = false;
        room.tell(33);
    }
    room.tell(900);
    room.flush();
    room.seal();
    assert!(room.archive.counts().sealed_blocks > 0);
    let history = room.history().clone();
    room.agents[0].hand_in(&history);
    room.tell(700);
    room.flush();
    room.seal();
    compare(&room, &everything, &TIMES);
    assert_eq!(room.archive.counts().lost_ticks, 0);
    for at in room.agents[0].processes.keys() {
        let table = Recorded::processes_at(&room.archive, &name("a-1"), *at).expect("readable");
        assert_eq!(table.map(|table| table.at.unix_ms), Some(*at), "{at}");
    }
    let left = room.left("a-1");
    assert!(left.iter().all(|(second, _)| *second > 2500), "{left:?}");
}

/// What a question about the ends of windows may read is limited while it reads.
#[test]
fn a_question_about_ends_stops_at_its_limits() {
    let mut room = Room::new(&["a-1"]);
    room.tell(2400);
    room.flush();
    room.seal();
    let ends: Vec<i64> = (1..150).map(|step| START_MS + step * 15_000).collect();
    let matchers = [matcher("__name__", MatchOp::Matches, ".*")];
    let source = room.archive.source(&Scope::everything());
    let ask = |max_samples, over_after: usize| {
        let asked = Cell::new(0);
        let out_of_time = || {
            asked.set(asked.get() + 1);
            asked.get() > over_after
        };
        let selection = Selection {
            matchers: &matchers,
            after_ms: START_MS,
            until_ms: START_MS + 2_250_000,
            hint: Hint { range_ms: 60_000, step_ms: 15_000, ends: &ends, ..Hint::default() },
            max_series: 10_000,
            max_samples,
            out_of_time: &out_of_time,
        };
        (source.select(&selection).err(), asked.get())
    };
    let (error, whole) = ask(10_000_000, usize::MAX);
    assert_eq!(error, None);
    let (error, few) = ask(1000, usize::MAX);
    assert_eq!(error, Some(SourceError::TooManySamples { limit: 1000 }));
    assert!(few * 4 < whole, "{few} looks at the time of {whole}");
    let (error, few) = ask(10_000_000, whole / 4);
    assert_eq!(error, Some(SourceError::OutOfTime));
    assert!(few * 2 < whole, "{few} looks at the time of {whole}");
}
