//! Power cuts: of what was not synced, any block may be there or not, or hold
//! what an older file left; what was synced stays.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use watchfire_agent::recorder::Recorder;

use crate::support::{BOOT, Dice, Feeder, read_all, second, segment_files, small};

/// Smaller than a disk's, so that records are cut in more ways.
const BLOCK: usize = 128;

/// What a disk is known to hold after a sync.
struct Synced {
    files: Vec<(PathBuf, Vec<u8>)>,
    records: u64,
}

fn snapshot(folder: &Path, records: u64) -> Synced {
    let read = |path: PathBuf| (path.clone(), fs::read(path).expect("readable"));
    Synced { files: segment_files(folder).into_iter().map(read).collect(), records }
}

/// Makes of the ring as the kernel had it what a power cut may leave: blocks
/// that did not change since the sync stay, of the others each may be new,
/// old, zero, or of an older segment; new names may be missing.
fn cut_power(synced: &Synced, written: &Synced, image: &Path, dice: &mut Dice) {
    let _ = fs::remove_dir_all(image);
    fs::create_dir(image).expect("room");
    let stale = &written.files[0].1;
    for (path, new) in &written.files {
        let old = synced.files.iter().find(|(known, _)| known == path).map(|(_, bytes)| bytes);
        if old.is_none() && dice.below(4) == 0 {
            continue;
        }
        let none = Vec::new();
        let old = old.unwrap_or(&none);
        let mut left = Vec::new();
        for at in (0..new.len().max(old.len())).step_by(BLOCK) {
            let block = |bytes: &[u8]| {
                let part = bytes.get(at..bytes.len().min(at + BLOCK)).unwrap_or_default();
                let mut whole = part.to_vec();
                whole.resize(BLOCK, 0);
                whole
            };
            let (old_block, new_block) = (block(old), block(new));
            let was_empty = old_block.iter().all(|&byte| byte == 0);
            left.extend(match dice.below(4) {
                _ if old_block == new_block => old_block,
                0 => old_block,
                // Only room that nothing was written to can come back as something else.
                1 if was_empty => block(stale),
                _ => new_block,
            });
        }
        // The length may be the one before, unless something behind it was synced.
        let len = if dice.below(2) == 0 { new.len() } else { old.len() };
        let synced_end = old.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        left.resize(len.max(synced_end), 0);
        fs::write(image.join(path.file_name().expect("a name")), left).expect("room");
    }
}

#[test]
fn what_was_synced_outlives_a_power_cut() {
    let place = tempfile::tempdir().expect("a folder");
    let (folder, image) = (place.path().join("record"), place.path().join("image"));
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let mut recorder = Recorder::open(&folder, small(4096, 200), BOOT, second(0)).expect("opens");
    let mut feeder = Feeder::default();
    let mut synced = Synced { files: Vec::new(), records: 0 };
    let (mut lost, mut kept) = (0, 0);
    for number in 0..220 {
        let now = second(number);
        feeder.append(&mut recorder, now).expect("recorded");
        if let Some(job) = recorder.flush(now).expect("written") {
            let done = job.run();
            synced = snapshot(&folder, feeder.next);
            recorder.synced(done, now).expect("synced");
        }
        let written = snapshot(&folder, feeder.next);
        for _ in 0..4 {
            cut_power(&synced, &written, &image, &mut dice);
            let before: BTreeSet<u64> = read_all(&image).into_iter().collect();
            assert!((0..synced.records).all(|number| before.contains(&number)), "{before:?}");
            assert!(before.iter().all(|&number| number < written.records));
            (lost, kept) = (lost + written.records - before.len() as u64, kept + 1);
            let after = Recorder::open(&image, small(4096, 200), "a new boot", now).expect("opens");
            drop(after);
            assert!(read_all(&image).into_iter().collect::<BTreeSet<_>>() == before);
        }
    }
    println!("{kept} cuts lost {lost} records");
    assert!(lost > 0, "a cut takes what was not synced, so this shows something");
}

#[test]
fn a_sync_comes_every_ten_seconds_and_one_at_a_time() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("record");
    let mut recorder = Recorder::open(&folder, small(4096, 8), BOOT, second(0)).expect("opens");
    let mut feeder = Feeder::default();
    let mut seconds = Vec::new();
    let mut under_way = None;
    for number in 0..60 {
        feeder.append(&mut recorder, second(number)).expect("recorded");
        let Some(job) = recorder.flush(second(number)).expect("written") else { continue };
        seconds.push(number);
        if number < 30 {
            recorder.synced(job.run(), second(number)).expect("synced");
        } else {
            assert!(under_way.replace(job).is_none(), "the disk hangs: one is enough");
        }
    }
    assert_eq!(seconds, [10, 20, 30]);
    assert_eq!(recorder.counters().syncs, 2);
    let done = under_way.expect("hangs").run();
    recorder.synced(done, second(60)).expect("synced");
    feeder.append(&mut recorder, second(61)).expect("recorded");
    assert!(recorder.flush(second(61)).expect("written").is_some(), "and then again");
    recorder.sync(second(62)).expect("an incident does not wait");
    assert_eq!(recorder.counters().syncs, 4);
}

#[test]
fn a_record_is_written_within_a_second_even_without_a_flush() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("record");
    let mut recorder = Recorder::open(&folder, small(65_536, 8), BOOT, second(0)).expect("opens");
    let mut feeder = Feeder::default();
    for number in 0..10 {
        feeder.append(&mut recorder, second(number)).expect("recorded");
        let read = read_all(&folder);
        assert!(read.len() as u64 >= number, "{number}: {read:?}");
    }
}
