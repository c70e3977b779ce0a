//! The cap holds, whatever is written.

use std::collections::BTreeMap;
use std::fs;
use std::mem::MaybeUninit;
use std::path::Path;

use proptest::prelude::*;
use rustix::fs::inotify;
use watchfire_agent::recorder::{
    Kind, RecordReader, Recorder, RecorderError, RecorderOptions, Sequence,
};

use crate::support::{BOOT, Feeder, a_ring, read_all, second, segment_files, small};

fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").metadata().expect("there").len()).sum()
}

#[derive(Debug, Clone)]
enum Step {
    Append(u8, bool, usize),
    Flush,
    Kill,
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let append = (0..3_u8, any::<bool>(), 0..6000_usize);
    let append = append.prop_map(|(kind, whole, len)| Step::Append(kind, whole, len));
    let step = prop_oneof![20 => append, 4 => Just(Step::Flush), 1 => Just(Step::Kill),
                           1 => Just(Step::Close)];
    proptest::collection::vec(step, 0..120)
}

fn opened(folder: &Path, options: RecorderOptions, now: u64) -> Recorder {
    Recorder::open(folder, options, BOOT, second(now)).expect("opens")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_record_of_any_size_breaks_the_cap(steps in steps(), shares in 4..12_u64) {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("record");
        let options = small(4096, shares);
        let mut recorder = opened(&folder, options, 0);
        let mut appended = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            let now = second(number as u64);
            match step {
                Step::Append(kind, whole, len) => {
                    let kind = [Kind::Tick, Kind::Processes, Kind::Event][usize::from(kind)];
                    let whole = recorder.needs_restart(kind, now) || whole;
                    let bytes = vec![number as u8; len];
                    match recorder.append(kind, now, whole, &bytes) {
                        Ok(sequence) => appended.push((sequence, bytes)),
                        Err(RecorderError::TooLarge { .. }) => prop_assert!(len > 4096 - 400 || !whole),
                        Err(RecorderError::NeedsRestart { .. }) => prop_assert!(!whole),
                        Err(error) => prop_assert!(false, "{error}"),
                    }
                }
                Step::Flush => drop(recorder.flush(now).expect("written")),
                Step::Kill => {
                    drop(recorder);
                    recorder = opened(&folder, options, number as u64);
                }
                Step::Close => {
                    recorder.close(now).expect("closed");
                    recorder = opened(&folder, options, number as u64);
                }
            }
            prop_assert!(size(&folder) <= options.cap_bytes);
        }
        drop(recorder);
        prop_assert!(size(&folder) <= options.cap_bytes);
        // What is left is the end of what was appended.
        let reader = RecordReader::open(&folder).expect("ours");
        let read: Vec<_> = reader.records_from(Sequence::default()).expect("listable")
            .map(|record| (record.sequence, record.bytes)).collect();
        prop_assert_eq!(&appended[appended.len() - read.len()..], &read[..]);
        prop_assert!(appended.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}

#[test]
fn room_is_made_before_a_segment_is() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("record");
    fs::create_dir(&folder).expect("room");
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).expect("a watch");
    let flags = inotify::WatchFlags::CREATE | inotify::WatchFlags::DELETE;
    inotify::add_watch(&watch, &folder, flags).expect("a watch");
    let options = small(4096, 6);
    let mut recorder = opened(&folder, options, 0);
    let mut feeder = Feeder::default();
    // The sizes as the kernel told of files that came and went, in order.
    let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
    let mut created = 0;
    for number in 0..600 {
        feeder.append(&mut recorder, second(number)).expect("recorded");
        drop(recorder.flush(second(number)).expect("written"));
        let size_now = |name: &str| fs::metadata(folder.join(name)).ok().map(|file| file.len());
        let mut room = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&watch, &mut room);
        while let Ok(event) = events.next() {
            let name = event.file_name().and_then(|name| name.to_str().ok());
            let name = name.expect("a name").to_owned();
            if event.events().contains(inotify::ReadFlags::DELETE) {
                sizes.remove(&name);
                continue;
            }
            // Those that are still there have ended; the new one will have its full size.
            sizes.iter_mut().for_each(|(name, size)| *size = size_now(name).unwrap_or(*size));
            created += u64::from(name.ends_with(".segment"));
            sizes.insert(name, if number == 0 { 0 } else { options.segment_bytes });
            assert!(sizes.values().sum::<u64>() <= options.cap_bytes, "{sizes:?}");
        }
    }
    assert!(created > 12, "the ring turned: {created}");
}

#[test]
fn a_smaller_cap_is_met_by_the_next_segment() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("record");
    a_ring(&folder, small(8192, 16), 1500, true);
    assert!(size(&folder) > 100_000);
    let mut recorder = opened(&folder, small(4096, 4), 2000);
    recorder.append(Kind::Event, second(2000), true, b"small").expect("recorded");
    assert!(size(&folder) <= 4 * 4096, "{}", size(&folder));
}

#[test]
fn caps_that_hold_no_ring_are_refused() {
    assert!(matches!(RecorderOptions::with_cap(1 << 19), Err(RecorderError::Cap { .. })));
    let place = tempfile::tempdir().expect("a folder");
    for (cap_bytes, segment_bytes) in [(0, 0), (4096, 100), (8192, 4096), (1 << 40, 1 << 30)] {
        let options = RecorderOptions { cap_bytes, segment_bytes, ..RecorderOptions::default() };
        let refused = Recorder::open(&place.path().join("record"), options, BOOT, second(0));
        let error = refused.expect_err("too small").to_string();
        assert!(error.contains("hint"), "{error}");
    }
    for megabytes in [1, 4, 64, 256, 4096] {
        let options = RecorderOptions::with_cap(megabytes << 20).expect("large enough");
        Recorder::open(&place.path().join("record"), options, BOOT, second(0)).expect("opens");
    }
}

#[test]
fn restarts_in_a_loop_make_no_heap_of_empty_files() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("record");
    a_ring(&folder, small(4096, 8), 60, false);
    let before = (segment_files(&folder).len(), read_all(&folder));
    for number in 0..50 {
        let mut recorder = opened(&folder, small(4096, 8), number);
        assert!(recorder.needs_restart(Kind::Tick, second(number)), "a segment was begun");
    }
    opened(&folder, small(4096, 8), 50).close(second(50)).expect("closed");
    assert_eq!((segment_files(&folder).len(), read_all(&folder)), before);
}
