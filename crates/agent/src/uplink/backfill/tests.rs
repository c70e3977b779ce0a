use std::time::Duration;

use watchfire_model::Moment;
use watchfire_wire::Backfill;

use super::*;
use crate::recorder::{Kind, Recorder, RecorderOptions};
use crate::uplink::feed::{Author, Entry};

const BOOT: &str = "boot";

fn second(second: u64) -> Moment {
    let monotonic = Duration::from_secs(second);
    Moment { monotonic, unix_ms: 1000 * i64::try_from(second).expect("small") }
}

/// A recorder whose ticks say their second, whole every ten.
struct Disk {
    folder: tempfile::TempDir,
    recorder: Option<Recorder>,
    feed: Feed,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut disk = Self { folder, recorder: None, feed: Feed::default() };
        disk.start();
        disk
    }

    /// As an agent that is started anew.
    fn start(&mut self) {
        self.recorder = None;
        let options = RecorderOptions {
            cap_bytes: 1 << 20,
            segment_bytes: 8 << 10,
            ..RecorderOptions::default()
        };
        let recorder = Recorder::open(self.folder.path(), options, BOOT, second(0)).expect("opens");
        self.feed = Feed::new(Some((recorder.ring_id(), 0)));
        self.recorder = Some(recorder);
    }

    fn tick(&mut self, at: u64) -> u64 {
        let recorder = self.recorder.as_mut().expect("it runs");
        let now = second(at);
        let whole = recorder.needs_restart(Kind::Tick, now) || at.is_multiple_of(10);
        let bytes = format!("{at:0100}");
        let sequence = recorder.append(Kind::Tick, now, whole, bytes.as_bytes()).expect("appended");
        recorder.flush(now).expect("written");
        sequence.as_u64()
    }

    fn ask(&self, from: u64, to: u64) -> (Vec<wire::Records>, bool) {
        all(Answer::begin(Backfill { request: 3, from, to }, &self.feed, self.folder.path()))
    }
}

fn all(answer: Result<Answer, RecorderError>) -> (Vec<wire::Records>, bool) {
    let mut answer = answer.expect("it can be read");
    let mut frames = Vec::new();
    loop {
        match answer.next() {
            Next::Frame(records) => frames.push(records),
            Next::End(end) => {
                assert_eq!(end.request, 3);
                assert_eq!(answer.next(), Next::End(end), "nothing comes behind the end");
                return (frames, end.missing);
            }
        }
    }
}

fn seconds(frames: &[wire::Records]) -> Vec<u64> {
    let records = frames.iter().flat_map(|frame| &frame.records);
    records.map(|record| record.monotonic_ns / 1_000_000_000).collect()
}

#[test]
fn a_hole_over_a_restart_is_filled_from_the_start_of_its_chain() {
    let mut disk = Disk::new();
    let before: Vec<u64> = (1..=15).map(|at| disk.tick(at)).collect();
    disk.start();
    let after: Vec<u64> = (16..=30).map(|at| disk.tick(at)).collect();
    let (frames, missing) = disk.ask(before[12], after[4]);
    assert!(!missing);
    assert_eq!(seconds(&frames), (10..=20).collect::<Vec<_>>());
    assert_eq!(frames.len(), 1);
    assert_eq!((frames[0].request, frames[0].previous), (3, before[8]));
    let (frames, missing) = disk.ask(after[0], after[0]);
    assert_eq!((frames[0].previous, missing), (before[14], false), "over the restart too");
    let whole = frames[0].records.iter().all(|record| record.bytes.len() == 100);
    assert!(whole, "as the recorder holds them");
}

#[test]
fn what_was_never_there_is_missing() {
    let mut disk = Disk::new();
    let told: Vec<u64> = (1..=5).map(|at| disk.tick(at)).collect();
    assert!(disk.ask(told[4], told[4] + 1).1, "not made yet");
    assert!(disk.ask(told[4] + 1, u64::MAX).1);
    assert_eq!(disk.ask(u64::MAX, u64::MAX), (vec![], true));
    let (frames, missing) = disk.ask(1, told[4]);
    assert_eq!(seconds(&frames), [1, 2, 3, 4, 5]);
    assert!(missing, "what was before the oldest is not known");
    assert_eq!(disk.ask(told[3], told[0]).0, vec![], "a range that ends before it begins");
}

