//! Cuts and flipped bits: less is read, never something else.

use std::fs;

use watchfire_agent::recorder::{RecordReader, Recorder, Sequence};

use crate::support::{
    BOOT, Dice, Feeder, a_ring, copy_ring, proven_in_order, read_all, second, segment_files, small,
};

const RECORDS: u64 = 45;

#[test]
fn a_ring_cut_at_any_byte_reads_up_to_the_cut() {
    let place = tempfile::tempdir().expect("a folder");
    let (ring, cut) = (place.path().join("ring"), place.path().join("cut"));
    a_ring(&ring, small(2048, 100), RECORDS, false);
    let files = segment_files(&ring);
    assert!(files.len() >= 3, "{files:?}");
    let whole = read_all(&ring);
    assert_eq!(whole, (0..RECORDS).collect::<Vec<_>>());
    let last = files.last().expect("some");
    let bytes = fs::read(last).expect("readable");
    let before = {
        copy_ring(&ring, &cut);
        fs::remove_file(cut.join(last.file_name().expect("a name"))).expect("ours");
        read_all(&cut).len()
    };
    let mut known = before;
    for len in 0..=bytes.len() {
        copy_ring(&ring, &cut);
        fs::write(cut.join(last.file_name().expect("a name")), &bytes[..len]).expect("ours");
        let read = read_all(&cut);
        assert_eq!(read, whole[..read.len()], "cut at {len}");
        assert!(read.len() >= known, "a longer file reads no less: {len}");
        known = read.len();
        // Mending changes nothing but the order on the disk, and the ring goes on.
        let mut recorder = Recorder::open(&cut, small(2048, 100), BOOT, second(99)).expect("opens");
        assert_eq!(read_all(&cut), read, "mended after a cut at {len}");
        Feeder::starting_at(1000).append(&mut recorder, second(99)).expect("recorded");
        drop(recorder);
        assert_eq!(read_all(&cut), [read, vec![1000]].concat(), "cut at {len}");
    }
    assert_eq!(known, whole.len());
}

#[test]
fn a_segment_in_the_middle_cut_at_any_byte_loses_only_its_own_tail() {
    let place = tempfile::tempdir().expect("a folder");
    let (ring, cut) = (place.path().join("ring"), place.path().join("cut"));
    a_ring(&ring, small(2048, 100), RECORDS, true);
    let whole = read_all(&ring);
    let middle = segment_files(&ring)[1].clone();
    let bytes = fs::read(&middle).expect("readable");
    copy_ring(&ring, &cut);
    for len in 0..bytes.len() {
        fs::write(cut.join(middle.file_name().expect("a name")), &bytes[..len]).expect("ours");
        let read = read_all(&cut);
        assert!(read.iter().all(|number| whole.contains(number)));
        let (first, last) = (whole[0], whole[whole.len() - 1]);
        assert!(read.contains(&first) && read.contains(&last), "cut at {len}");
        let lost: Vec<u64> = whole.iter().copied().filter(|n| !read.contains(n)).collect();
        let gap = lost.windows(2).all(|pair| pair[0] + 1 == pair[1]);
        assert!(gap, "one gap, not many: {lost:?}");
    }
}

#[test]
fn a_flipped_bit_anywhere_is_harmless_or_counted() {
    let place = tempfile::tempdir().expect("a folder");
    let (ring, hurt) = (place.path().join("ring"), place.path().join("hurt"));
    a_ring(&ring, small(2048, 100), RECORDS, true);
    let whole = read_all(&ring);
    copy_ring(&ring, &hurt);
    let reader = RecordReader::open(&hurt).expect("ours");
    let mut dice = Dice(7);
    for file in segment_files(&hurt) {
        let good = fs::read(&file).expect("readable");
        for byte in 0..good.len() {
            let mut bad = good.clone();
            bad[byte] ^= 1 << dice.below(8);
            fs::write(&file, &bad).expect("ours");
            let mut records = reader.records_from(Sequence::default()).expect("listable");
            let read = proven_in_order(&records.by_ref().collect::<Vec<_>>());
            let losses = records.losses();
            if read.len() < whole.len() {
                let told = losses.segments + losses.damages + losses.torn_bytes;
                assert!(told > 0, "{} of {}: {losses:?}", byte, file.display());
                assert_eq!(losses.segments, 0, "both copies of a header cannot be hit");
            }
            assert!(read.iter().all(|number| whole.contains(number)));
        }
        fs::write(&file, &good).expect("ours");
    }
    assert_eq!(read_all(&hurt), whole);
}

#[test]
fn behind_a_damage_events_and_new_chains_are_read() {
    let place = tempfile::tempdir().expect("a folder");
    let ring = place.path().join("ring");
    a_ring(&ring, small(8192, 100), RECORDS, true);
    let whole = read_all(&ring);
    let file = segment_files(&ring).remove(0);
    let mut bytes = fs::read(&file).expect("readable");
    // The header of the third record: where it ends is not known then.
    let second_begins = 208 + 32 + usize::from(bytes[208]);
    let third_begins = second_begins + 32 + usize::from(bytes[second_begins]);
    bytes[third_begins] ^= 1;
    fs::write(&file, &bytes).expect("ours");
    let reader = RecordReader::open(&ring).expect("ours");
    let mut records = reader.records_from(Sequence::default()).expect("listable");
    let found: Vec<_> = records.by_ref().collect();
    let read = proven_in_order(&found);
    assert_eq!(read[..2], [0, 1]);
    // Number 5 is an event, number 3 starts the chain of the process tables.
    assert!(read.contains(&3) && read.contains(&5) && !read.contains(&2) && !read.contains(&4));
    assert_eq!(records.losses().damages, 1);
    assert_eq!(found.len(), whole.len() - 1, "the rest is there, for those who can use it");
    let after_gap = found.iter().filter(|record| record.gap).count();
    assert_eq!(after_gap, 3, "the first of each kind behind the damage");
}

#[test]
fn a_file_that_is_no_segment_is_passed_over() {
    let place = tempfile::tempdir().expect("a folder");
    let ring = place.path().join("ring");
    a_ring(&ring, small(2048, 100), RECORDS, true);
    let whole = read_all(&ring);
    let copy = fs::read(&segment_files(&ring)[1]).expect("readable");
    fs::write(ring.join("0000000000000500.segment"), b"not one of ours").expect("ours");
    fs::write(ring.join("0000000000000600.segment"), copy).expect("ours");
    fs::write(ring.join("notes.txt"), b"foreign").expect("ours");
    fs::create_dir(ring.join("0000000000000700.segment")).expect("ours");
    std::os::unix::fs::symlink("/dev/zero", ring.join("0000000000000800.segment")).expect("ours");
    assert_eq!(read_all(&ring), whole);
    let mut recorder = Recorder::open(&ring, small(2048, 100), BOOT, second(99)).expect("opens");
    assert_eq!(recorder.counters().damaged_segments, 2, "the copy and the garbage");
    let sequence = Feeder::starting_at(999).append(&mut recorder, second(99)).expect("recorded");
    assert_eq!(sequence.segment(), 801);
    drop(recorder);
    assert_eq!(read_all(&ring), [whole, vec![999]].concat());
    assert_eq!(fs::read(ring.join("notes.txt")).expect("still there"), b"foreign");
}
