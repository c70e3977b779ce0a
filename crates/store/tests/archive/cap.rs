//! The cap holds, whatever is sealed, and what goes first is what can best be missed.

use std::fs;
use std::path::Path;

use watchfire_model::SeriesKey;
use watchfire_store::{History, MIN_CAP_BYTES, Sealing};

use crate::made::{BEGIN, HOUR, MINUTE, chunk, key, row, rows, samples, table, windows};

fn on_disk(folder: &Path) -> u64 {
    let size = |name: &str| fs::metadata(folder.join(name)).map_or(0, |file| file.len());
    size("history.db") + size("history.db-wal")
}

/// Values that nothing compresses.
fn noise(seed: u64, count: usize) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        f64::from_bits(state >> 2)
    };
    (0..count).map(|_| next()).collect()
}

pub(crate) fn noisy(
    seed: u64,
    from_ms: i64,
    ticks: usize,
    keys: usize,
) -> (Vec<i64>, Vec<(SeriesKey, Vec<f64>)>) {
    let times = (0..ticks as i64).map(|tick| from_ms + tick * 2_000).collect();
    let series = (0..keys).map(|n| (key(n), noise(seed * 1000 + n as u64, ticks))).collect();
    (times, series)
}

#[test]
fn it_holds_at_every_moment_and_ticks_go_before_their_windows() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    let (servers, rounds) = (8_u64, 48_i64);
    let mut largest = 0;
    for round in 0..rounds {
        let from = BEGIN + round * 10 * MINUTE;
        for server in 0..servers {
            let name = format!("server-{server}");
            let (timestamps, series) = noisy(server + 100 * round as u64, from, 300, 20);
            history.append(&[chunk(&name, round as u64, from)]).expect("it can be written");
            let chunks = rows(&history, &name);
            let tables = [table(from, vec![row(round as u32, "sshd", 1.0)])];
            let sealing = Sealing {
                server: &name,
                chunks: &chunks,
                timestamps: &timestamps,
                series: &series,
                tables: &tables,
                events: &[],
            };
            assert!(!history.seal(&sealing).expect("it can be sealed").stale);
            largest = largest.max(on_disk(folder.path()));
        }
        for _ in 0..40 {
            if !history.tend(from + 10 * MINUTE).expect("it can be tended") {
                break;
            }
            largest = largest.max(on_disk(folder.path()));
        }
    }
    assert!(largest <= MIN_CAP_BYTES, "{largest}");
    let counters = history.counters();
    assert_eq!(counters.blocks_sealed, servers * rounds.unsigned_abs());
    assert!(counters.blocks_pruned > 10, "{counters:?}");
    let keys: Vec<u32> = history.keys().expect("known").iter().map(|(id, _)| id).collect();
    for server in 0..servers {
        let name = format!("server-{server}");
        let reach = history.reach(&name).expect("readable");
        assert!(reach.ticks_from_ms > BEGIN, "{name}: its oldest ticks went");
        assert!(
            reach.ticks_from_ms < BEGIN + rounds * 10 * MINUTE - HOUR,
            "{name}: recent ones stay"
        );
        let (before, _) = samples(&history, &name, &keys, i64::MIN, reach.ticks_from_ms - 1);
        assert!(before.iter().all(Vec::is_empty));
        let (after, told) = samples(&history, &name, &keys, reach.ticks_from_ms, i64::MAX);
        let expected = (BEGIN + rounds * 10 * MINUTE - reach.ticks_from_ms) / 2_000;
        assert_eq!((after[0].len() as i64, told.gaps.len()), (expected, 0), "{name}: all of them");
        // What is left of the hours before are their windows.
        let from = reach.minutes_from_ms.max(BEGIN);
        let minutes = windows(&history, &name, &keys[..1], 60_000, (from, reach.ticks_from_ms - 1));
        let all = (reach.ticks_from_ms - from) / MINUTE;
        assert_eq!(minutes[0].len() as i64, all, "{name}: {reach:?}");
        assert!(minutes[0].iter().all(|(_, of)| of[0] == 30.0));
        let hours = windows(&history, &name, &keys[..1], 3_600_000, (BEGIN, i64::MAX));
        assert_eq!(hours[0].len() as i64, rounds / 6, "{name}");
        assert!(hours[0].iter().all(|(_, of)| of[0] == 1800.0), "{:?}", hours[0]);
        assert!(history.table_at(&name, i64::MAX).expect("readable").is_some());
    }
    history.check().expect("it is whole");
}

