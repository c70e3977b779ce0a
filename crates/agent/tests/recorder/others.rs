//! Others at the same folder: a second agent, readers, people.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::atomic::{AtomicBool, Ordering};

use watchfire_agent::recorder::{RecordReader, Recorder, RecorderError, SegmentState, Sequence};

use crate::support::{
    BOOT, Feeder, a_ring, proven_in_order, read_all, second, segment_files, small,
};

#[test]
fn a_second_agent_is_told_so() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("record");
    let first = Recorder::open(&folder, small(4096, 8), BOOT, second(0)).expect("opens");
    let refused = Recorder::open(&folder, small(4096, 8), BOOT, second(0));
    let error = refused.expect_err("one writer only");
    assert!(matches!(error, RecorderError::Locked { .. }));
    let text = error.to_string();
    assert!(text.contains("another agent records into") && text.contains("hint"), "{text}");
    drop(first);
    Recorder::open(&folder, small(4096, 8), BOOT, second(0)).expect("the first has let go");
}

#[test]
fn files_are_for_the_owner_alone() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("record");
    a_ring(&folder, small(4096, 8), 100, true);
    let mode = |path: &std::path::Path| fs::metadata(path).expect("there").mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for entry in fs::read_dir(&folder).expect("a folder") {
        assert_eq!(mode(&entry.expect("an entry").path()), 0o600);
    }
}

#[test]
fn a_folder_that_others_can_write_to_is_refused() {
    for bits in [0o720, 0o702, 0o777, 0o1777] {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("record");
        a_ring(&folder, small(4096, 8), 10, true);
        fs::set_permissions(&folder, fs::Permissions::from_mode(bits)).expect("ours");
        let write = Recorder::open(&folder, small(4096, 8), BOOT, second(0)).expect_err("open");
        let read = RecordReader::open(&folder).expect_err("open");
        for error in [write, read] {
            assert!(matches!(error, RecorderError::OpenFolder { mode, .. } if mode == bits));
            assert!(error.to_string().contains("hint: chmod 700"), "{error}");
        }
    }
}

#[test]
fn what_belongs_to_another_is_not_read() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("record");
    a_ring(&folder, small(2048, 50), 60, true);
    let files = segment_files(&folder);
    if std::os::unix::fs::chown(&files[1], Some(12345), None).is_err() {
        println!("not shown here: only root gives files away");
        return;
    }
    // A segment whose owner is not the folder's, which is root here: root's
    // folder may serve an agent that runs as somebody else, so it is given away too.
    std::os::unix::fs::chown(&folder, Some(54321), None).expect("root may");
    let reader = RecordReader::open(&folder).expect("root reads everybody's");
    let states: Vec<_> =
        reader.segments().expect("listable").into_iter().map(|segment| segment.state).collect();
    assert!(states.iter().all(|state| *state == SegmentState::Damaged), "{states:?}");
    assert!(read_all(&folder).is_empty());
    let error = Recorder::open(&folder, small(2048, 50), BOOT, second(0)).expect_err("not ours");
    assert!(matches!(error, RecorderError::Foreign { owner: 54321, .. }), "{error}");
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    let place = tempfile::tempdir().expect("a folder");
    let error = RecordReader::open(&place.path().join("record")).expect_err("nothing there");
    assert!(matches!(error, RecorderError::NoRecord { .. }));
    assert!(error.to_string().contains("hint"), "{error}");
}

#[test]
fn a_reader_beside_a_rotating_writer_sees_only_what_was_written() {
    const RECORDS: u64 = 6000;
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("record");
    a_ring(&folder, small(4096, 8), 1, false);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut recorder =
                Recorder::open(&folder, small(4096, 8), BOOT, second(1)).expect("opens");
            let mut feeder = Feeder::starting_at(1);
            while feeder.next < RECORDS {
                let now = second(feeder.next);
                feeder.append(&mut recorder, now).expect("recorded");
                drop(recorder.flush(now).expect("written"));
            }
            done.store(true, Ordering::SeqCst);
        });
        let (mut rounds, mut whole, mut last) = (0, 0, 0);
        loop {
            let ended = done.load(Ordering::SeqCst);
            let reader = RecordReader::open(&folder).expect("ours");
            let mut records = reader.records_from(Sequence::default()).expect("listable");
            let read = proven_in_order(&records.by_ref().collect::<Vec<_>>());
            let losses = records.losses();
            let gapless = read.windows(2).all(|pair| pair[0] + 1 == pair[1]);
            assert!(gapless || losses.removed > 0, "{losses:?}: a gap in {read:?}");
            whole += u64::from(gapless);
            assert_eq!((losses.segments, losses.damages), (0, 0));
            let newest = read.last().copied().unwrap_or(last);
            // A writer this fast may lap a reader that has to wait for a processor.
            assert!(newest >= last || losses.removed > 0, "{newest} after {last}");
            (rounds, last) = (rounds + 1, newest);
            if ended {
                assert_eq!(last, RECORDS - 1);
                break;
            }
        }
        println!("{rounds} readings, {whole} of them without a gap");
    });
}

#[test]
fn sequences_run_on_over_restarts_and_reboots() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("record");
    let mut last = Sequence::default();
    let mut rings = Vec::new();
    for (start, boot) in [BOOT, BOOT, "another boot", "another boot"].into_iter().enumerate() {
        let now = second(start as u64 * 100);
        let mut recorder = Recorder::open(&folder, small(4096, 8), boot, now).expect("opens");
        let sequence = Feeder::starting_at(start as u64).append(&mut recorder, now);
        let sequence = sequence.expect("recorded");
        // A power cut may have taken the names of segments that a peer knows.
        let far = sequence.segment() > last.segment() + 1000;
        assert_eq!(far, start == 2, "{sequence} after {last}");
        assert!(sequence > last);
        assert_eq!(Sequence::from_u64(sequence.as_u64()), sequence);
        (last, rings) = (sequence, [rings, vec![recorder.ring_id()]].concat());
    }
    assert!(rings.windows(2).all(|pair| pair[0] == pair[1]), "it is one ring");
    let boots: Vec<String> = RecordReader::open(&folder)
        .and_then(|reader| reader.segments())
        .expect("listable")
        .into_iter()
        .map(|segment| segment.boot_id)
        .collect();
    assert_eq!(boots, [BOOT, BOOT, "another boot", "another boot"]);
    let reader = RecordReader::open(&folder).expect("ours");
    let rest: Vec<_> = reader.records_from(last).expect("listable").collect();
    assert_eq!(proven_in_order(&rest), [3]);
}