#[test]
fn the_oldest_that_rotated_out_is_missing_and_the_rest_is_given() {
    let mut disk = Disk::new();
    disk.recorder = None;
    let options = RecorderOptions {
        cap_bytes: 32 << 10,
        segment_bytes: 8 << 10,
        ..RecorderOptions::default()
    };
    let recorder = Recorder::open(disk.folder.path(), options, BOOT, second(0)).expect("opens");
    disk.feed = Feed::new(Some((recorder.ring_id(), 0)));
    disk.recorder = Some(recorder);
    let told: Vec<u64> = (1..=600).map(|at| disk.tick(at)).collect();
    let (frames, missing) = disk.ask(told[0], told[599]);
    assert!(missing);
    let given = seconds(&frames);
    let begin = given[0];
    assert!(begin > 1);
    assert_eq!(given, (begin..=600).collect::<Vec<_>>(), "nothing is left out behind it");
    let oldest = ring_state(&disk.feed, disk.folder.path()).oldest;
    assert_eq!(frames[0].records[0].sequence, oldest);
    let known = usize::try_from(begin).expect("small") + 50;
    assert!(!disk.ask(told[known], told[599]).1);
}

#[test]
fn damage_shows_in_what_comes_behind_it() {
    let mut disk = Disk::new();
    let told: Vec<u64> = (1..=9).map(|at| disk.tick(at)).collect();
    disk.recorder = None;
    let segment = std::fs::read_dir(disk.folder.path()).expect("a folder");
    let segment = segment.map(|entry| entry.expect("an entry").path());
    let segment = segment.filter(|path| path.extension().is_some_and(|e| e == "segment")).max();
    let segment = segment.expect("a segment");
    let mut bytes = std::fs::read(&segment).expect("readable");
    let fifth = format!("{:0100}", 5).into_bytes();
    let place = bytes.windows(100).position(|window| window == fifth).expect("it is there");
    bytes[place] ^= 1;
    std::fs::write(&segment, bytes).expect("written");
    let (frames, missing) = disk.ask(told[0], told[8]);
    assert!(missing);
    assert_eq!(seconds(&frames), [1, 2, 3, 4, 6, 7, 8, 9]);
    assert_eq!((frames.len(), frames[1].previous), (2, told[4]), "the hub sees what is not there");
    assert!(!disk.ask(told[5], told[8]).1, "what is behind it is whole");
}

#[test]
fn frames_have_a_limit() {
    let feed = Feed::default();
    let _follower = feed.follow(second(0));
    let bytes = vec![7; 100 << 10];
    for at in 1..=5 {
        let starts_chain =
            feed.wants_start(crate::uplink::feed::Place::Run, Author(0), Kind::Tick, second(at));
        let entry = Entry { kind: Kind::Tick, at: second(at), starts_chain, bytes: &bytes };
        feed.put_unrecorded(Author(0), entry);
    }
    let ask = Backfill { request: 3, from: 2, to: 5 };
    let (frames, missing) = all(Answer::begin(ask, &feed, std::path::Path::new("/nowhere")));
    assert!(!missing);
    assert_eq!(seconds(&frames), [1, 2, 3, 4, 5]);
    assert!(frames.iter().all(|frame| frame.records.len() <= 2), "256 KiB");
    let previous: Vec<u64> = frames.iter().map(|frame| frame.previous).collect();
    assert_eq!(previous, [0, 2, 4]);
}

#[test]
fn a_folder_that_is_gone_is_an_error() {
    let disk = Disk::new();
    let ask = Backfill { request: 1, from: 1, to: 9 };
    assert!(Answer::begin(ask, &disk.feed, std::path::Path::new("/nowhere")).is_err());
}