#[test]
fn one_server_that_tells_much_pushes_out_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    let seal = |name: &str, seed: u64, from: i64, keys: usize| {
        let (timestamps, series) = noisy(seed, from, 200, keys);
        let sealing = Sealing {
            server: name,
            chunks: &[],
            timestamps: &timestamps,
            series: &series,
            tables: &[],
            events: &[],
        };
        history.seal(&sealing).expect("it can be sealed");
    };
    for server in 0..10 {
        seal(&format!("server-{server}"), server, BEGIN, 3);
    }
    for round in 0..45 {
        seal("heavy", round as u64, BEGIN + round * HOUR, 200);
    }
    assert!(history.counters().blocks_pruned > 3);
    for server in 0..10 {
        let (found, _) = samples(&history, &format!("server-{server}"), &[1], i64::MIN, i64::MAX);
        assert_eq!(found[0].len(), 200, "server-{server}");
    }
    assert_eq!(history.last("heavy"), Ok(Some(BEGIN + 44 * HOUR + 398_000)), "its newest stay");
}

#[test]
fn a_removed_server_goes_piece_by_piece_and_comes_back_empty() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    let seal = |name: &str, round: i64| {
        let (timestamps, series) = noisy(7, BEGIN + round * HOUR, 10, 3);
        let tables = [table(BEGIN + round * HOUR, vec![row(9, "sshd", 1.0)])];
        let sealing = Sealing {
            server: name,
            chunks: &[],
            timestamps: &timestamps,
            series: &series,
            tables: &tables,
            events: &[],
        };
        history.seal(&sealing).expect("it can be sealed");
    };
    (0..30).for_each(|round| ["gone", "here"].iter().for_each(|name| seal(name, round)));
    history.remove_server("gone").expect("it can be written");
    assert_eq!(history.servers(), Ok(vec!["here".to_owned()]));
    assert_eq!(history.table_at("gone", i64::MAX), Ok(None));
    assert_eq!(history.runs_of("sshd", i64::MIN, i64::MAX, 99).expect("readable").len(), 30);
    seal("gone", 50);
    let (found, _) = samples(&history, "gone", &[1], i64::MIN, i64::MAX);
    assert_eq!(found[0].len(), 10, "only what came later");
    let mut dropped = Vec::new();
    loop {
        let step = history.prune(8).expect("it can be written");
        dropped.push(step.blocks);
        if !step.more {
            break;
        }
    }
    assert_eq!((dropped.iter().sum::<usize>(), history.counters().blocks_removed), (60, 60));
    assert!(dropped.iter().all(|one| *one <= 8), "{dropped:?}");
    let (found, _) = samples(&history, "gone", &[1], i64::MIN, i64::MAX);
    assert_eq!(found[0].len(), 10);
    let raw = rusqlite::Connection::open(folder.path().join("history.db")).expect("it opens");
    let left = "SELECT (SELECT count(*) FROM block) + (SELECT count(*) FROM process_segment)";
    assert_eq!(raw.query_row(left, [], |row| row.get::<_, i64>(0)), Ok(62));
}

