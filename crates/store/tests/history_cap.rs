//! The cap holds, whatever is appended.

#[path = "common/history.rs"]
mod common;

use std::fs;
use std::path::Path;

use common::{chunk, time_of};
use watchfire_store::{Chunk, History, MIN_CAP_BYTES};

fn one(server: u64, number: u64, bytes: usize) -> Chunk {
    let records: Vec<u64> = (number * 10 + 1..=number * 10 + 10).collect();
    let mut chunk = chunk(&format!("server-{server}"), 1, number * 10, &records);
    chunk.bytes.resize(bytes, 7);
    chunk
}

fn on_disk(folder: &Path) -> u64 {
    let size = |name: &str| fs::metadata(folder.join(name)).map_or(0, |file| file.len());
    size("history.db") + size("history.db-wal")
}

#[test]
fn it_holds_at_every_moment_and_the_newest_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    let mut largest = 0;
    for number in 0..120 {
        let sizes = [900, 2500, 2500, 9000, 40_000];
        let group: Vec<Chunk> =
            (0..100).map(|of| one(of, number, sizes[(of + number) as usize % 5])).collect();
        history.append(&group).expect("it can be written");
        largest = largest.max(on_disk(folder.path()));
        if number % 10 == 0 {
            history.prune(100).expect("it can be written");
        }
    }
    assert!(largest <= MIN_CAP_BYTES, "{largest}");
    let counters = history.counters();
    assert_eq!(counters.chunks_stored, 12_000);
    assert!(counters.chunks_pruned > 8_000, "{counters:?}");
    assert!(counters.bytes_stored > 6 * MIN_CAP_BYTES, "it was filled many times over");
    for of in 0..100 {
        let server = format!("server-{of}");
        let stretch = history.chunks(&server, i64::MIN, i64::MAX).expect("it can be read");
        assert!(stretch.chunks.len() > 3, "{}", stretch.chunks.len());
        assert_eq!(history.last(&server), Ok(Some(time_of(1200))));
        // What went is not asked for again.
        assert_eq!(history.coverage(&server, [1; 16]), Ok(vec![(0, 1200)]));
    }
    history.check().expect("it is whole");
}

#[test]
fn a_smaller_cap_gives_room_back_piece_by_piece() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), 64 << 20).expect("it opens");
    for number in 0..100 {
        let group: Vec<Chunk> = (0..100).map(|of| one(of, number, 4000)).collect();
        history.append(&group).expect("it can be written");
    }
    drop(history);
    assert!(on_disk(folder.path()) > 2 * MIN_CAP_BYTES);
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    let mut calls = 0;
    while history.prune(200).expect("it can be written").more {
        calls += 1;
    }
    assert!(calls > 20, "it is done piece by piece: {calls}");
    drop(history);
    assert!(on_disk(folder.path()) <= MIN_CAP_BYTES, "{}", on_disk(folder.path()));
}

#[test]
fn a_removed_server_goes_piece_by_piece_and_comes_back_empty() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    for number in 0..50 {
        history.append(&[one(1, number, 2500), one(2, number, 2500)]).expect("as above");
    }
    history.remove_server("server-1").expect("it can be written");
    assert_eq!(history.servers(), Ok(vec!["server-2".to_owned()]));
    history.append(&[one(1, 70, 2500)]).expect("the name may come back");
    assert_eq!(history.coverage("server-1", [1; 16]), Ok(vec![(700, 710)]));
    let mut dropped = Vec::new();
    loop {
        let step = history.prune(20).expect("it can be written");
        dropped.push(step.chunks);
        if !step.more {
            break;
        }
    }
    assert_eq!(dropped.iter().sum::<usize>(), 50);
    assert!(dropped.iter().all(|one| *one <= 20), "{dropped:?}");
    assert_eq!(history.counters().chunks_removed, 50);
    let stretch = history.chunks("server-1", i64::MIN, i64::MAX).expect("it can be read");
    assert_eq!(stretch.chunks.len(), 1);
    let other = history.chunks("server-2", i64::MIN, i64::MAX).expect("it can be read");
    assert_eq!(other.chunks.len(), 50);
}

#[test]
fn one_server_that_tells_much_pushes_out_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
    let first: Vec<Chunk> = (0..20).map(|of| one(of, 0, 2500)).collect();
    history.append(&first).expect("it can be written");
    // It fills the history four times over, in several rings.
    for number in 0..800 {
        let ring = [u8::try_from(number / 300).expect("few"); 16];
        let chunk = Chunk { ring, ..one(99, number, 64 << 10) };
        history.append(&[chunk]).expect("it can be written");
    }
    assert!(history.counters().chunks_pruned > 400);
    for of in 0..20 {
        let stretch = history.chunks(&format!("server-{of}"), i64::MIN, i64::MAX);
        assert_eq!(stretch.expect("it can be read").chunks.len(), 1, "server-{of}");
    }
    assert_eq!(history.last("server-99"), Ok(Some(time_of(8000))), "its newest stay");
    history.check().expect("it is whole");
}
