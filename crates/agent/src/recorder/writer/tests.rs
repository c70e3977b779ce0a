//! Failures of the disk that no real disk gives on demand.

use std::fs::{self, OpenOptions};

use watchfire_model::Moment;

use super::*;

const BOOT: &str = "a boot";
const LONG: Duration = Duration::from_secs(1 << 20);

fn second(number: u64) -> Moment {
    Moment::default().after(Duration::from_secs(number))
}

fn opened(folder: &Path) -> Recorder {
    let options =
        RecorderOptions { cap_bytes: 65_536, segment_bytes: 4096, ..RecorderOptions::default() };
    Recorder::open(folder, options, BOOT, second(0)).expect("opens")
}

/// From now on every write says that the disk is full.
fn fill_the_disk(recorder: &mut Recorder) {
    let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    recorder.live.as_mut().expect("a segment").replace_file(full);
}

#[test]
fn a_write_that_fails_gives_the_segment_up_and_loses_only_what_waited() {
    let place = tempfile::tempdir().expect("a folder");
    let mut recorder = opened(place.path());
    recorder.append(Kind::Tick, second(0), true, b"kept").expect("recorded");
    recorder.sync(second(0)).expect("synced");
    fill_the_disk(&mut recorder);
    recorder.append(Kind::Tick, second(1), false, b"lost").expect("taken");
    let error = recorder.flush(second(1)).expect_err("the disk is full");
    assert!(error.is_full() && error.to_string().contains("hint"), "{error}");
    let counters = recorder.counters();
    assert_eq!((counters.failed_writes, counters.lost_records), (1, 1));

    // Nothing whole is asked for before the next try, and then it is.
    assert!(!recorder.needs_restart(Kind::Tick, second(10)));
    let paused = recorder.append(Kind::Tick, second(10), false, b"not taken");
    assert!(matches!(paused, Err(RecorderError::Paused)));
    assert!(recorder.needs_restart(Kind::Tick, second(11)));
    let goes_on = recorder.append(Kind::Tick, second(11), false, b"from nothing");
    assert!(matches!(goes_on, Err(RecorderError::NeedsRestart { kind: Kind::Tick })));
    recorder.append(Kind::Tick, second(11), true, b"again").expect("recorded");
    recorder.close(second(12)).expect("closed");
    let read = crate::recorder::RecordReader::open(place.path()).expect("ours");
    let read = read.records_from(Sequence::default()).expect("listable");
    let contents: Vec<_> = read.map(|record| record.bytes).collect();
    assert_eq!(contents, [b"kept".to_vec(), b"again".to_vec()]);
}

#[test]
fn after_a_failed_sync_nothing_more_is_written_to_that_segment() {
    let place = tempfile::tempdir().expect("a folder");
    let mut recorder = opened(place.path());
    recorder.append(Kind::Tick, second(0), true, b"first").expect("recorded");
    let job = recorder.flush(second(10)).expect("written").expect("a sync is due");
    let mut done = job.run();
    done.result = Err(io::Error::other("the disk lied"));
    let before = recorder.live.as_ref().expect("a segment").path().to_owned();
    recorder.synced(done, second(10)).expect_err("told");
    assert!(!recorder.is_recording());
    assert!(recorder.needs_restart(Kind::Tick, second(20)));
    assert_ne!(recorder.live.as_ref().expect("another").path(), before);
    assert!(recorder.is_recording());
    // The rest gets longer until a sync has gone well.
    assert_eq!(recorder.pause.begin(Duration::ZERO), Duration::from_secs(20));
    recorder.sync(second(21)).expect("synced");
    assert_eq!(recorder.pause.begin(Duration::ZERO), Duration::from_secs(10));
}

#[test]
fn a_record_that_fits_nowhere_is_refused_without_a_new_segment_each_time() {
    let place = tempfile::tempdir().expect("a folder");
    let mut recorder = opened(place.path());
    recorder.append(Kind::Tick, second(0), true, b"tick").expect("recorded");
    for number in 0..20 {
        let asked = recorder.needs_restart(Kind::Processes, second(number));
        assert_eq!(asked, number == 0, "given up until the next segment");
        let refused = recorder.append(Kind::Processes, second(number), asked, &[1; 5000]);
        assert!(matches!(refused, Err(RecorderError::TooLarge { .. })));
        // One that goes on from what was refused is refused as well.
        let small = recorder.append(Kind::Processes, second(number), false, b"small");
        assert!(small.is_err());
        recorder.append(Kind::Tick, second(number), false, b"tick").expect("others go on");
    }
    assert_eq!(recorder.counters().segments, 1);
    assert_eq!(recorder.counters().too_large, 40);
    recorder.append(Kind::Processes, second(30), true, b"whole").expect("a small one is taken");
    recorder.append(Kind::Processes, second(30), false, b"small").expect("and those behind it");
}

#[test]
fn all_is_lost_but_nothing_panics_when_the_segment_vanishes_with_its_folder() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("record");
    let mut recorder = opened(&folder);
    recorder.append(Kind::Event, second(0), true, b"event").expect("recorded");
    fs::remove_dir_all(&folder).expect("ours");
    fs::write(&folder, b"a file in the place of the folder").expect("ours");
    for number in 1..400 {
        let _told = recorder.append(Kind::Event, second(number), true, &[7; 300]);
        let _told = recorder.flush(second(number));
    }
    assert!(!recorder.is_recording());
    let tries = recorder.counters().failed_writes;
    assert!((2..=8).contains(&tries), "{tries} tries in 400 seconds");
}

#[test]
fn an_agent_that_starts_again_and_again_keeps_its_history() {
    let place = tempfile::tempdir().expect("a folder");
    let options = RecorderOptions { cap_bytes: 4 << 20, segment_bytes: 16 << 10, sync_every: LONG };
    let open = |at| Recorder::open(place.path(), options, BOOT, at).expect("opens");
    let mut recorder = open(second(0));
    for number in 0..3600 {
        recorder.append(Kind::Event, second(number), true, &[7; 100]).expect("recorded");
    }
    drop(recorder);
    let large = super::super::folder::list(place.path()).expect("listable").len();
    assert!(large > 20, "{large}");
    for run in 0..1030 {
        let mut recorder = open(second(3600 + run));
        recorder.append(Kind::Event, second(3600 + run), true, b"begun").expect("recorded");
    }
    let listed = super::super::folder::list(place.path()).expect("listable");
    assert_eq!(listed.len(), 1024);
    let read = crate::recorder::RecordReader::open(place.path()).expect("ours");
    let read: Vec<_> = read.records_from(Sequence::default()).expect("listable").collect();
    assert_eq!(read.iter().filter(|record| record.bytes.len() == 100).count(), 3600);
    let last = read.last().expect("records");
    assert_eq!(last.at.unix_ms, second(3600 + 1029).unix_ms);
    // Numbers are never given twice, so the files are still in order.
    assert_eq!(listed.last().expect("files").number, large as u64 + 1030);
}
