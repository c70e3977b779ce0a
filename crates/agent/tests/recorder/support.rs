//! Rings whose records prove themselves.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use watchfire_agent::recorder::{
    Kind, Record, RecordReader, Recorder, RecorderError, RecorderOptions, Sequence,
};
use watchfire_model::Moment;

pub(crate) const BOOT: &str = "0b6c2f1e-1111-2222-3333-444455556666";

/// Pseudo-random numbers (splitmix64), the same for the same seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// Small segments, so that a ring of them turns quickly.
pub(crate) fn small(segment_bytes: u64, segments: u64) -> RecorderOptions {
    RecorderOptions {
        cap_bytes: segment_bytes * segments,
        segment_bytes,
        ..RecorderOptions::default()
    }
}

/// A second number on both clocks.
pub(crate) fn second(number: u64) -> Moment {
    let monotonic = Duration::from_secs(number);
    Moment { monotonic, unix_ms: 1_700_000_000_000 + i64::try_from(number).expect("small") * 1000 }
}

/// The kind of the record with a number: mostly ticks, as an agent's are.
pub(crate) fn kind_of(number: u64) -> Kind {
    match number % 7 {
        3 => Kind::Processes,
        5 => Kind::Event,
        _ => Kind::Tick,
    }
}

/// What a record with a number holds: the number, the one that it goes on from
/// (itself when it starts a chain), and bytes that both decide.
pub(crate) fn content(number: u64, goes_on_from: u64) -> Vec<u8> {
    let mut dice = Dice(number ^ goes_on_from.rotate_left(32));
    let len = 16 + dice.below(100) as usize;
    let mut bytes = Vec::with_capacity(len);
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend_from_slice(&goes_on_from.to_le_bytes());
    bytes.extend((16..len).map(|_| dice.next() as u8));
    bytes
}

/// Checks a record against what its number says it must be, and returns the
/// number and the one that it goes on from.
pub(crate) fn proven(record: &Record) -> (u64, u64) {
    let word = |at: usize| {
        let bytes = record.bytes.get(at..at + 8).expect("records hold two numbers");
        u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
    };
    let (number, from) = (word(0), word(8));
    assert_eq!(record.bytes, content(number, from), "record {number} is wrong");
    assert_eq!(record.kind, kind_of(number), "record {number} has another kind");
    assert_eq!(record.starts_chain, number == from, "record {number}");
    (number, from)
}

/// Encodes numbers as an agent encodes ticks: each goes on from the one before
/// of its kind, until it is told to start anew.
#[derive(Default)]
pub(crate) struct Feeder {
    pub(crate) next: u64,
    last: [Option<u64>; 3],
}

impl Feeder {
    pub(crate) fn starting_at(next: u64) -> Self {
        Self { next, ..Self::default() }
    }

    /// Appends the next number, once more from the start where that is asked for.
    pub(crate) fn append(
        &mut self,
        recorder: &mut Recorder,
        now: Moment,
    ) -> Result<Sequence, RecorderError> {
        let number = self.next;
        let kind = kind_of(number);
        if recorder.needs_restart(kind, now) {
            self.last[kind as usize] = None;
        }
        self.next += 1;
        match self.append_once(recorder, number, now) {
            Err(RecorderError::NeedsRestart { .. }) => {
                self.last[kind as usize] = None;
                self.append_once(recorder, number, now)
            }
            other => other,
        }
    }

    fn append_once(
        &mut self,
        recorder: &mut Recorder,
        number: u64,
        now: Moment,
    ) -> Result<Sequence, RecorderError> {
        let kind = kind_of(number);
        let from = self.last[kind as usize].filter(|_| kind != Kind::Event).unwrap_or(number);
        self.last[kind as usize] = Some(number);
        recorder.append(kind, now, from == number, &content(number, from))
    }
}

/// Everything a reader finds: proven, in order, and each chain unbroken.
pub(crate) fn read_all(folder: &Path) -> Vec<u64> {
    let reader = RecordReader::open(folder).expect("a folder of ours");
    let records = reader.records_from(Sequence::default()).expect("listable");
    proven_in_order(&records.collect::<Vec<_>>())
}

/// The numbers of the records that can be decoded, after every check.
pub(crate) fn proven_in_order(records: &[Record]) -> Vec<u64> {
    for record in records {
        let _proven = proven(record);
    }
    let records: Vec<&Record> = records.iter().filter(|record| record.whole).collect();
    let mut last: [Option<u64>; 3] = [None; 3];
    let mut numbers = Vec::new();
    for record in &records {
        let (number, from) = proven(record);
        if number != from {
            assert_eq!(last[record.kind as usize], Some(from), "{number} goes on from nothing");
        }
        last[record.kind as usize] = Some(number);
        numbers.push(number);
    }
    assert!(records.windows(2).all(|pair| pair[0].sequence < pair[1].sequence));
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    numbers
}

/// The files that have the name of a segment, in order.
pub(crate) fn segment_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "segment")).collect();
    files.sort();
    files
}

/// A folder with the same segments, as an image of a disk that was copied.
pub(crate) fn copy_ring(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).expect("room");
    for file in segment_files(from) {
        fs::copy(&file, to.join(file.file_name().expect("a name"))).expect("room");
    }
}

/// A ring of some segments with `records` records, left as a kill leaves it
/// when `close` is false.
pub(crate) fn a_ring(folder: &Path, options: RecorderOptions, records: u64, close: bool) {
    let mut recorder = Recorder::open(folder, options, BOOT, second(0)).expect("opens");
    let mut feeder = Feeder::default();
    for number in 0..records {
        feeder.append(&mut recorder, second(number)).expect("recorded");
        let _not_now = recorder.flush(second(number)).expect("written");
    }
    if close {
        recorder.close(second(records)).expect("closed");
    }
}
