//! SIGKILL at random moments: what was flushed is read back.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use watchfire_agent::recorder::{RecordReader, Recorder, RecorderOptions, SegmentState};

use crate::support::{BOOT, Dice, Feeder, read_all, second, small};

const KILLS: u64 = 300;
/// Every so many kills the ring begins anew.
const KILLS_A_RING: u64 = 25;
const FOLDER: &str = "WATCHFIRE_TEST_RECORD_FOLDER";
const START: &str = "WATCHFIRE_TEST_RECORD_START";

fn options() -> RecorderOptions {
    small(4096, 12)
}

/// The writer that is killed: not a test, but started by one.
#[test]
#[ignore = "writes until it is killed; the test below starts it"]
fn child_that_records_until_it_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let start: u64 = std::env::var(START).expect("a start").parse().expect("a number");
    let folder = PathBuf::from(folder);
    let mut recorder = Recorder::open(&folder, options(), BOOT, second(start)).expect("opens");
    let mut feeder = Feeder::starting_at(start);
    let mut told = std::io::stdout();
    loop {
        let now = second(feeder.next);
        for _ in 0..1 + feeder.next % 3 {
            feeder.append(&mut recorder, now).expect("recorded");
        }
        if let Some(job) = recorder.flush(now).expect("written") {
            recorder.synced(job.run(), now).expect("synced");
        }
        writeln!(told, "flushed {}", feeder.next).expect("the parent listens");
    }
}

#[test]
fn what_was_flushed_outlives_a_kill_at_any_moment() {
    let seed = std::env::var("WATCHFIRE_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("seed {seed}: set WATCHFIRE_TEST_SEED to it to repeat");
    let mut dice = Dice(seed);
    let mut rotations = 0;
    for _ in 0..KILLS / KILLS_A_RING {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("record");
        let mut next = 0;
        for _ in 0..KILLS_A_RING {
            let flushed = record_and_kill(&folder, next, dice.below(120));
            let read = read_all(&folder);
            check(&read, next, flushed);
            // Mending and opening once more changes nothing.
            let now = second(flushed);
            let recorder = Recorder::open(&folder, options(), BOOT, now).expect("mended");
            assert_eq!(recorder.counters().damaged_segments, 0);
            drop(recorder);
            assert_eq!(read_all(&folder), read);
            let segments = RecordReader::open(&folder).and_then(|reader| reader.segments());
            let segments = segments.expect("listable");
            assert!(segments.iter().all(|segment| segment.state == SegmentState::Sealed));
            rotations += u64::from(read.first().is_some_and(|&first| first > 0));
            // Numbers of the lost tail are not used again, so that they would show.
            next = flushed + 1000;
        }
    }
    assert!(rotations > 0, "the rings turned while they were written");
}

/// Lets a child write from the number `start` on, kills it some writes later,
/// and returns the number before which everything was flushed.
fn record_and_kill(folder: &Path, start: u64, writes: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "kill::child_that_records_until_it_is_killed"])
        .args(["--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(START, start.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut flushed = start;
    let mut note = |line: &str| {
        // The line may be cut; only whole ones were said.
        let number = line.split("flushed ").nth(1).and_then(|number| number.parse().ok());
        flushed = flushed.max(number.unwrap_or(0));
    };
    let mut seen = 0;
    while seen <= writes {
        let line = lines.next().expect("it writes until it is killed").expect("text");
        seen += u64::from(line.contains("flushed "));
        note(&line);
    }
    child.kill().expect("it runs");
    // What it said before it died counts too, but for a last line without an end.
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    if let Some((_cut, whole)) = rest.split_last() {
        whole.iter().for_each(|line| note(line));
    }
    child.wait().expect("it is dead");
    flushed
}

/// Everything from `start` to before `flushed` is there, but for what the cap
/// made room with.
fn check(read: &[u64], start: u64, flushed: u64) {
    let recent: Vec<u64> = read.iter().copied().filter(|&number| number >= start).collect();
    let first = *recent.first().expect("something was flushed");
    let last = *recent.last().expect("something was flushed");
    assert!(recent.windows(2).all(|pair| pair[0] + 1 == pair[1]), "a gap in {recent:?}");
    assert!(last + 1 >= flushed, "{flushed} was flushed and {last} is the last");
    let turned = read[0] == first;
    assert!(first == start || turned, "only the oldest may be missing: {first}, {start}");
}