#[test]
fn late_ticks_of_an_hour_that_is_gone_come_to_its_windows() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    for round in 0..45 {
        let (timestamps, series) = noisy(round as u64, BEGIN + round * HOUR, 200, 200);
        let sealing = Sealing {
            server: "a",
            chunks: &[],
            timestamps: &timestamps,
            series: &series,
            tables: &[],
            events: &[],
        };
        history.seal(&sealing).expect("it can be sealed");
        while history.tend(BEGIN + round * HOUR).expect("it can be tended") {}
    }
    let reach = history.reach("a").expect("readable");
    let hour = reach.ticks_from_ms - HOUR;
    assert!(hour > reach.minutes_from_ms, "{reach:?}");
    let count = || {
        let of = |width| windows(&history, "a", &[1], width, (hour, hour + HOUR - 1));
        let sum = |of: Vec<Vec<(i64, [f64; 6])>>| of[0].iter().map(|(_, of)| of[0]).sum::<f64>();
        (sum(of(60_000)), sum(of(3_600_000)))
    };
    assert_eq!(count(), (200.0, 200.0));
    let (times, series) = (vec![hour + 1_001, hour + 50 * MINUTE], vec![(key(0), vec![1.0, 2.0])]);
    crate::made::seal(&history, "a", &times, &series);
    assert_eq!(count(), (202.0, 202.0));
    crate::made::tend(&history);
    assert_eq!(count(), (202.0, 202.0));
    let (found, _) = samples(&history, "a", &[1], hour, hour + HOUR - 1);
    assert_eq!(found[0], [], "no single ticks of a time of which the others are gone");
}

#[test]
fn process_tables_keep_to_their_share_and_their_texts_go_with_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    let (rounds, each) = (48_i64, 10_i64);
    let at = |round: i64, tick: i64| BEGIN + round * HOUR + tick * 5_000;
    for round in 0..rounds {
        let rows = |tick: i64| {
            let noise = noise((round * each + tick).unsigned_abs() + 1, 300);
            let one = |(number, noise): (usize, &f64)| {
                let pid = (round * 1000) as u32 + number as u32;
                let command = format!("cc1 {} {pid}", "-I/usr/include/x ".repeat(60));
                let bits = noise.to_bits() >> 12;
                watchfire_model::ProcessRow {
                    command,
                    rss_bytes: bits,
                    read_bytes: Some(bits >> 3),
                    cpu_seconds: *noise,
                    ..row(pid, "cc1", number as f64)
                }
            };
            noise.iter().enumerate().map(one).collect()
        };
        let tables: Vec<_> = (0..each).map(|tick| table(at(round, tick), rows(tick))).collect();
        let sealing = Sealing {
            server: if round % 2 == 0 { "a" } else { "b" },
            chunks: &[],
            timestamps: &[],
            series: &[],
            tables: &tables,
            events: &[],
        };
        history.seal(&sealing).expect("it can be sealed");
        while history.tend(at(round, 0)).expect("it can be tended") {}
        assert!(on_disk(folder.path()) <= MIN_CAP_BYTES);
    }
    assert!(history.counters().tables_pruned > 2, "{:?}", history.counters());
    assert!(history.table_at("a", i64::MAX).expect("readable").is_some());
    let raw = rusqlite::Connection::open(folder.path().join("history.db")).expect("it opens");
    let count = |sql: &str| raw.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number");
    let segments = count("SELECT count(*) FROM process_segment");
    let texts = count("SELECT count(*) FROM process_text");
    assert!(texts <= (segments + 8) * 300, "{texts} of {segments}");
    assert_eq!(count("SELECT count(*) FROM process_run"), segments);
    history.check().expect("it is whole");
}

#[test]
fn a_key_that_nothing_holds_any_more_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    let seal = |name: &str, number: usize, days: i64| {
        let times = [BEGIN + days * 24 * HOUR];
        crate::made::seal(&history, name, &times, &[(key(number), vec![1.0])]);
    };
    seal("gone", 1, 0);
    seal("gone", 2, 0);
    seal("here", 2, 30);
    let known = || history.keys().expect("known").iter().map(|(id, _)| id).collect::<Vec<_>>();
    crate::made::tend(&history);
    assert_eq!(known(), [1, 2], "something may hold them");
    history.remove_server("gone").expect("it can be written");
    while history.prune(9).expect("it can be written").more {}
    while history.tend(BEGIN + 20_000 * HOUR).expect("it can be tended") {}
    assert_eq!(known(), [2]);
    // Numbers are not used again.
    seal("here", 3, 31);
    assert_eq!(known(), [2, 3]);
    let (found, _) = samples(&history, "here", &[2, 3], i64::MIN, i64::MAX);
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
}
